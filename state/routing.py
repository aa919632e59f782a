"""State of a routed run: what a message asks for, who handled each part of it, and how well."""

from operator import add
from typing import Annotated, Literal, NotRequired

from langchain_core.messages import AnyMessage
from langgraph.graph.message import add_messages
from typing_extensions import TypedDict

from threadloom.state.budget import Limits, Work, add_work
from threadloom.state.choice import Choice
from threadloom.state.reducers import merge_keys, merge_usage
from threadloom.state.usage import Usage

Outcome = Literal["answered", "not answered", "replied", "closed", "handed over"]


class Route(TypedDict):
    """One thing that a message asks for, and the handler that handles it."""

    label: str
    confidence: float
    """0 to 1."""
    reasons: list[str]
    text: str
    """The part of the message, in its own words."""


class Mood(TypedDict):
    """How the writer of a message feels."""

    sentiment: Literal["negative", "neutral", "positive"]
    angry: bool
    wants_person: bool
    """Whether the message asks for a human being."""
    reasons: list[str]


class Passage(TypedDict):
    """Something that was retrieved: what an answer may rest on."""

    id: str
    title: str
    text: str


class Claim(TypedDict):
    """One sentence of an answer, and the words it rests on."""

    text: str
    span: str
    """Whole sentences of the passage, verbatim."""
    passage_id: str
    title: str


class Handled(TypedDict):
    """What a handler made of its part; a handler that fails says so here and costs the others nothing."""

    label: str
    by: str
    """Id of the model that answered, or name of the agent."""
    answer: str
    claims: list[Claim]
    """Empty where an agent answers in words of its own."""
    dropped: list[str]
    """What was said without support, and is not part of the answer."""
    problem: str
    """Why this is no good answer; empty when it is one."""
    attempt: int
    vain: NotRequired[bool]
    """Whether another attempt would have nothing else to go by."""


class Task(TypedDict):
    """What a handler is sent."""

    route: Route
    message: str
    """All of it: for handlers to which the part alone does not say enough."""
    complaint: str
    """What was wrong with the answer before; empty the first time."""
    attempt: int
    budget: Limits


class RoutingState(TypedDict):
    """Everything a routed run knows. All but the messages is of the current run, which began with the last input."""

    messages: Annotated[list[AnyMessage], add_messages]
    budget: NotRequired[Limits | None]
    """What the caller allows."""
    limits: NotRequired[Limits]
    routes: NotRequired[list[Route]]
    """In the order in which the message asks."""
    mood: NotRequired[Mood]
    handled: Annotated[dict[str, Handled], merge_keys]
    """Label to the latest answer."""
    outcome: NotRequired[Outcome]
    reason: NotRequired[str]
    """Why a person was asked, or why an answer is not complete; empty when it simply was answered."""
    refused: NotRequired[str]
    """Why a person's last answer was refused; empty when it was not."""
    usage: Annotated[dict[str, Usage], merge_usage]
    work: Annotated[Work, add_work]
    choices: Annotated[list[Choice], add]
    notes: Annotated[dict[str, str], merge_keys]
    """Where something was degraded, and how."""
    finished_at: NotRequired[str | None]
    """UTC, ISO 8601; None while a run is under way."""
