"""The answers of all handlers as one, in the order in which the message asked, each with what it rests on."""

from datetime import UTC, datetime
from typing import Any

from langchain_core.messages import AIMessage

from threadloom.models.extractive.courtesy import kindness
from threadloom.models.settings import EXTRACTIVE
from threadloom.state.routing import Handled, Outcome, RoutingState

SORRY = "I am sorry for the trouble you have had."
UNANSWERED = "This could not be answered: {problem}."
EXTRACTIVE_NOTE = "(extractive, no language model: sentences of the help pages, selected by vocabulary)"


def respond(state: RoutingState) -> dict[str, Any]:
    """Node: the last message, `outcome` and `finished_at`; greetings, thanks and praise are returned."""
    polite = "" if state.get("routes") else kindness(str(state["messages"][-1].text))
    answered = polite or any(one["answer"] for one in _handled(state))
    return ended("answered" if answered else "not answered", polite or compose(state))


def ended(outcome: Outcome, text: str, name: str | None = None) -> dict[str, Any]:
    """The update that ends a run: only this makes it finished."""
    now = datetime.now(UTC).isoformat()
    return {"messages": [AIMessage(text, name=name)], "outcome": outcome, "finished_at": now, "refused": ""}


def compose(state: RoutingState) -> str:
    """The answer as Markdown. An unhappy customer is met first; what has no answer says so."""
    handled = _handled(state)
    several = len(handled) > 1
    parts = [SORRY] if state.get("mood", {}).get("sentiment") == "negative" else []
    parts += [f"**{one['label'].capitalize()}**: {_said(one)}" if several else _said(one) for one in handled]
    parts += [EXTRACTIVE_NOTE] if any(one["by"] == EXTRACTIVE and one["claims"] for one in handled) else []
    return "\n\n".join(parts)


def _handled(state: RoutingState) -> list[Handled]:
    return [state["handled"][route["label"]] for route in state["routes"] if route["label"] in state["handled"]]


def _said(one: Handled) -> str:
    """A handler's answer and its sources."""
    if not one["answer"]:
        return UNANSWERED.format(problem=one["problem"])
    titles = list(dict.fromkeys(claim["title"] for claim in one["claims"]))
    return f"{one['answer']} (Source: {'; '.join(titles)})" if titles else one["answer"]
