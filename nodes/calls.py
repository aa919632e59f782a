"""From a model's tool calls to one task each: which may run, and with how much of the budget."""

from collections.abc import Sequence

from langchain_core.messages import AIMessage, ToolCall
from langchain_core.tools import BaseTool
from langgraph.types import Send

from threadloom.nodes.history import unanswered
from threadloom.nodes.tool import CallTask, faults, misfit
from threadloom.state.agent import Course
from threadloom.state.budget import left

UNASKED = "Not carried out: no person was asked whether it may be."


def to_calls(state: Course, node: str, reviewed: Sequence[BaseTool] = ()) -> list[Send]:
    """One `Send` to the tool node for every open call, in their order; those the budget does not cover say so.

    A step is kept for the answer that follows, so that parallel calls never spend it. `reviewed` are the tools whose
    calls `awaiting` has waited for: what is left of them undecided is not carried out.
    """
    message = unanswered(state["messages"])
    if message is None:
        return []
    rest = left(state.get("limits", {}), state.get("usage", {}), state.get("work"))
    tasks = tasks_of(message, state)
    allowed = max(rest["steps"] - 1, 0) if "steps" in rest else len(tasks)
    for task in tasks[allowed:]:
        task["complaint"] = f"Not carried out: the budget leaves room for {allowed} tool calls."
    known = {tool.name: tool for tool in reviewed}
    for task in tasks:
        task["seconds"] = rest.get("seconds")
        tool = known.get(task["call"]["name"])
        if tool and task["decision"] is None and not task["complaint"]:
            # Settled here: arguments that were wrong may be right by the time the call would be carried out.
            task["complaint"] = misfit(tool, task["call"]["args"]) or UNASKED
    return [Send(node, task) for task in tasks]


def awaiting(state: Course, reviewed: Sequence[BaseTool]) -> ToolCall | None:
    """The first open call of one of these tools that nobody has decided of; calls that would fail anyway are passed."""
    message = unanswered(state["messages"])
    wanted = {tool.name: tool for tool in reviewed}
    for call in message.tool_calls if message else []:
        tool = wanted.get(call["name"])
        if tool and call["id"] not in state.get("decisions", {}) and not faults(tool, call["args"]):
            return call
    return None


def tasks_of(message: AIMessage, state: Course) -> list[CallTask]:
    """A task for every call of the message, also for those whose arguments cannot be read."""
    decisions = state.get("decisions", {})
    tasks = [
        CallTask(call=call, complaint="", decision=decisions.get(call["id"] or ""), seconds=None)
        for call in message.tool_calls
    ]
    for broken in message.invalid_tool_calls:
        call = ToolCall(name=broken["name"] or "", args={}, id=broken["id"], type="tool_call")
        said = f"The arguments are not a JSON object: {(broken['args'] or '')[:200]}"
        tasks.append(CallTask(call=call, complaint=said, decision=None, seconds=None))
    return tasks
