"""State of peers that hand a conversation over: who has it, and how it got there."""

from operator import add
from typing import Annotated, NotRequired

from typing_extensions import TypedDict

from threadloom.state.agent import AgentState
from threadloom.state.reducers import merge_keys


class Handoff(TypedDict):
    """One handing over, carried out or refused."""

    origin: str
    to: str
    message: str
    """What the peer that takes over was told."""
    refused: str
    """Why it was not carried out; empty when it was."""


class Summary(TypedDict):
    """What stands for the messages that a peer is no longer shown."""

    text: str
    upto: int
    """How many messages it stands for, from the first that the peer sees."""
    asked: str
    """Id of the question that was open when it was written."""


class HandoffState(AgentState):
    """One conversation among several peers. Who has it keeps it when the next message comes."""

    active: NotRequired[str]
    """The peer that has the conversation."""
    summaries: Annotated[dict[str, Summary], merge_keys]
    """Of each peer by name: they see different parts of the conversation."""
    handoffs: Annotated[list[Handoff], add]
    """Of the current run, in order."""
