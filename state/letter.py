"""State of a chain that ends in a letter: request, documents, summary, mail, and what became of it."""

from operator import add
from typing import Annotated, NotRequired

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from threadloom.state.agent import Decision
from threadloom.state.budget import Limits
from threadloom.state.choice import Choice
from threadloom.state.reducers import merge_keys, merge_usage
from threadloom.state.usage import Usage


class LetterInput(BaseModel):
    """What a caller gives."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    request: str = Field(min_length=1, max_length=2_000, description="What the mail should be about")
    to: list[str] = Field(min_length=1, max_length=20, description="Who gets it, as in ann@example.org")
    budget: Limits | None = Field(default=None, description="Limits of this run")


class Mail(TypedDict):
    """A letter, as `threadloom.tools.mail.letter.Letter` checks it."""

    to: list[str]
    cc: list[str]
    subject: str
    body: str


class Earlier(TypedDict, total=False):
    """What an earlier run on the thread may have left."""

    mail: Mail
    draft: str


class Request(Earlier):
    """What retrieving takes."""

    request: str
    to: list[str]


class Source(TypedDict):
    """A document that was found."""

    title: str
    text: str
    link: str


class Retrieved(Earlier):
    """What retrieving gives: documents, and a run without what an earlier one on the thread left."""

    run: str
    """Names the run: a mail of it that is sent twice is recognised by it."""
    documents: list[Source]
    feedback: str
    refused: str
    outcome: str
    finished_at: str | None
    decisions: Annotated[dict[str, Decision], merge_keys]
    usage: Annotated[dict[str, Usage], merge_usage]
    choices: Annotated[list[Choice], add]
    notes: Annotated[dict[str, str], merge_keys]


class Documents(TypedDict):
    """What summarising takes."""

    request: str
    documents: list[Source]


class Summary(TypedDict):
    """What summarising gives."""

    summary: str
    outcome: str
    """Why no mail is written; empty where there is something to write."""
    finished_at: str | None
    usage: Annotated[dict[str, Usage], merge_usage]
    choices: Annotated[list[Choice], add]
    notes: Annotated[dict[str, str], merge_keys]


class Material(TypedDict):
    """What writing takes."""

    request: str
    to: list[str]
    documents: list[Source]
    summary: str
    feedback: str
    mail: NotRequired[Mail]
    """The version that the feedback is about."""
    budget: NotRequired[Limits | None]
    """What is left of it."""


class Written(TypedDict):
    """What writing gives."""

    mail: Mail
    usage: Annotated[dict[str, Usage], merge_usage]
    choices: Annotated[list[Choice], add]
    notes: Annotated[dict[str, str], merge_keys]


class ToDraft(TypedDict):
    """What drafting takes."""

    mail: Mail


class Drafted(TypedDict):
    """What drafting gives."""

    draft: str
    """Path of the .eml file."""
    outcome: str
    finished_at: str | None


class ToApprove(TypedDict):
    """What approving takes."""

    mail: Mail
    refused: str
    notes: NotRequired[dict[str, str]]


class Approved(TypedDict):
    """What approving gives: the mail, if it was edited, and the decision; or why an answer was refused."""

    refused: str
    mail: NotRequired[Mail]
    feedback: NotRequired[str]
    decisions: NotRequired[Annotated[dict[str, Decision], merge_keys]]


class ToSend(TypedDict):
    """What sending takes."""

    run: str
    mail: Mail
    decisions: Annotated[dict[str, Decision], merge_keys]


class Sent(TypedDict):
    """What sending gives."""

    draft: str
    outcome: str
    """What became of the mail, in a sentence."""
    finished_at: str | None
    """UTC, ISO 8601; None while a run is under way."""
