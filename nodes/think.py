"""The agent's turn: the model is shown the conversation and answers or calls tools, within budget and while it gets on.

At the end of the budget, or after it got nowhere three times, it is asked once more, without tools but those that cost
no further turn.
"""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, ToolCall
from langchain_core.tools import BaseTool

from threadloom.models.chain import Answer, ModelAnswerError
from threadloom.models.characters import whole
from threadloom.models.prompts import element
from threadloom.models.reply import reply
from threadloom.models.roles import Models
from threadloom.models.settings import EXTRACTIVE
from threadloom.nodes.choose import Chooser
from threadloom.nodes.condense import Shown, check_window, condensed
from threadloom.nodes.emit import emit
from threadloom.nodes.history import with_system
from threadloom.nodes.node import Node
from threadloom.nodes.stall import astray
from threadloom.nodes.tool import faults
from threadloom.nodes.within import TooSlowError, within
from threadloom.state.agent import AgentState, Intervention
from threadloom.state.budget import Standing, Stopwatch, after_answer, left, standing
from threadloom.state.reducers import merge_usage, total_usage

EXTRACTIVE_NOTE = "(extractive, no language model: sentences of the tools' results, selected by vocabulary)"
TOLD = {
    "nudge": "Note: {reason}. Do something else, or answer with what you have.",
    "replan": (
        "Note: once more, {reason}. What you are doing does not work. Say in a sentence what you know and what is "
        "missing, make a different plan, and follow it; if there is none, answer with what you have."
    ),
    "stop": "Note: {reason}. No more tools can be called{but}. Answer now with what you have, and say what is missing.",
}


def think(
    models: Callable[[], Models],
    choose: Chooser,
    prompt: str | Callable[[Any], str],
    tools: Sequence[BaseTool],
    *,
    node: str = "model",
    name: str = "",
    window: int | None = None,
    asks: bool = False,
    last: Sequence[BaseTool] = (),
    view: Callable[[Any], list[AnyMessage]] | None = None,
) -> Node[Any]:
    """Node factory. `name` signs the agent's messages, `window` is about how many tokens it is shown.

    The prompt may depend on the state; `view` is what of the conversation is shown at all, everything unless given.

    With `asks` it leaves its last answer until a person has declined to raise the budget. `last` are those of the tools
    that may take the place of that answer: whoever carries them out asks no model after them.
    Raises ModelAnswerError when no model of the role can be had: the run can be resumed from here; where a summary was
    paid for before, the update is that alone, and the graph asks again. The factory raises ValueError on a window in
    which nothing could be shown.
    """
    check_window(window)

    def turn(state: AgentState) -> dict[str, Any]:
        watch = Stopwatch()
        limits, usage, work = state.get("limits", {}), state.get("usage", {}), state.get("work")
        stand, rest = standing(limits, usage, work), left(limits, usage, work)
        if stand.phase == "over" or (stand.phase == "last" and asks and not state.get("declined")):
            return {}  # the graph ends the run, or asks for more
        step, pick = astray(state["messages"], state.get("interventions", [])), choose(state)
        final = stand.phase == "last" or (step is not None and step["kind"] == "stop")
        if step:
            emit("intervention", **step)

        shown = Shown([])

        def ask() -> Answer[AIMessage]:
            nonlocal shown
            visible = AgentState(**{**state, "messages": view(state)}) if view else state
            pays = window is None or standing(after_answer(rest), {}, None).phase == "open"
            shown = condensed(models(), visible, window, pays=pays)
            told = prompt if isinstance(prompt, str) else prompt(state)
            messages = with_system(_told(told, shown.summary, stand, step, last), shown.messages)
            return reply(models(), pick.role, messages, last if final else tools)

        try:
            answer = within(rest.get("seconds"), ask)
        except TooSlowError:
            return _summed_up(shown, watch, 1)  # which uses up the seconds, so that the run ends here
        except ModelAnswerError:
            if not shown.usage:
                raise
            return _summed_up(shown, watch, 0)  # the graph asks again, with the summary that was paid for
        used = merge_usage(shown.usage, answer.usage)
        message = _message(answer, state["messages"], name, last if final else None)
        return {
            "messages": [message],
            "usage": used,
            "work": watch.work(total_usage(used)["calls"]),
            "choices": [*shown.choices, answer.choice(node, pick.reason)],
            # What is empty is not written: each write is stored, and costs a step some of its time.
            **({"interventions": [step]} if step else {}),
            **({"stopped": _why(stand, step)} if final and not message.tool_calls else {}),
            **_notes(shown, answer),
        }

    return turn


