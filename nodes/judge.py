"""Judging whether a goal is reached: each criterion against the notes and results, with a reason."""

from collections.abc import Callable, Sequence
from typing import Any

from pydantic import BaseModel, Field

from threadloom.models.prompts import element, plain, prompt
from threadloom.models.roles import Models
from threadloom.nodes import by_rote
from threadloom.nodes.choose import Chooser
from threadloom.nodes.node import Node
from threadloom.nodes.notes import contents, shown_notes, written
from threadloom.nodes.ponder import ponder
from threadloom.nodes.steps import tried_steps
from threadloom.state.goal import Check, GoalState
from threadloom.tools.workspace.workspace import Workspace

TASK = (
    "Judge whether the goal is reached. Hold each criterion against the notes and the results of the steps, not "
    "against what they claim of themselves, and say why. Then say what is missing."
)


class CheckDraft(BaseModel):
    """What is said of one criterion."""

    number: int = Field(description="Number of the criterion")
    met: bool
    reason: str = Field(description="What in the notes or results shows it, in one sentence")


class JudgementDraft(BaseModel):
    """Whether a goal is reached."""

    checks: list[CheckDraft] = Field(description="One for each criterion", max_length=20)
    missing: str = Field(default="", description="What is still to be done; empty if nothing is")


def judge(models: Callable[[], Models], choose: Chooser, workspace: Callable[[], Workspace]) -> Node[GoalState]:
    """Node factory: `done` only if every criterion is met. Where the last reflection gave up, that ends the run.

    Raises ModelAnswerError when no model of the role can be had.
    """

    def decide(state: GoalState) -> dict[str, Any]:
        checks, plan, pick = state.get("checks", []), state.get("plan", []), choose(state)
        messages = prompt(
            TASK,
            element("goal", state["goal"]),
            *(element("criterion", one["criterion"], number=number) for number, one in enumerate(checks, 1)),
            *tried_steps(state),
            *shown_notes(workspace, plan),
        )
        draft, spent = ponder(models(), pick, "judge", JudgementDraft, messages, state)
        if draft:
            found = _judged(checks, draft)
        elif models().is_extractive(pick.role):
            found = _by_vocabulary(checks, "\n\n".join(contents(workspace, written(plan)).values()))
        else:
            found = [Check(criterion=one["criterion"], met=False, reason=spent.why) for one in checks]
        open_ = [one for one in found if not one["met"]]
        missing = " ".join(plain(draft.missing).split()) if draft else ""
        return {
            "checks": found,
            "done": not open_,
            "missing": (missing or "; ".join(one["criterion"] for one in open_)) if open_ else "",
            "stopped": _given_up(state) if open_ else "",
            **spent.update,
        }

    return decide


def _judged(checks: Sequence[Check], draft: JudgementDraft) -> list[Check]:
    """The criteria with what was said of each; one of which nothing was said is not met."""
    said = {one.number: one for one in draft.checks}
    return [
        Check(criterion=one["criterion"], met=said[number].met, reason=" ".join(plain(said[number].reason).split()))
        if number in said
        else Check(criterion=one["criterion"], met=False, reason="the judge said nothing of it")
        for number, one in enumerate(checks, 1)
    ]


def _by_vocabulary(checks: Sequence[Check], notes: str) -> list[Check]:
    found = [(one["criterion"], *by_rote.met(one["criterion"], notes)) for one in checks]
    return [Check(criterion=criterion, met=met, reason=reason) for criterion, met, reason in found]


def _given_up(state: GoalState) -> str:
    last = state["reflections"][-1] if state.get("reflections") else None
    return f"given up: {last['reason'] or last['learnt']}" if last and last["next"] == "stop" else ""
