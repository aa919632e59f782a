"""Where a run of an agent ends: with the model's answer, or with the orchestrator's word on why there is none."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from threadloom.nodes.history import paired, unanswered
from threadloom.nodes.node import Node
from threadloom.state.agent import AgentState
from threadloom.state.budget import standing


def conclude(state: AgentState) -> dict[str, Any]:
    """Set `finished_at`, answer calls that were not carried out, and see to it that the last message says something."""
    messages = state["messages"]
    reason = state.get("stopped", "")
    if not reason and not answered(messages):
        reason = standing(state.get("limits", {}), state.get("usage", {}), state.get("work")).reason
        reason = reason or "no progress: the answer was empty"
    added: list[BaseMessage] = []
    if open_ := unanswered(messages):
        added += [one.model_copy(update={"content": f"Not carried out: {reason}."}) for one in paired([open_])[1:]]
    if not answered([*messages, *added]):
        added.append(AIMessage(no_answer(reason)))
    return {"messages": added, "stopped": reason, "finished_at": _now()}


def ending(turn: Node[Any]) -> Node[Any]:
    """The turn of a model; where it answers, it ends the run itself: nothing is left to conclude, a step is saved."""

    def speak(state: Any) -> dict[str, Any]:  # whichever graph's it is
        update = turn(state)
        said = update.get("messages", [])
        return {**update, "finished_at": _now()} if said and answered(said) else update

    return speak


def _now() -> str:
    return datetime.now(UTC).isoformat()


def no_answer(reason: str) -> str:
    """What the last message says where no model had the last word."""
    return f"The run was stopped without an answer: {reason}."


def answered(messages: Sequence[Any]) -> bool:
    """Whether the conversation ends with a model's words, and not with calls that wait."""
    last = messages[-1]
    return isinstance(last, AIMessage) and bool(last.text.strip()) and unanswered(messages) is None
