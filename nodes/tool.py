"""Carrying out one tool call: whatever happens, its result is a message that the model can act on.

Each call of a model's message is a task of its own (a `Send`): they run at once, the results keep the calls' order, and
a run that is cut off repeats only those that had not ended.
"""

import logging
from asyncio import run as run_async
from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from functools import cache
from hashlib import sha256
from json import dumps
from threading import TIMEOUT_MAX
from typing import Any, TypeGuard

from langchain_core.messages import ToolCall, ToolMessage
from langchain_core.tools import BaseTool, InjectedToolCallId, StructuredTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from langgraph.errors import GraphBubbleUp
from pydantic import BaseModel, ValidationError
from typing_extensions import TypedDict

from threadloom import effect
from threadloom.models.answers import TAKES, complaint
from threadloom.models.characters import whole
from threadloom.models.redaction import redact
from threadloom.nodes.emit import emit
from threadloom.nodes.node import Node
from threadloom.nodes.stall import UNKNOWN
from threadloom.nodes.within import TooSlowError, within
from threadloom.runs.errors import EffectUnknownError
from threadloom.state.agent import Act, Decision
from threadloom.state.budget import Stopwatch
from threadloom.tools.acting import acts, repeatable
from threadloom.tools.answer import MOST, capped
from threadloom.tools.later import Later

SECONDS = 60.0
"""How long a call may take, unless told."""
BRIEF = 300
LONGEST_KEY = 200
"""Bytes of an effect's key as it is: half of what is kept of one."""

log = logging.getLogger(__name__)


class CallTask(TypedDict):
    """What one tool task is sent."""

    call: ToolCall
    complaint: str
    """Why the call is not carried out; empty when it is."""
    decision: Decision | None
    """What a person decided of it, where one was asked."""
    seconds: float | None
    """What the budget leaves for it."""


def run_tool(
    tools: Sequence[BaseTool], *, timeout: float | Mapping[str, float] = SECONDS, most: int = MOST
) -> Node[CallTask]:
    """Node factory. `timeout` is in seconds, for all tools or by name; a result is cut to `most` characters."""
    get_known = cache(lambda: by_name(tools))
    if not isinstance(tools, Later):
        get_known()  # raises ValueError

    def run(state: CallTask) -> dict[str, Any]:
        watch, call, known = Stopwatch(), state["call"], get_known()
        tool = known.get(call["name"])
        emit("tool_started", tool=call["name"], id=call["id"], args=call["args"])
        refusal = unable(state, tool, known)
        message = _bounded(refusal or _carried_out(known[call["name"]], state, timeout, most), call, most)
        emit("tool_ended", tool=call["name"], id=call["id"], status=message.status, seconds=round(watch.seconds(), 3))
        acted = tool is not None and acts(tool) and refusal is None
        work = watch.work(0 if refusal else 1)  # or what the budget does not cover would take the step of the answer
        return {"messages": [message], "work": work, **({"acts": [_act(state, message)]} if acted else {})}

    return run


def check_timeout(timeout: float | Mapping[str, float], known: Collection[str] | None) -> None:
    """Raises ValueError on seconds that cannot be waited, or for a tool that is not `known`; None if that is open."""
    named = timeout if isinstance(timeout, Mapping) else {"": timeout}
    if isinstance(timeout, Mapping) and known is not None and (unknown := sorted(map(str, timeout.keys() - known))):
        raise ValueError(f"timeout: there is no tool {unknown[0]!r}; there are {', '.join(known) or 'none'}")
    for name, seconds in named.items():
        number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
        if not (number and 0 < seconds <= TIMEOUT_MAX):  # so that NaN is refused too
            of = f"{name}: " if name else ""
            raise ValueError(f"timeout: {of}{seconds!r} is not a number of seconds that can be waited")


def by_name(tools: Sequence[BaseTool]) -> dict[str, BaseTool]:
    """The tools by name. Raises ValueError when two have the same, or one wants more than its arguments."""
    names = [tool.name for tool in tools]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"tools: more than one is named {', '.join(twice)}; give each a name of its own")
    for tool in tools:
        if wanted := _wants(tool):
            raise ValueError(f"tools: {tool.name} wants {wanted}, but a tool is given its arguments only")
    return {tool.name: tool for tool in tools}


def _wants(tool: BaseTool) -> str:
    """Which parameter LangGraph's own ToolNode would fill in from the state or the store; empty if there is none."""
    full, shown = tool.args_schema, tool.tool_call_schema
    if not (_is_model(full) and _is_model(shown)):
        return ""
    hidden = {name: field for name, field in full.model_fields.items() if name not in shown.model_fields}
    return next((name for name, field in hidden.items() if InjectedToolCallId not in field.metadata), "")


def faults(tool: BaseTool, args: Mapping[str, Any]) -> str:
    """What is wrong with the arguments, by the tool's own schema, in one line; empty when nothing is."""
    # What models are shown of a schema lacks its validators, which may read more than the types say, or less.
    schema = tool.args_schema or tool.tool_call_schema
    if not _is_model(schema) or not schema.model_fields:  # one that takes nothing ignores what it is given
        return ""
    ids = {name: "call" for name, field in schema.model_fields.items() if InjectedToolCallId in field.metadata}
    try:
        schema.model_validate({**deepcopy(dict(args)), **ids})  # a validator may change what it is given
    except ValidationError as error:
        return f"bad arguments: {complaint(error)}"
    except Exception as error:
        log.warning("arguments of tool %s could not be checked", tool.name, exc_info=True)
        return redact(f"bad arguments: {type(error).__name__}: {error}"[: 4 * BRIEF])
    return ""


