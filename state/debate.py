"""State of a debate: proposals with what carries them, what was said against them, votes, and how it was decided."""

from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from threadloom.state.blackboard import Board, Conflict, add_notes
from threadloom.state.budget import Limits, Work, add_work
from threadloom.state.papers import Finding
from threadloom.state.reducers import merge_keys
from threadloom.state.research import ResearchInput, ResearchState


class Proposal(TypedDict):
    """One answer to the question. Its author's name is its id."""

    author: str
    answer: str
    findings: list[Finding]
    """Claims whose words are in a retrieved paper."""
    dropped: int
    """Claims left out since no paper has the words they quote."""


class Ballot(TypedDict):
    """What one debater thinks of the proposals after having read them all."""

    voter: str
    choice: str
    """Author of the proposal it holds to be best; may be its own."""
    confidence: float
    """From 0 to 1, as it says itself."""
    reason: str
    criticism: dict[str, str]
    """Author to what speaks against that proposal."""


class Resolution(TypedDict):
    """How a debate was decided."""

    choice: str
    """Author of the proposal that was taken; empty if there was none."""
    method: str
    tally: dict[str, float]
    """Author to votes, weight or claims, by the method."""
    tie_break: str
    """How a tie was broken; empty when there was none."""
    dissent: list[Ballot]
    """Who was of another opinion, with their reasons."""
    reason: str


class DebateInput(ResearchInput):
    """What a caller gives a debate: a question as for the research graph, and limits."""

    budget: Limits | None = Field(default=None, description="Limits of this run; those of the debate hold too")


class DebateState(ResearchState):
    """The papers are found as in the research graph; what is debated is what they say."""

    budget: NotRequired[Limits | None]
    """What the caller allows."""
    limits: NotRequired[Limits]
    """What this run may spend: the narrower of the caller's and the debate's own."""
    work: Annotated[Work, add_work]
    stopped: NotRequired[str]
    """Why not everybody could speak; empty when the budget did."""
    proposals: Annotated[dict[str, Proposal], merge_keys]
    ballots: Annotated[dict[str, Ballot], merge_keys]
    board: Annotated[Board, add_notes]
    """Key "answer": every proposal, then the one that was taken."""
    conflicts: NotRequired[list[Conflict]]
    """What the proposals contradicted each other in, before it was decided."""
    resolution: NotRequired[Resolution]
