"""Taking back the steps of a chain that have acted, the last first, when its run is given up."""

from collections.abc import Callable, Sequence
from typing import Any, cast

from langgraph.errors import GraphBubbleUp
from langgraph.types import Overwrite

from threadloom.models.errors import passing
from threadloom.nodes.emit import emit
from threadloom.nodes.node import Node
from threadloom.nodes.step import Step, StepError
from threadloom.nodes.undo import standing
from threadloom.nodes.within import TooSlowError, within
from threadloom.state.chain import Compensation, TakenBack


def begin(state: TakenBack) -> dict[str, Any]:  # noqa: ARG001 - a node
    """Forget what an earlier run of the thread did."""
    return {"acted": Overwrite([]), "compensated": Overwrite([]), "abandoned": ""}


def acted(step: Step) -> Node[Any]:
    """The step as a node that records that it acted."""
    run = step.checked()

    def node(state: Any) -> dict[str, Any]:
        return {**run(state), **({"acted": [step.name]} if step.compensate else {})}

    return node


def giving_up(name: str, run: Node[Any]) -> Node[Any]:
    """The node of a step: one that fails for good gives the run up."""

    def node(state: Any) -> dict[str, Any]:
        for last in (False, True):
            try:
                return run(state)
            except GraphBubbleUp:
                raise
            except Exception as error:  # noqa: BLE001 - the reason is in the state, and what was done is taken back
                if last or not passing(error):
                    return {"abandoned": f"{name} failed: {type(error).__name__}: {error}"}
        return {}

    return node


def compensate(steps: Sequence[Step]) -> Node[Any]:
    """Node factory: takes one step back a visit, so that a run that is killed here repeats at most that one.

    Where it is sent a state that was given up on the way, it keeps the reason.
    """
    hooks = {step.name: step for step in steps if step.compensate}

    def take_back(state: Any) -> dict[str, Any]:
        given_up = {"abandoned": state["abandoned"]}
        if not left(state):
            return given_up
        name = left(state)[-1]
        done = Compensation(step=name, error=standing(lambda: _taken_back(hooks[name], state)))
        emit("compensated", **done)
        return {**given_up, "compensated": [done]}

    return take_back


def _taken_back(step: Step, state: Any) -> None:
    hook = cast("Callable[[Any], object]", step.compensate)
    try:
        within(step.deadline, lambda: hook(state))
    except TooSlowError as error:
        raise StepError(f"it gave {error}: whether it was taken back is not known") from None


def left(state: TakenBack) -> list[str]:
    """Steps that acted and were not taken back, in order."""
    return state["acted"][: len(state["acted"]) - len(state["compensated"])]
