"""Asking a person for more budget when what there is does not do."""

from typing import Any, cast

from threadloom.nodes.question import ask_person
from threadloom.state.agent import AgentState
from threadloom.state.answers import BudgetAnswer
from threadloom.state.budget import NAMES, Limits, raised, spent, standing


def ask_for_more(state: AgentState) -> dict[str, Any]:
    """Raise the run's limits by what a person allows; one who allows nothing has the agent end with what it has."""
    limits, usage, work = state.get("limits", {}), state.get("usage", {}), state.get("work")
    used = spent(usage, work)
    lines = [f"- {NAMES[name]}: {used[name] or 0:g} of {limit:g}" for name, limit in limits.items()]  # type: ignore[index]  # the keys of Limits are measures
    reason = standing(limits, usage, work).reason
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
        after = standing(higher, usage, work)
        if after.phase != "open" and not answer.stop:
            raise ValueError(f"that is not enough: {after.reason}")
    except ValueError as error:
        return {"refused": str(error)}
    return {"refused": "", "limits": higher, "declined": answer.stop}
