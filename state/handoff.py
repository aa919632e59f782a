"""State of peers that hand a conversation over: who has it, and how it got there."""

from operator import add
from typing import Annotated, NotRequired

from typing_extensions import TypedDict

from threadloom.state.agent import AgentState


class Handoff(TypedDict):
    """One handing over, carried out or refused."""

    origin: str
    to: str
    message: str
    """What the peer that takes over was told."""
    refused: str
    """Why it was not carried out; empty when it was."""


class HandoffState(AgentState):
    """One conversation among several peers. Who has it keeps it when the next message comes."""

    active: NotRequired[str]
    """The peer that has the conversation."""
    handoffs: Annotated[list[Handoff], add]
    """Of the current run, in order."""