def misfit(tool: BaseTool, args: Mapping[str, Any]) -> str:
    """The same for a model: with the schema that the arguments should fit."""
    if not (problem := faults(tool, args)):
        return ""
    wanted = convert_to_openai_tool(tool)["function"].get("parameters", {})
    return f"{problem}. {tool.name} {TAKES}{dumps(wanted, ensure_ascii=False)}"


def _is_model(schema: object) -> TypeGuard[type[BaseModel]]:
    return isinstance(schema, type) and issubclass(schema, BaseModel)


def unable(state: CallTask, tool: BaseTool | None, known: Mapping[str, BaseTool]) -> ToolMessage | None:
    """The result of a call that is not carried out, by the tool's absence, its arguments, a person or the budget."""
    call, decision = state["call"], state["decision"]
    if tool is None:
        message = said(
            call, f"There is no tool {call['name']!r}. The tools are: {', '.join(known) or 'none'}.", bad=True
        )
        message.additional_kwargs["error"] = UNKNOWN
        return message
    if problem := state["complaint"] or misfit(tool, _args(state)):
        return said(call, problem, bad=True)
    if decision and decision["action"] == "reject":
        return said(call, f"A person refused this call. {decision['text']}".strip(), bad=True)
    if decision and decision["action"] == "respond":
        return said(call, decision["text"])
    return None


def _carried_out(tool: BaseTool, state: CallTask, timeout: float | Mapping[str, float], most: int) -> ToolMessage:
    call = ToolCall({**state["call"], "args": deepcopy(_args(state)), "type": "tool_call"})
    seconds = timeout if isinstance(timeout, int | float) else timeout.get(tool.name, SECONDS)
    left = state["seconds"]
    try:
        result = within(seconds if left is None else min(seconds, left), lambda: _invoke(tool, call, most))
    except GraphBubbleUp:
        raise
    except TooSlowError as error:
        doubt = "" if repeatable(tool) else "; whether it was carried out is not known"
        return said(call, f"{tool.name} gave {error}{doubt}.", bad=True)
    except EffectUnknownError as error:
        if error.asks:
            raise  # a Runner asks a person, not the model
        return said(call, str(error), bad=True)
    except Exception as error:
        log.warning("tool %s failed", tool.name, exc_info=True)
        return said(call, redact(f"{tool.name} failed: {type(error).__name__}: {error}"[: 4 * BRIEF]), bad=True)
    return _edited(result, state["decision"])


def _invoke(tool: BaseTool, call: ToolCall, most: int) -> ToolMessage:
    """The tool's result; one that must not be repeated acts once in a run, whatever is repeated after a crash."""

    def invoked() -> ToolMessage:
        result = _result(tool, call)
        message = result if isinstance(result, ToolMessage) else said(call, str(result))
        return message.model_copy(update={"artifact": _small(message.artifact, most)})  # what can be kept

    if repeatable(tool):
        return invoked()
    result: Any = effect(_key(f"{tool.name} {call['id']}"), invoked)
    return (
        result if isinstance(result, ToolMessage) else said(call, f"A person says: it was done. {result or ''}".strip())
    )


def _key(text: str) -> str:
    """A key for an effect: some gateways make ids of a thousand characters for calls."""
    size = len(text.encode(errors="replace"))
    return text if size <= LONGEST_KEY else f"{text[:60]}… {sha256(text.encode(errors='replace')).hexdigest()[:32]}"


def _result(tool: BaseTool, call: ToolCall) -> Any:
    """What the tool gives; one that is asynchronous only gets an event loop of its own."""
    if isinstance(tool, StructuredTool) and tool.func is None:
        return run_async(tool.ainvoke(call))
    return tool.invoke(call)


def _edited(message: ToolMessage, decision: Decision | None) -> ToolMessage:
    if decision is None or decision["action"] != "edit":
        return message
    said = f"A person changed the arguments: {dumps(decision['args'], ensure_ascii=False)}\n{message.text}"
    return message.model_copy(update={"content": said})


def _bounded(message: ToolMessage, call: ToolCall, most: int) -> ToolMessage:
    """A result that any model and any checkpoint can take: text of some length, and a small JSON artifact or none."""
    content = message.content if isinstance(message.content, str) else dumps(message.content, default=str)
    update = {"content": whole(capped(content, most)), "artifact": _small(message.artifact, most), "name": call["name"]}
    return message.model_copy(update={**update, "tool_call_id": call["id"] or ""})  # a tool may make its own message


def _small(artifact: Any, most: int) -> Any:
    try:
        return whole(artifact) if len(dumps(artifact)) <= most else None
    except (TypeError, ValueError, RecursionError):
        return None


def _args(state: CallTask) -> dict[str, Any]:
    """The arguments, as a person may have changed them."""
    decision = state["decision"]
    changed = decision["args"] if decision and decision["action"] == "edit" else {}
    return {**state["call"]["args"], **changed}


def _act(state: CallTask, message: ToolMessage) -> Act:
    call = state["call"]
    return Act(
        call_id=str(call["id"]),
        tool=call["name"],
        args=_args(state),
        status=message.status,
        result=message.text[:BRIEF],
    )


def said(call: ToolCall, text: str, *, bad: bool = False) -> ToolMessage:
    """The result of a call, `bad` if it is that it failed."""
    status = "error" if bad else "success"
    return ToolMessage(text, tool_call_id=call["id"] or "", name=call["name"], status=status)
