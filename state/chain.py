"""What a chain adds to the state of its steps: what was taken back, and its budget."""

from operator import add
from typing import Annotated, NotRequired

from typing_extensions import TypedDict

from threadloom.state.budget import Limits, Work, add_work
from threadloom.state.reducers import merge_usage
from threadloom.state.usage import Usage


class Compensation(TypedDict):
    """A step that was taken back, or was to be."""

    step: str
    error: str
    """Why it stands; empty when it was taken back."""


class TakenBack(TypedDict):
    """What a chain's state has besides what its steps give, if some of them can be taken back."""

    acted: Annotated[list[str], add]
    """Names of the steps that acted, in order: those with a `compensate`."""
    compensated: Annotated[list[Compensation], add]
    """In the order in which they were taken back: the last to act first."""
    abandoned: str
    """Why the run was given up; empty while it was not."""


class Rationed(TypedDict):
    """What a chain's state has besides what its steps give, if it may have a budget."""

    budget: NotRequired[Limits | None]
    """What the caller allows. A step that takes it is told what is left instead."""
    limits: NotRequired[Limits]
    """What this run may spend: the narrower of the caller's and the chain's own."""
    usage: Annotated[dict[str, Usage], merge_usage]
    """What steps say they used: those that give it spend."""
    work: Annotated[Work, add_work]
    """Counted where the run has limits."""
    last_step: NotRequired[str]
    """The step that was done last, where the run has limits: the next one knows by it whether the chain went back."""
    stopped: NotRequired[str]
    """Why the chain ended before its last step; empty when the budget did."""
