"""State of a chain some of whose steps can be taken back."""

from operator import add
from typing import Annotated

from typing_extensions import TypedDict


class Compensation(TypedDict):
    """A step that was taken back, or was to be."""

    step: str
    error: str
    """Why it stands; empty when it was taken back."""


class TakenBack(TypedDict):
    """What such a chain's state has besides what its steps give."""

    acted: Annotated[list[str], add]
    """Names of the steps that acted, in order: those with a `compensate`."""
    compensated: Annotated[list[Compensation], add]
    """In the order in which they were taken back: the last to act first."""
    abandoned: str
    """Why the run was given up; empty while it was not."""
