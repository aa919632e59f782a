"""Quality control, first half: how does the customer feel?"""

from collections.abc import Callable
from typing import Any

from threadloom.models.prompts import element, prompt
from threadloom.models.roles import Models
from threadloom.nodes.ask import ask_or_extract
from threadloom.nodes.handler import beside_handlers
from threadloom.nodes.node import Node
from threadloom.state.budget import Stopwatch
from threadloom.state.drafts import MoodDraft
from threadloom.state.routing import Mood, RoutingState

TASK = "Say how the writer of the message feels."
MAX_CHARS = 20_000


def read_mood(models: Callable[[], Models]) -> Node[RoutingState]:
    """Node factory: `mood` of the last message. It reads beside the handlers, since nothing they do depends on it."""

    def read(state: RoutingState) -> dict[str, Any]:
        watch = Stopwatch()
        messages = prompt(TASK, element("message", state["messages"][-1].text[:MAX_CHARS]))
        answer = ask_or_extract(models(), "judge", MoodDraft, messages, beside_handlers(state))
        draft = answer.value
        mood = Mood(
            sentiment=draft.sentiment,
            angry=draft.angry,
            wants_person=draft.wants_person,
            reasons=draft.mood_reasons,
        )
        return {
            "mood": mood,
            "usage": answer.usage,
            "work": watch.work(1),
            "choices": [answer.choice("mood")],
            **({"notes": {"mood": answer.note}} if answer.note else {}),
        }

    return read
