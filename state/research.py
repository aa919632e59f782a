"""State of the research assistant: what comes in, what every stage adds."""

from operator import add
from typing import Annotated, Literal, NotRequired

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from threadloom.state.choice import Choice
from threadloom.state.papers import Extraction, Paper, Reference, SourceName, SourceReport, Verdict
from threadloom.state.reducers import merge_keys, merge_usage
from threadloom.state.usage import Usage

MAX_QUESTION = 2_000
Style = Literal["apa", "ieee", "nature", "chicago", "mla", "harvard"]


class ResearchInput(BaseModel):
    """What a caller gives the research graph. What a later question on a thread leaves out stays as it was."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    question: str = Field(min_length=3, max_length=MAX_QUESTION, description="The research question, in plain words")
    style: Style = Field(default="apa", description="Citation style of the references")
    review: bool = Field(default=False, description="Pause after ranking and before the report is final")
    sources: list[SourceName] | None = Field(default=None, description="Sources to ask; by default all configured")
    max_papers: int = Field(default=8, ge=1, le=30, description="How many papers to read")


class Plan(TypedDict):
    """The typed research plan of stage 1."""

    topic: str
    sub_questions: list[str]
    key_terms: list[str]
    year_from: int | None
    year_to: int | None
    sources: list[str]


class Sentence(TypedDict):
    """A sentence of the report and the ids of the findings it rests on."""

    text: str
    findings: list[str]


class Theme(TypedDict):
    """Sentences that belong together."""

    title: str
    sentences: list[Sentence]


class Report(TypedDict):
    """The structured report of stage 5; every sentence carries at least one finding that exists."""

    answer: list[Sentence]
    themes: list[Theme]
    agreements: list[Sentence]
    disagreements: list[Sentence]
    gaps: list[str]
    limits: list[str]


class ResearchState(TypedDict):
    """Everything the research graph knows. Branches write the reduced keys, one entry each."""

    question: str
    style: NotRequired[Style]
    review: NotRequired[bool]
    sources: NotRequired[list[SourceName] | None]
    max_papers: NotRequired[int]
    started_at: NotRequired[str]
    """UTC, ISO 8601."""
    plan: NotRequired[Plan]
    hits: Annotated[dict[str, list[Paper]], merge_keys]
    """Source name to its papers, best first."""
    coverage: Annotated[dict[str, SourceReport], merge_keys]
    papers: NotRequired[list[Paper]]
    """Merged and ranked, best first, kept or not."""
    verdicts: NotRequired[list[Verdict]]
    """One for each of `papers`, same order."""
    extractions: Annotated[dict[str, Extraction], merge_keys]
    """Paper id to what was read in it."""
    report: NotRequired[Report]
    references: NotRequired[list[Reference]]
    bibtex: NotRequired[str]
    markdown: NotRequired[str]
    notes: Annotated[dict[str, str], merge_keys]
    """Stage to what was degraded there: the report's honesty section."""
    usage: Annotated[dict[str, Usage], merge_usage]
    """Model name to what it used."""
    choices: Annotated[list[Choice], add]
    refused: NotRequired[str]
    """Why a reviewer's last answer was refused; empty when it was not."""
    approved: NotRequired[bool]
    feedback: NotRequired[str]
    """What a reviewer wants changed in the next version of the report."""
    finished_at: NotRequired[str | None]
    """UTC, ISO 8601; set by the last node, None while a run is under way: an empty `next` does not mean finished."""
