"""Planning the pursuit of a goal: the steps still to take after what was tried, and an end where planning is vain."""

from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.tools import BaseTool
from pydantic import BaseModel, Field

from threadloom.models.prompts import element, plain, prompt
from threadloom.models.roles import Models
from threadloom.nodes import by_rote
from threadloom.nodes.choose import Chooser
from threadloom.nodes.emit import emit
from threadloom.nodes.node import Node
from threadloom.nodes.notes import standing_mark
from threadloom.nodes.ponder import ponder
from threadloom.nodes.standstill import intervention, remark, same, standstill, tried
from threadloom.state.agent import Intervention
from threadloom.state.goal import Check, GoalState, Made, PlanStep
from threadloom.tools.workspace.path import WorkspaceError
from threadloom.tools.workspace.workspace import Workspace

TASK = (
    "Plan how to reach the goal: the steps still to take, in order, each a task that somebody with the tools can carry "
    "out without having seen the conversation. Do not plan again what was done. Keep what is found out in notes of the "
    "workspace. Say also when the goal is reached: criteria that a judge can check."
)
MOST_STEPS = 12
MOST_RESULT = 1_500
"""Characters of a step's result that the planner is shown."""
MOST_FILES = 50
MOST_TRIED = 30


class StepsDraft(BaseModel):
    """A plan for a goal."""

    steps: list[str] = Field(description="Tasks, in order, complete in themselves", min_length=1, max_length=MOST_STEPS)
    criteria: list[str] = Field(default_factory=list, description="When the goal is reached, one to five", max_length=8)


def plan_steps(
    models: Callable[[], Models],
    choose: Chooser,
    workspace: Callable[[], Workspace],
    tools: Callable[[], Sequence[BaseTool]],
) -> Node[GoalState]:
    """Node factory: replaces the open steps of the plan. Sets `stopped` where no plan gets any further.

    Raises ModelAnswerError when no model of the role can be had.
    """

    def plan(state: GoalState) -> dict[str, Any]:
        before, mark = tried(state.get("plan", [])), standing_mark(workspace, state)
        step = _intervention(state, mark)
        if step and step["kind"] == "stop":
            return {"interventions": [step], "stopped": f"no progress: {step['reason']}"}
        files = _files(workspace)
        messages = _messages(state, step, files, tools())
        draft, spent = ponder(models(), choose(state), "plan", StepsDraft, messages, state)
        strict = step is not None and step["kind"] == "replan"
        tasks = _tasks(draft.steps if draft else [], before, strict=strict)
        tasks = tasks or _tasks(_rote(state, files), before, strict=strict)
        made = Made(tasks=[same(task) for task in tasks], mark=mark)
        why = spent.why or (step["reason"] if step else "the plan was empty")
        return {
            "plan": [*before, *map(_open, tasks)],
            "plans": [made],
            "checks": state.get("checks") or _checks(draft.criteria if draft else [], state["goal"]),
            **({"interventions": [step]} if step else {}),
            "stopped": "" if tasks else f"no progress: there is no other plan, {why}",
            **spent.update,
        }

    return plan


def _files(workspace: Callable[[], Workspace]) -> list[str]:
    """What there is in the workspace; nothing if that cannot be said, which a step will meet and report."""
    try:
        return [entry.path for entry in workspace().files()]
    except WorkspaceError:
        return []


def _intervention(state: GoalState, mark: str) -> Intervention | None:
    reason = standstill(state.get("plan", []), state.get("plans", []), mark)
    if not reason:
        return None
    step = intervention(reason, state.get("interventions", []), len(state.get("reflections", [])))
    emit("intervention", **step)
    return step


def _messages(
    state: GoalState, step: Intervention | None, files: Sequence[str], tools: Sequence[BaseTool]
) -> list[BaseMessage]:
    told = remark([step], step["at"]) if step and step["kind"] != "stop" else ""
    missing = state.get("missing", "")
    return prompt(
        f"{TASK}\n\n{told}".strip(),
        element("goal", state["goal"]),
        *(element("criterion", check["criterion"]) for check in state.get("checks", [])),
        *(element("tool", tool.description, name=tool.name) for tool in tools),
        *([element("files", "\n".join(files[:MOST_FILES]))] if files else []),
        *tried_steps(state),
        *([element("missing", missing)] if missing else []),
    )


def tried_steps(state: GoalState) -> list[str]:
    """What was tried last and learnt, as elements of a prompt."""
    steps = zip(tried(state.get("plan", [])), state.get("reflections", []), strict=False)
    return [
        element(
            "step",
            one["result"][:MOST_RESULT],
            task=one["task"],
            status=one["status"],
            problem=one["problem"],
            learnt=thought["learnt"],
        )
        for one, thought in list(steps)[-MOST_TRIED:]
    ]


def _rote(state: GoalState, files: Sequence[str]) -> list[str]:
    """Without a thought: at first the clauses of the goal, later what is still open."""
    if not state.get("plans"):
        return by_rote.steps(state["goal"], files)
    return [step["task"] for step in state.get("plan", []) if step["status"] == "open"]


def _tasks(drafted: Sequence[str], before: Sequence[PlanStep], *, strict: bool) -> list[str]:
    """The tasks of a draft, each once; if `strict`, none that was tried before."""
    refused = {same(step["task"]) for step in before} if strict else set()
    tasks = {same(text): text for text in (" ".join(plain(one).split()) for one in drafted) if text}
    return [text for key, text in tasks.items() if key not in refused]


def _open(task: str) -> PlanStep:
    return PlanStep(task=task, status="open", result="", problem="", notes=[], sources=[])


def _checks(drafted: Sequence[str], goal: str) -> list[Check]:
    texts = [text for text in (" ".join(plain(one).split()) for one in drafted) if text]
    return [Check(criterion=text, met=False, reason="") for text in texts or by_rote.criteria(goal)]