def _summed_up(shown: Shown, watch: Stopwatch, hanging: int) -> dict[str, Any]:
    """What a turn without an answer returns: what a node raises an error on, such as a summary, is lost."""
    work = watch.work(total_usage(shown.usage)["calls"] + hanging)
    paid = {**shown.update, "usage": shown.usage, "choices": list(shown.choices)} if shown.usage else {}
    return {"work": work, **paid}


def _told(prompt: str, summary: str, stand: Standing, step: Intervention | None, last: Sequence[BaseTool]) -> str:
    """The system message: the prompt, what was said before, and what the orchestrator has to say."""
    parts = [prompt, f"What was said before:\n{element('summary', summary)}" if summary else ""]
    but = f", except {' and '.join(tool.name for tool in last)}" if last else ""
    if stand.phase == "last":
        parts.append(TOLD["stop"].format(reason=stand.reason, but=but))
    elif step:
        parts.append(TOLD[step["kind"]].format(reason=step["reason"], but=but))
    return "\n\n".join(part for part in parts if part)


def _why(stand: Standing, step: Intervention | None) -> str:
    return stand.reason if stand.phase == "last" or step is None else f"no progress: {step['reason']}"


def _notes(shown: Shown, answer: Answer[AIMessage]) -> dict[str, Any]:
    notes = {**shown.update.get("notes", {}), **({"model": answer.note} if answer.note else {})}
    return {**shown.update, **({"notes": notes} if notes else {})}


def _message(
    answer: Answer[AIMessage], before: Sequence[BaseMessage], name: str, last: Sequence[BaseTool] | None
) -> AIMessage:
    """The model's message as the state keeps it: with ids of its own, and without calls that nobody may carry out.

    In its last turn these are all but those of `last`, with arguments that fit: there is no other turn to mend them.
    """
    message, known = answer.value, {one.id for one in before}
    kept = message.tool_calls if last is None else _fitting(message.tool_calls, last)
    calls = _numbered(kept, before)
    broken = _numbered(message.invalid_tool_calls, before) if last is None else []
    content = message.content if calls == message.tool_calls else message.text
    if refusal := message.additional_kwargs.get("refusal"):
        content = message.text or str(refusal)
    if answer.model == EXTRACTIVE and message.response_metadata.get("selected"):
        content = f"{message.text}\n\n{EXTRACTIVE_NOTE}"
    return AIMessage(
        content=whole(content),
        tool_calls=whole(calls),
        invalid_tool_calls=whole(broken),
        name=name or None,
        id=message.id if message.id and message.id not in known else str(uuid4()),
        usage_metadata=message.usage_metadata,
        response_metadata=message.response_metadata,
    )


def _fitting(calls: Sequence[ToolCall], tools: Sequence[BaseTool]) -> list[ToolCall]:
    known = {tool.name: tool for tool in tools}
    return [call for call in calls if call["name"] in known and not faults(known[call["name"]], call["args"])]


def _numbered(calls: Sequence[Any], before: Sequence[BaseMessage]) -> list[Any]:
    """Calls under ids that no other has: some servers count anew in every message, and approvals are kept by id."""
    known = {call["id"] for one in before if isinstance(one, AIMessage) for call in one.tool_calls}
    numbered = []
    for call in calls:
        own = call["id"] if call["id"] and call["id"] not in known else f"call_{uuid4().hex}"
        known.add(own)
        numbered.append({**call, "id": own})
    return numbered
