"""State of agents that work for a supervisor: what each was asked for, what came of it, and the board they share."""

from typing import Annotated, Literal, NotRequired

from typing_extensions import TypedDict

from threadloom.state.agent import AgentState
from threadloom.state.blackboard import Board, Conflict, add_notes
from threadloom.state.budget import Limits
from threadloom.state.reducers import merge_keys
from threadloom.state.usage import Usage


class Delegation(TypedDict):
    """A contract with a specialist, and what came of it."""

    to: str
    request: str
    expected: str
    """What the result was to contain; empty if nothing was said."""
    budget: Limits
    """The share of the budget that it was given."""
    status: Literal["done", "stopped", "failed"]
    """`stopped` before it was through: there may be a result all the same."""
    reason: str
    """Why it was stopped or failed."""
    note: str
    """Key of its result on the board; empty when there is none."""
    usage: dict[str, Usage]


class TeamState(AgentState):
    """An agent loop whose tools are other agents. The board stays with the thread, delegations are of one run."""

    board: Annotated[Board, add_notes]
    delegations: Annotated[dict[str, Delegation], merge_keys]
    """Tool call id to delegation."""
    conflicts: NotRequired[list[Conflict]]
    """What the specialists left in contradiction when the run ended."""
