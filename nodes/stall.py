"""Noticing that a loop gets nowhere: the same steps with the same results, over and over.

A loop of any kind gives each of its rounds a mark, equal when the round did and found the same. Polling whose result
changes and paging with other arguments have different marks and are left alone.
"""

import json
from collections.abc import Sequence
from hashlib import sha256

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from threadloom.nodes.history import units
from threadloom.state.agent import Intervention

REPEATS = 3
PERIODS = (2, 3, 4)
UNKNOWN = "unknown tool"
"""In `additional_kwargs["error"]` of the result of a call of a tool that does not exist."""
STAGES = ("nudge", "replan", "stop")


_JSON = json.JSONEncoder(
    sort_keys=True, default=str
)  # `dumps` would make one each time, which takes longer than its work


def stalled(marks: Sequence[str]) -> str:
    """Why rounds with these marks get nowhere, in words that fit behind "Because"; empty when they do not repeat."""
    if len(marks) >= REPEATS and len(set(marks[-REPEATS:])) == 1:
        return f"the same step was taken {REPEATS} times with the same result"
    for period in PERIODS:
        if len(marks) >= 2 * period and marks[-period:] == marks[-2 * period : -period]:
            return f"the same {period} steps were taken again with the same results"
    return ""


def astray(messages: Sequence[BaseMessage], interventions: Sequence[Intervention]) -> Intervention | None:
    """What to do now about an agent that gets nowhere: a nudge, then a replan, then a stop; None while it gets on.

    Counts from the last question or intervention on, so that there is time to follow it.
    """
    asked = max((at for at, message in enumerate(messages) if isinstance(message, HumanMessage)), default=0)
    since = max(asked, interventions[-1]["at"] if interventions else 0)
    reason = _reason(messages[since:])
    if not reason:
        return None
    kind = STAGES[min(len(interventions), len(STAGES) - 1)]
    return Intervention(kind=kind, reason=reason, at=len(messages))  # type: ignore[typeddict-item]  # one of STAGES


def mark(*parts: object) -> str:
    """A mark of JSON values."""
    return sha256(_JSON.encode(parts).encode()).hexdigest()[:16]


def _reason(messages: Sequence[BaseMessage]) -> str:
    rounds = [part for part in units(messages) if isinstance(part[0], AIMessage)]
    if rounds and _is_empty(rounds[-1]):
        return "the answer was empty"
    unknown = [name for part in rounds for name in dict.fromkeys(one.name for one in part if _is_unknown(one))]
    if again := [name for name in unknown if unknown.count(name) > 1]:
        return f"there is no tool {again[-1]!r}, as was said before"
    recent = rounds[-2 * max(PERIODS) :]
    # A loop has been where it is now: looked at first, since it costs little, and most rounds find something new.
    if not recent or _found(recent[-1]) not in map(_found, recent[:-1]):
        return ""
    return stalled([_mark(part) for part in recent])


def _found(part: Sequence[BaseMessage]) -> list[str]:
    return sorted(result.content if isinstance(result.content, str) else result.text for result in part[1:])


def _mark(part: Sequence[BaseMessage]) -> str:
    message = part[0]
    calls = [[call["name"], call["args"]] for call in message.tool_calls] if isinstance(message, AIMessage) else []
    results = _found(part)
    return mark(sorted(map(mark, calls)), results) if calls or results else mark(message.text)


def _is_empty(part: Sequence[BaseMessage]) -> bool:
    message = part[0]
    return isinstance(message, AIMessage) and len(part) == 1 and not message.tool_calls and not message.text.strip()


def _is_unknown(message: BaseMessage) -> bool:
    return isinstance(message, ToolMessage) and message.additional_kwargs.get("error") == UNKNOWN
