"""Asking a person for more budget when what there is does not do."""

from collections.abc import Callable
from typing import Any, cast

from threadloom.nodes.question import ask_person
from threadloom.state.agent import AgentState
from threadloom.state.answers import BudgetAnswer
from threadloom.state.budget import NAMES, Limits, raised, spent, standing


def ask_for_more(state: AgentState, short: Callable[[Any], str] = lambda _: "") -> dict[str, Any]:
    """Raise the run's limits by what a person allows; one who allows nothing has the agent end with what it has.

    `short` says of a state what a budget that is not used up lacks all the same; empty if it lacks nothing.
    """
    limits, usage, work = state.get("limits", {}), state.get("usage", {}), state.get("work")
    used = spent(usage, work)
    lines = [f"- {NAMES[name]}: {used[name] or 0:g} of {limit:g}" for name, limit in limits.items()]  # type: ignore[index]  # the keys of Limits are measures
    reason = standing(limits, usage, work).reason or short(state)
    try:
        answer = ask_person(
            BudgetAnswer,
            "budget",
            f"May the run go on? {reason[:1].upper()}{reason[1:]}.",
            state.get("refused", ""),
            {"model_calls": 5},
            markdown="\n".join(lines),
            details={"limits": limits, "spent": used},
        )
        higher = raised(limits, cast("Limits", answer.more()))
        lacking = standing(higher, usage, work).reason or short({**state, "limits": higher})
        if lacking and not answer.stop:
            raise ValueError(f"that is not enough: {lacking}")
    except ValueError as error:
        return {"refused": str(error)}
    return {"refused": "", "limits": higher, "declined": answer.stop}
