"""Noticing that the pursuit of a goal gets nowhere: the same plan, the same failing step, notes that do not change.

Looked at whenever another plan is due. First the planner is nudged, then it may only plan what was not tried, then the
run is stopped; each with the reason.
"""

from collections.abc import Sequence

from threadloom.models.extractive.text import fold, words
from threadloom.nodes.stall import STAGES
from threadloom.state.agent import Intervention
from threadloom.state.goal import Made, PlanStep

PATIENCE = 2
"""Plans in a row that may leave notes and world as they were."""
TOLD = {
    "nudge": "Note: {reason}. Do something else.",
    "replan": "Note: once more, {reason}. What was tried before is refused now: find another way.",
}


def same(task: str) -> str:
    """A task in a form that is equal for the same task, however it is spaced, capitalised or punctuated."""
    return " ".join(map(fold, words(task))) or task.strip()


def tried(plan: Sequence[PlanStep]) -> list[PlanStep]:
    """The steps that are not open."""
    return [step for step in plan if step["status"] != "open"]


def standstill(plan: Sequence[PlanStep], plans: Sequence[Made], mark: str) -> str:
    """Why the plans so far get nowhere, in words that fit behind "Because"; empty while they get on."""
    failed = [same(step["task"]) for step in plan if step["status"] == "failed"]
    last = next((step for step in reversed(tried(plan))), None)
    if last and last["status"] == "failed" and failed.count(same(last["task"])) > 1:
        return f"the same step failed again: {last['task']}"
    made = [one["tasks"] for one in plans]
    if made and made[-1] in made[:-1]:
        return "the same plan was made again"
    if len(plans) >= PATIENCE and all(one["mark"] == mark for one in plans[-PATIENCE:]):
        return f"{PATIENCE} plans in a row have changed nothing in the notes"
    return ""


def intervention(reason: str, before: Sequence[Intervention], at: int) -> Intervention:
    """What to do about it: one stage more than before."""
    kind = STAGES[min(len(before), len(STAGES) - 1)]
    return Intervention(kind=kind, reason=reason, at=at)  # type: ignore[typeddict-item]  # one of STAGES


def remark(interventions: Sequence[Intervention], at: int) -> str:
    """What there is to say of the last intervention, until the next step has been reflected on; else empty."""
    last = interventions[-1] if interventions else None
    if last is None or last["at"] != at or last["kind"] not in TOLD:
        return ""
    return TOLD[last["kind"]].format(reason=last["reason"])
