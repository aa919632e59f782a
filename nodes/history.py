"""What an agent is shown of a conversation: paired, short enough, and no more of the others than is meant.

Nothing here changes the state: the whole conversation stays in it.
"""

from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Literal

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.messages.utils import count_tokens_approximately

from threadloom.models.prompts import element

Sees = Literal["full", "own", "summary"]
QUOTED = "quoted"
"""In `additional_kwargs` of what `seen` makes of another agent's words: whose they are."""
LOST = "No result: the run was stopped before this call ended. It may or may not have been carried out."


def paired(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Every tool call followed by its result, which servers insist on; a result that was never recorded says so.

    Runs that are cut off, or continued with a new input while they wait, leave calls without a result.
    """
    results: defaultdict[str, deque[tuple[int, ToolMessage]]] = defaultdict(deque)
    for at, message in enumerate(messages):
        if isinstance(message, ToolMessage):
            results[message.tool_call_id].append((at, message))
    shown: list[BaseMessage] = []
    for at, message in enumerate(messages):
        if not isinstance(message, ToolMessage):
            shown.append(message)
        if isinstance(message, AIMessage):
            shown += [_result(call_id, name, at, results[call_id]) for call_id, name in _calls(message)]
    return shown


def unanswered(messages: Sequence[BaseMessage]) -> AIMessage | None:
    """The last message, if it is a model's and calls tools: with all of its calls still open."""
    last = messages[-1] if messages else None
    return last if isinstance(last, AIMessage) and _calls(last) else None


def units(messages: Sequence[BaseMessage]) -> list[list[BaseMessage]]:
    """A paired conversation cut where it may be cut: a message with the results of its tool calls stays whole."""
    parts: list[list[BaseMessage]] = []
    for message in messages:
        if isinstance(message, ToolMessage) and parts:
            parts[-1].append(message)
        else:
            parts.append([message])
    return parts


def trimmed(messages: Sequence[BaseMessage], tokens: int) -> list[BaseMessage]:
    """The newest units of a paired conversation that fit into about so many tokens, and always what was asked last."""
    parts = units(messages)
    asked = max((at for at, part in enumerate(parts) if is_asked(part[0])), default=-1)
    keep = {asked, len(parts) - 1}
    room = tokens - sum(count_tokens_approximately(parts[at]) for at in keep if at >= 0)
    for at in range(len(parts) - 2, -1, -1):
        room -= 0 if at in keep else count_tokens_approximately(parts[at])
        if room < 0:
            break
        keep.add(at)
    return [message for at, part in enumerate(parts) if at in keep for message in part]


def is_asked(message: BaseMessage) -> bool:
    """Whether a person said it, and not another agent that is quoted."""
    return isinstance(message, HumanMessage) and QUOTED not in message.additional_kwargs


def seen(messages: Sequence[BaseMessage], by: str, sees: Sees, summary: str = "") -> list[BaseMessage]:
    """What the agent named `by` sees of a conversation of several: messages of agents carry their `name`.

    "full": everything that was said, the others' words as material with their author and without their tool calls;
    "own": what people said, its own words and results; "summary": `summary`, then the same from the last question on.
    """
    parts = units(paired(messages))
    if sees == "summary":
        asked = max((at for at, part in enumerate(parts) if isinstance(part[0], HumanMessage)), default=0)
        known: list[BaseMessage] = [HumanMessage(element("summary", summary))] if summary else []
        return known + _mine(parts[asked:], by, others=False)
    return _mine(parts, by, others=sees == "full")


def _mine(parts: Sequence[list[BaseMessage]], by: str, *, others: bool) -> list[BaseMessage]:
    shown: list[BaseMessage] = []
    for part in parts:
        first = part[0]
        if not isinstance(first, AIMessage) or first.name in {None, by}:
            shown += part
        elif others and first.text:
            quoted = {QUOTED: first.name}
            shown.append(HumanMessage(element("message", first.text, author=first.name), additional_kwargs=quoted))
    return shown


def _calls(message: AIMessage) -> list[tuple[str, str]]:
    """Id and tool of every call, readable or not: servers want a result for each."""
    return [(call["id"] or "", call["name"] or "") for call in [*message.tool_calls, *message.invalid_tool_calls]]


def _result(call_id: str, name: str, at: int, found: deque[tuple[int, ToolMessage]]) -> ToolMessage:
    while found and found[0][0] < at:  # the result of an earlier call under the same id
        found.popleft()
    if found:
        return found.popleft()[1]
    return ToolMessage(LOST, tool_call_id=call_id, name=name, status="error")


def with_system(prompt: str, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """The conversation behind its one system message; some servers take no other, nor one further down."""
    told = [message.text for message in messages if isinstance(message, SystemMessage)]
    rest = [message for message in messages if not isinstance(message, SystemMessage)]
    text = "\n\n".join(part for part in (prompt, *told) if part)
    return [SystemMessage(text), *rest] if text else rest
