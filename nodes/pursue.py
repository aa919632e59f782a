"""Carrying out the next step of a plan: an agent gets the task, what is known, and a share of the budget."""

from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage, ToolMessage

from threadloom.models.extractive.answer import NOTHING
from threadloom.models.extractive.text import sentences, squeeze
from threadloom.models.prompts import element
from threadloom.nodes.delegate import Outcome, delegate
from threadloom.nodes.emit import emit
from threadloom.nodes.node import Node
from threadloom.nodes.notes import written_by
from threadloom.nodes.standstill import remark, tried
from threadloom.nodes.think import EXTRACTIVE_NOTE
from threadloom.state.budget import Limits, after_answer, left, shares, standing
from threadloom.state.goal import GoalState, PlanStep
from threadloom.tools.answer import capped
from threadloom.tools.workspace.tools import WRITERS

MOST_RESULT = 6_000
"""Characters of a result that are kept."""
MOST_SOURCES = 12
SHOWN = 8
"""Steps before this one whose results the agent is shown."""


def pursue(agent: Callable[[], Any]) -> Node[GoalState]:
    """Node factory for a compiled agent. An error of it is the step's problem; a question it asks pauses the run."""

    def step(state: GoalState) -> dict[str, Any]:
        plan = state.get("plan", [])
        at = next(number for number, one in enumerate(plan) if one["status"] == "open")
        outcome = delegate(agent(), [HumanMessage(_brief(state, plan[at]))], _part(state), deadline=None)
        after = _tried(plan[at], outcome)
        emit("step_ended", task=after["task"], problem=after["problem"], notes=", ".join(after["notes"]))
        return {"plan": [*plan[:at], after, *plan[at + 1 :]], "acts": outcome.acts, **outcome.charges()}

    return step


def _brief(state: GoalState, step: PlanStep) -> str:
    """The task as the agent reads it; what others found is material."""
    told = remark(state.get("interventions", []), len(state.get("reflections", [])))
    known = tried(state.get("plan", []))[-SHOWN:]
    sources = list(dict.fromkeys(source for one in known for source in one["sources"]))
    parts = [
        step["task"],
        *([element("remark", told)] if told else []),
        element("goal", state["goal"]),
        *(
            element("result", one["result"], task=one["task"], notes=", ".join(one["notes"]))
            for one in known
            if one["result"]
        ),
        *(element("source", one) for one in sources[:MOST_SOURCES]),
    ]
    return "\n\n".join(parts)


def _part(state: GoalState) -> Limits:
    """A share of what is left beside the answer: one for each open step, one for looking at what they gave.

    All of it where a share does not do.
    """
    rest = after_answer(left(state.get("limits", {}), state.get("usage", {}), state.get("work")))
    part = shares(rest, sum(one["status"] == "open" for one in state.get("plan", [])) + 1)[0]
    return part if standing(part, {}, None).phase == "open" else rest


def _tried(step: PlanStep, outcome: Outcome) -> PlanStep:
    answer = outcome.answer.removesuffix(EXTRACTIVE_NOTE).strip()  # said once, of the whole
    answer = _without_receipts(answer, outcome.messages)
    nothing = "there is nothing to go by" if answer.startswith(NOTHING) else "" if answer else "it gave no answer"
    return PlanStep(
        task=step["task"],
        status="tried",
        result="" if nothing else capped(answer, MOST_RESULT, "the rest was not kept"),
        problem=outcome.failed or outcome.stopped or nothing,
        notes=written_by(outcome.messages),
        sources=_sources(outcome.messages, answer),
    )


def _without_receipts(answer: str, messages: Sequence[BaseMessage]) -> str:
    """Without what tools said to confirm that notes were written, which is no finding; unless there is nothing else."""
    rest = answer
    for message in messages:
        if isinstance(message, ToolMessage) and message.name in WRITERS:
            rest = rest.replace(message.text, "")
    return rest.strip() or answer


def _sources(messages: Sequence[BaseMessage], answer: str) -> list[str]:
    """What tools found that has a title and an id, such as papers; of those only the ones whose words the answer has.

    All of them where an answer is in words of its own.
    """
    found = [one for message in messages if isinstance(message, ToolMessage) for one in _items(message.artifact)]
    said = sentences(answer)
    quoted = [one for one in found if any(sentence in _words(one) for sentence in said)]
    named = (f"{one['title']} ({one['id']})" for one in quoted or found if one.get("title") and one.get("id"))
    return list(dict.fromkeys(named))[:MOST_SOURCES]


def _words(item: dict[str, Any]) -> str:
    return squeeze("\n".join(part for part in item.values() if isinstance(part, str)))


def _items(artifact: object) -> list[dict[str, Any]]:
    return [one for one in artifact if isinstance(one, dict)] if isinstance(artifact, list) else []
