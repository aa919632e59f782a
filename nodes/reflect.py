"""Reflecting on a step: whether it worked, what was learnt, and whether to go on, replan or stop."""

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, Field

from threadloom.models.prompts import element, plain, prompt
from threadloom.models.roles import Models
from threadloom.nodes.choose import Chooser
from threadloom.nodes.node import Node
from threadloom.nodes.ponder import ponder
from threadloom.state.goal import GoalState, Next, PlanStep, Reflection

TASK = (
    "Reflect on the step that was just tried towards the goal. Did it do what its task says? Then: go_on with the open "
    "steps; replan, if what was learnt makes them wrong or the step has to be tried in another way; or stop, if the "
    "goal is reached or cannot be reached, which a judge will look at."
)


class ReflectionDraft(BaseModel):
    """What is thought of a step."""

    worked: bool = Field(description="Whether the step did what its task says")
    learnt: str = Field(description="What was learnt, in one or two sentences")
    next: Next = Field(description="go_on, replan or stop")
    reason: str = Field(description="Why, in one sentence")


def reflect(models: Callable[[], Models], choose: Chooser) -> Node[GoalState]:
    """Node factory: settles the step that was tried. One that gave nothing has not worked, whatever is said of it.

    Raises ModelAnswerError when no model of the role can be had.
    """

    def settle(state: GoalState) -> dict[str, Any]:
        plan = state.get("plan", [])
        at = next(number for number, one in enumerate(plan) if one["status"] == "tried")
        step, opened = plan[at], [one["task"] for one in plan if one["status"] == "open"]
        messages = prompt(
            TASK,
            element("goal", state["goal"]),
            element("step", step["result"], task=step["task"], problem=step["problem"], notes=", ".join(step["notes"])),
            *(element("open", task) for task in opened),
        )
        draft, spent = ponder(models(), choose(state), "reflect", ReflectionDraft, messages, state)
        thought = _reflection(step, draft) if draft else _without(step, spent.why)
        settled = PlanStep(**{**step, "status": "done" if thought["worked"] else "failed"})
        return {"plan": [*plan[:at], settled, *plan[at + 1 :]], "reflections": [thought], **spent.update}

    return settle


def _reflection(step: PlanStep, draft: ReflectionDraft) -> Reflection:
    return Reflection(
        task=step["task"],
        worked=draft.worked and bool(step["result"] or step["notes"]),
        learnt=" ".join(plain(draft.learnt).split()),
        next=draft.next,
        reason=" ".join(plain(draft.reason).split()),
    )


def _without(step: PlanStep, why: str) -> Reflection:
    """Without a thought: a step worked if it ended by itself; what is missing in the end is the judge's to say."""
    worked = not step["problem"]
    wrote = f"wrote {', '.join(step['notes'])}" if step["notes"] else "wrote nothing"
    learnt = f"It {wrote} and found {len(step['sources'])} sources." if worked else step["problem"]
    return Reflection(task=step["task"], worked=worked, learnt=learnt, next="go_on", reason=why)
