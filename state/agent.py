"""State of an agent loop: the conversation, what it may spend and has spent, and every choice that was made."""

from operator import add
from typing import Annotated, Any, Literal, NotRequired

from langchain_core.messages import AnyMessage
from langgraph.graph.message import add_messages
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from threadloom.state.budget import Limits, Work, add_work
from threadloom.state.choice import Choice
from threadloom.state.reducers import merge_keys, merge_usage
from threadloom.state.usage import Usage


class AgentInput(BaseModel):
    """What a caller gives an agent: at least one message. It answers the last one."""

    model_config = ConfigDict(extra="forbid")

    messages: list[AnyMessage] = Field(min_length=1, description="The conversation, or what is new in it")
    budget: Limits | None = Field(default=None, description="Limits of this run; those of the agent hold too")


class Decision(TypedDict):
    """What a person decided of a tool call or another proposal."""

    action: Literal["approve", "edit", "reject", "respond"]
    args: dict[str, Any]
    """Of an edit: what to use instead."""
    text: str
    """Why it was rejected, or the response to use as the result."""


class Act(TypedDict):
    """Something that a tool did to the world, or may have done; in the order of the calls."""

    call_id: str
    tool: str
    args: dict[str, Any]
    status: Literal["success", "error"]
    """After an error nobody knows how far it came."""
    result: str
    """What the tool said of it, in brief."""


class Intervention(TypedDict):
    """What the orchestrator did about a loop that gets nowhere."""

    kind: Literal["nudge", "replan", "stop"]
    reason: str
    at: int
    """How many messages the conversation had by then: what came before does not count again."""


class Course(TypedDict):
    """What decides where an agent loop goes on: apart, since LangGraph reads every key for whoever asks for more."""

    messages: Annotated[list[AnyMessage], add_messages]
    limits: NotRequired[Limits]
    """What this run may spend: the narrower of the caller's and the agent's own, plus what a person added."""
    usage: Annotated[dict[str, Usage], merge_usage]
    """Model id to what it used."""
    work: Annotated[Work, add_work]
    decisions: Annotated[dict[str, Decision], merge_keys]
    """Tool call id to what a person decided of it."""
    declined: NotRequired[bool]
    """Whether a person was asked for more budget and gave none."""
    stopped: NotRequired[str]
    """Why the orchestrator ended the run; empty when the model ended it with its answer."""
    finished_at: NotRequired[str | None]
    """UTC, ISO 8601; None while a run is under way: an empty `next` does not mean finished."""


class AgentState(Course):
    """Everything an agent loop knows. All but the messages is of the current run, which began with the last input."""

    budget: NotRequired[Limits | None]
    """What the caller allows."""
    choices: Annotated[list[Choice], add]
    interventions: Annotated[list[Intervention], add]
    acts: Annotated[list[Act], add]
    refused: NotRequired[str]
    """Why a person's last answer was refused; empty when it was not."""
    summary: NotRequired[str]
    """Of the messages that the model is no longer shown."""
    summarised: NotRequired[int]
    """How many messages, from the first, the summary stands for."""
    notes: Annotated[dict[str, str], merge_keys]
    """Where something was degraded, and how."""
