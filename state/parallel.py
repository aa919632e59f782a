"""State of a fan-out: what each branch found, what is missing and why, and where branches disagree."""

from operator import add
from typing import Annotated, Any, Literal, NotRequired

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from threadloom.state.budget import Limits, Work, add_work
from threadloom.state.choice import Choice
from threadloom.state.reducers import merge_keys, merge_usage
from threadloom.state.usage import Usage

Why = Literal["failed", "timed out", "not available", "not needed", "found nothing"]
"""Why there is nothing of a branch; it is not needed once the policy is met, or can no longer be."""


class ParallelInput(BaseModel):
    """What a caller gives."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    question: str = Field(min_length=1, max_length=10_000, description="What all branches are asked")
    budget: Limits | None = Field(default=None, description="Limits of this run; those of the graph hold too")


class Part(TypedDict):
    """What one branch found."""

    branch: str
    text: str
    sources: list[str]
    """Where it comes from: addresses, tables, files."""
    facts: dict[str, Any]
    """What it claims by name, as plain JSON: where two branches claim different things, that is a conflict."""
    seconds: float


class Missing(TypedDict):
    """What is not there."""

    branch: str
    why: Why
    reason: str
    seconds: float


class Claim(TypedDict):
    """What one branch says of a fact."""

    branch: str
    value: Any


class Conflict(TypedDict):
    """A fact that branches disagree about, and what became of it."""

    fact: str
    claims: list[Claim]
    resolved: bool
    value: Any
    """What holds, if it was resolved."""
    reason: str
    """Why that, or why nothing."""


class ParallelState(TypedDict):
    """Everything a fan-out knows of its current run."""

    question: str
    budget: NotRequired[Limits | None]
    """What the caller allows."""
    limits: NotRequired[Limits]
    """What this run may spend: the narrower of the caller's and the graph's own."""
    run: str
    """Names the run among those of this process: its branches tell each other when they are done."""
    parts: Annotated[dict[str, Part], merge_keys]
    missing: Annotated[dict[str, Missing], merge_keys]
    conflicts: NotRequired[list[Conflict]]
    unmet: NotRequired[str]
    """Why the policy was not met; empty when it was."""
    answer: NotRequired[str]
    usage: Annotated[dict[str, Usage], merge_usage]
    work: Annotated[Work, add_work]
    """Counted where the run has limits."""
    choices: Annotated[list[Choice], add]
    notes: Annotated[dict[str, str], merge_keys]
    """Where something was degraded, and how."""
    finished_at: NotRequired[str | None]
    """UTC, ISO 8601; None while a run is under way."""
