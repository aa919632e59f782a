"""Delegation: what a supervisor asks of specialists is carried out at once, each on its share of the budget.

The calls of one message are independent, so each is a task of its own; what needs their results is asked for after.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast
from uuid import uuid4

from langchain_core.messages import AIMessage, HumanMessage, ToolCall, ToolMessage
from langchain_core.tools import BaseTool
from langgraph.types import Send

from threadloom.models.extractive.courtesy import courtesy
from threadloom.models.prompts import element
from threadloom.models.settings import EXTRACTIVE
from threadloom.nodes.calls import to_calls
from threadloom.nodes.delegate import Outcome, delegate
from threadloom.nodes.emit import emit
from threadloom.nodes.node import Node
from threadloom.nodes.team import Member
from threadloom.nodes.think import EXTRACTIVE_NOTE
from threadloom.nodes.tool import CallTask, said, unable
from threadloom.state.blackboard import Board, note, standing_notes
from threadloom.state.budget import Limits, Stopwatch, after_answer, left, shares
from threadloom.state.choice import Choice
from threadloom.state.team import Delegation, TeamState
from threadloom.tools.answer import capped


class Assignment(CallTask):
    """What one specialist's task is sent."""

    budget: Limits
    board: Board
    """As it was when the supervisor asked: what a specialist writes replaces no more than that."""


def to_specialists(state: TeamState, node: str) -> list[Send]:
    """One `Send` for every open call: together they get what the budget leaves beside the supervisor's last answer."""
    sends = to_calls(state, node)
    rest = left(state.get("limits", {}), state.get("usage", {}), state.get("work"))
    parts, board = shares(after_answer(rest), len(sends)), state.get("board", {})
    return [Send(node, _assignment(send.arg, part, board)) for send, part in zip(sends, parts, strict=True)]


def _assignment(task: CallTask, budget: Limits, board: Board) -> Assignment:
    wanted = task["call"]["args"].get("notes")
    missing = [str(key) for key in wanted if key not in board] if isinstance(wanted, list) else []
    if missing and not task["complaint"]:
        known = ", ".join(board) or "none"
        task = {**task, "complaint": f"There is no note {missing[0]!r} on the board. The notes are: {known}."}
    return Assignment(**task, budget=budget, board=board)


def specialist(team: Sequence[Member], tools: Mapping[str, BaseTool]) -> Node[Assignment]:
    """Node factory; `tools` are the team's `request_tools`. A specialist that fails is a result that says so."""
    members = {tools[member.name].name: member for member in team}
    known = {tool.name: tool for tool in tools.values()}

    def work(state: Assignment) -> dict[str, Any]:
        call = state["call"]
        if refusal := unable(state, known.get(call["name"]), known):
            return {"messages": [refusal]}
        member, args = members[call["name"]], call["args"]
        brief = HumanMessage(_brief(member, args, state["board"]))
        outcome = delegate(member.agent, [brief], state["budget"], member.deadline)
        key, text = args.get("key") or member.name, capped(outcome.answer.strip())
        done = _record(member, args, state, outcome, key if text else "")
        emit("delegation_ended", to=member.name, id=call["id"], status=done["status"], reason=done["reason"])
        return {
            "messages": [_result(call, done, text)],
            "delegations": {str(call["id"]): done},
            "board": note(state["board"], key, member.name, text) if text else {},
            **outcome.charges(),
        }

    return work


def _brief(member: Member, args: Mapping[str, Any], board: Board) -> str:
    """The task as the specialist reads it; notes are material, with their authors, and all of those in conflict."""
    expected = f"The result must contain: {args['expected_text']}" if args.get("expected_text") else ""
    notes = [
        element("note", one["text"], key=key, author=one["author"], version=version)
        for key in args.get("notes", [])
        for version, one in standing_notes(board, key).items()
    ]
    return "\n\n".join(part for part in (f"{member.opening} {args['request']}".strip(), expected, *notes) if part)


def _record(member: Member, args: Mapping[str, Any], state: Assignment, outcome: Outcome, note_key: str) -> Delegation:
    status = "failed" if outcome.failed or not note_key else "stopped" if outcome.stopped else "done"
    return Delegation(
        to=member.name,
        request=args["request"],
        expected=args.get("expected_text", ""),
        budget=state["budget"],
        status=cast("Any", status),
        reason=outcome.failed or outcome.stopped or ("" if note_key else "it gave no answer"),
        note=note_key,
        usage=outcome.usage,
    )


def _result(call: ToolCall, done: Delegation, text: str) -> ToolMessage:
    if done["status"] == "done":
        return said(call, capped(text))
    reason = f"{done['to']} {done['status']}: {done['reason']}."
    return said(call, capped(f"{reason}\n{text}" if text else reason), bad=done["status"] == "failed")


def relay(team: Sequence[Member], tools: Mapping[str, BaseTool]) -> Node[TeamState]:
    """Node factory: a supervisor without a language model, which cannot plan.

    It asks each member once, in the order of the team, with the result before; the last result is its answer. A
    greeting needs no team.
    """

    def turn(state: TeamState) -> dict[str, Any]:
        done = list(state.get("delegations", {}).values())
        found = [one["note"] for one in done if one["note"]]
        asked = next(one.text for one in reversed(state["messages"]) if isinstance(one, HumanMessage))
        polite = courtesy(asked)
        message = AIMessage(polite or _last_word(state, found), id=str(uuid4()))
        for member in () if polite else team:
            if member.name not in [one["to"] for one in done]:
                args = {"request": asked, "notes": found[-1:]}
                call = ToolCall(name=tools[member.name].name, args=args, id=f"call_{uuid4().hex}", type="tool_call")
                message = AIMessage("", tool_calls=[call], id=message.id)
                break
        choice = Choice(node="model", role="supervisor", model=EXTRACTIVE, reason="no language model plans: in turn")
        return {"messages": [message], "choices": [choice], "work": Stopwatch().work(1)}

    return turn


def _last_word(state: TeamState, found: Sequence[str]) -> str:
    if not found:
        return f"No specialist gave a result. {EXTRACTIVE_NOTE}"
    return state["board"][found[-1]][-1]["text"]
