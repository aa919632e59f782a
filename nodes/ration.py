"""Steps of a chain on a budget: each is told what is left of it, and what it has no room for is not begun."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from langgraph.types import Overwrite

from threadloom.nodes.node import Node
from threadloom.nodes.step import Step, types
from threadloom.nodes.within import TooSlowError, within
from threadloom.state.budget import Limits, Stopwatch, checked, left, narrower, standing
from threadloom.state.reducers import total_usage


def spends(step: Step) -> bool:
    """Whether it may ask models: it gives `usage`."""
    return "usage" in types(step.gives)


def goes_back(steps: Sequence[Step], step: Step) -> list[str]:
    """Names of the steps that may go back to this one, itself among them.

    None where it asks a person: it is visited again until an answer fits, whatever is left.
    """
    if "refused" in types(step.takes):
        return []
    after = steps[[one.name for one in steps].index(step.name) :]
    return [one.name for one in after if step.name in one.to]


def rationed(
    step: Step,
    run: Node[Any],
    budget: Limits,
    *,
    first: bool,
    back: Collection[str] = (),
    ends: Sequence[str] = ("stopped",),
) -> Node[Any]:
    """Node factory for `run`, the step's node. The first step of a chain begins the run's budget.

    A step that spends is not begun when the budget is over, nor waited for after its seconds; nor is any step then to
    which the chain goes `back`, from one of these, which counts as a step of the budget: else a loop of steps that do
    not spend would never end. It gives what its `without` says, or the reason under the keys of `ends`. Raises
    ValueError on a budget that is none.
    """
    takes, spending = types(step.takes).keys(), spends(step)

    def node(state: Any) -> dict[str, Any]:
        watch, account = Stopwatch(), _begun(state, budget) if first else state
        limits, usage, work = account.get("limits", {}), account.get("usage", {}), account.get("work")
        rest, stand = left(limits, usage, work), standing(limits, usage, work)
        given = {key: state[key] for key in takes if key in state}
        if "budget" in takes:
            given["budget"] = rest
        update: dict[str, Any] = {}
        again = state.get("last_step") in back
        reason = stand.reason if (spending or again) and stand.phase == "over" else ""
        try:
            if not reason:
                update = within(rest.get("seconds") if spending else None, lambda: run(given))
        except TooSlowError as error:
            reason = f"the budget left no more time: step {step.name} gave {error}"
        if reason:
            update = dict(step.without(reason)) if step.without else dict.fromkeys(ends, reason)
        if not limits and not (first and state.get("limits")):
            return update  # nothing is written that nobody asked for: writes cost time
        return {**_charged(update, limits, watch, first=first, least=int(again and not reason)), "last_step": step.name}

    return node


def _begun(state: Mapping[str, Any], budget: Limits) -> dict[str, Any]:
    """The account of a new run, whatever an earlier one on the thread left."""
    return {"limits": narrower(budget, checked(state.get("budget") or {}, least=0))}


def _charged(update: dict[str, Any], limits: Limits, watch: Stopwatch, *, first: bool, least: int) -> dict[str, Any]:
    given = update.get("usage", {})
    usage = given.value if isinstance(given, Overwrite) else given
    work = watch.work(max(total_usage(usage)["calls"], least))
    if not first:
        return {**update, "work": work}
    begun = {"limits": limits, "usage": Overwrite(usage), "work": Overwrite(work)}
    return {"stopped": "", **update, **begun}
