"""Keeping a long conversation within what a model can read: what no longer fits is summarised once, and kept so."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from langchain_core.messages import BaseMessage
from langchain_core.messages.utils import count_tokens_approximately

from threadloom.models.chain import ModelAnswerError
from threadloom.models.prompts import element, prompt
from threadloom.models.reply import reply
from threadloom.models.roles import Models
from threadloom.nodes.history import is_asked, paired, trimmed
from threadloom.state.agent import AgentState
from threadloom.state.choice import Choice
from threadloom.state.usage import Usage

ROLE = "summariser"
TASK = (
    "Summarise the beginning of a conversation for whoever goes on with it: what was asked, what was found out (with "
    "numbers, names and identifiers as they were), what was decided, what is still open. At most 300 words."
)
CLIP = 2_000
"""Characters of one old message that the summary is made from."""
ROOM = 0.5
"""Of the window, for what stays after a summary was made, so that the next turns need none."""


class Shown(NamedTuple):
    """What the model is shown, and what making that cost and changed."""

    messages: list[BaseMessage]
    summary: str = ""
    update: dict[str, Any] = {}  # noqa: RUF012 - never changed
    usage: dict[str, Usage] = {}  # noqa: RUF012 - never changed
    choices: Sequence[Choice] = ()


def check_window(tokens: int | None) -> None:
    """Raises ValueError on a window in which nothing could be shown."""
    if tokens is not None and not (isinstance(tokens, int | float) and tokens >= 1):
        raise ValueError(f"window: {tokens!r} is not a number of tokens; leave it out to show everything")


def condensed(models: Models, state: AgentState, tokens: int | None, *, pays: bool = True) -> Shown:
    """The conversation within about `tokens`; None shows all of it.

    What does not fit is replaced by a summary, which is a call of a model; it is left out where nobody `pays` for one,
    or no model can be had to write it.
    """
    since, summary = state.get("summarised", 0), state.get("summary", "")
    messages = _with_question(paired(state["messages"][since:]), state["messages"])
    if tokens is None or count_tokens_approximately(messages) <= tokens:
        return Shown(messages, summary)
    kept = trimmed(messages, int(tokens * ROOM))
    staying = {id(message) for message in kept}
    gone = [message for message in messages if id(message) not in staying]
    if not gone:
        return Shown(messages, summary)
    if not pays:
        return Shown(kept, summary, _left_out("the budget has no room for a summary"))
    try:
        answer = reply(models, ROLE, prompt(TASK, *_material(summary, gone)), aside=True)
    except ModelAnswerError as error:
        return Shown(kept, summary, _left_out(str(error)), error.usage)
    text = answer.value.text
    update = {"summary": text, "summarised": _tail(state["messages"], staying)}
    return Shown(kept, text, update, answer.usage, [answer.choice("summary")])


def _left_out(why: str) -> dict[str, Any]:
    return {"notes": {"summary": f"earlier messages were left out: {why}"}}


def _with_question(messages: list[BaseMessage], all_: Sequence[BaseMessage]) -> list[BaseMessage]:
    """The messages, behind the last thing a person said if that is not among them: it is never only summarised."""
    asked = next((one for one in reversed(all_) if is_asked(one)), None)
    return messages if asked is None or any(one is asked for one in messages) else [asked, *messages]


def _material(summary: str, messages: Sequence[BaseMessage]) -> list[str]:
    earlier = [element("summary", summary)] if summary else []
    return earlier + [element("message", message.text[:CLIP], author=message.type) for message in messages]


def _tail(messages: Sequence[BaseMessage], staying: set[int]) -> int:
    """Where the unbroken tail of messages that stay begins: the summary stands for all before it."""
    at = len(messages)
    while at > 0 and id(messages[at - 1]) in staying:
        at -= 1
    return at
