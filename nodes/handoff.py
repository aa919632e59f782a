"""Handing a conversation over: the tools by which a peer does it, what the next one sees, and an end to going round."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import uuid4

from langchain_core.messages import AIMessage, AnyMessage, ToolCall, ToolMessage
from langchain_core.tools import BaseTool, StructuredTool
from pydantic import Field

from threadloom.models.extractive.answer import NOTHING
from threadloom.models.prompts import element
from threadloom.models.settings import EXTRACTIVE
from threadloom.nodes.calls import tasks_of
from threadloom.nodes.choose import Chooser
from threadloom.nodes.emit import emit
from threadloom.nodes.history import Sees, seen
from threadloom.nodes.node import Node
from threadloom.nodes.question import ask_person
from threadloom.nodes.tool import CallTask, faults, said
from threadloom.state.answers import ReplyAnswer
from threadloom.state.handoff import Handoff, HandoffState, Summary
from threadloom.tools.answer import Arguments

ROUND = "the conversation goes round"
"""How a refusal begins after which the run is ended if somebody tries again."""


class Peer(NamedTuple):
    """Somebody who can have the conversation: a model with its tools, or a person."""

    name: str
    about: str
    """What it is for, in a sentence: what the peers that may hand over to it are told."""
    prompt: str = ""
    tools: Sequence[BaseTool] = ()
    to: Sequence[str] = ()
    """Names of the peers to whom it may hand over; the first is who gets what a peer without a model cannot answer."""
    sees: Sees = "full"
    role: str | Chooser = "agent"
    """Who answers, or what chooses that by the state."""
    person: bool = False
    """Whether a person answers: the run pauses."""


class Over(Arguments):
    """Arguments of a handoff."""

    # A name that the extractive model fills with the whole request.
    message: str = Field(
        min_length=1,
        max_length=5_000,
        description="What they need to know: what is asked, what was tried, what is open",
    )


def handoff_tools(peer: Peer, peers: Mapping[str, Peer]) -> dict[str, BaseTool]:
    """Tool name to tool, one for each peer to whom it may hand over."""
    tools = [_handoff_tool(peers[name]) for name in peer.to]
    return {tool.name: tool for tool in tools}


def _handoff_tool(to: Peer) -> BaseTool:
    def hand_over(message: str) -> str:
        raise NotImplementedError("calls of this tool are the graph's to carry out")

    about = f"Hand the conversation over to {to.name}. {to.about}"
    return StructuredTool.from_function(hand_over, name=f"hand_to_{to.name}", description=about, args_schema=Over)


def told(peer: Peer) -> Callable[[HandoffState], str]:
    """The system message of a peer: its prompt, and what it was told by whoever handed over to it."""

    def prompt(state: HandoffState) -> str:
        origin, words = _arrival(state, peer)
        if not words:
            return peer.prompt
        return f"{peer.prompt}\n\nThe conversation was handed over to you:\n{element('message', words, author=origin)}"

    return prompt


def view(peer: Peer) -> Callable[[HandoffState], list[AnyMessage]]:
    """What of the conversation a peer sees."""

    def visible(state: HandoffState) -> list[Any]:
        return seen(state["messages"], peer.name, peer.sees, _arrival(state, peer)[1])

    return visible


def remembering(turn: Node[Any], peer: Peer) -> Node[HandoffState]:
    """A peer's turn, with the summary of what it saw before, and not what another peer's stands for."""

    def speak(state: HandoffState) -> dict[str, Any]:
        asked, mine = _question(state).id or "", state.get("summaries", {}).get(peer.name)
        if mine and peer.sees == "summary" and mine["asked"] != asked:
            mine = None  # what it sees begins with the question
        known = {"summary": mine["text"], "summarised": mine["upto"]} if mine else {"summary": "", "summarised": 0}
        update = turn({**state, **known})
        if "summary" not in update:
            return update
        made = Summary(text=update.pop("summary"), upto=update.pop("summarised"), asked=asked)
        return {**update, "summaries": {peer.name: made}}

    return speak


def _arrival(state: HandoffState, peer: Peer) -> tuple[str, str]:
    """Who handed the conversation over to it in this run, and with what words beyond those that were asked."""
    for one in reversed(state.get("handoffs", [])):
        if one["to"] == peer.name and not one["refused"]:
            return one["origin"], "" if one["message"] in _asked(state) else one["message"]
    return "", ""


def _asked(state: HandoffState) -> str:
    return _question(state).text


def _question(state: HandoffState) -> AnyMessage:
    return next(one for one in reversed(state["messages"]) if one.type == "human")


def passing_on(turn: Node[Any], peer: Peer, people: Collection[str]) -> Node[HandoffState]:
    """A peer's turn; where no language model played it and it knew nothing, the first peer it has not tried gets it.

    At the end of the budget that is the first of the `people`, who cost nothing.
    """

    def speak(state: HandoffState) -> dict[str, Any]:
        update = turn(state)
        tried = {one["to"] for one in state.get("handoffs", [])}
        able = [name for name in peer.to if name not in tried and (name in people or not update.get("stopped"))]
        following = next(iter(able), None)
        if following and update.get("messages") and _knows_nothing(update):
            args = {"message": _asked(state)[:5_000]}
            call = ToolCall(name=f"hand_to_{following}", args=args, id=f"call_{uuid4().hex}", type="tool_call")
            update["messages"] = [AIMessage("", tool_calls=[call], name=peer.name, id=str(uuid4()))]
            update.pop("stopped", None)
        return update

    return speak


def _knows_nothing(update: Mapping[str, Any]) -> bool:
    played: str = update["choices"][-1]["model"]  # whoever summed up before it, its own turn is the last
    return played == EXTRACTIVE and update["messages"][-1].text.startswith(NOTHING)


def person(peer: Peer) -> Node[HandoffState]:
    """Node factory: the conversation waits for a person, whose answer is the run's."""

    def answer(state: HandoffState) -> dict[str, Any]:
        lines = [
            f"**{one.name or one.type}**: {one.text}" for one in state["messages"] if one.type != "tool" and one.text
        ]
        example = {"text": "Your invoice was corrected."}
        origin, words = _arrival(state, peer)
        try:
            reply = ask_person(
                ReplyAnswer,
                "reply",
                f"This was handed to {peer.name}. What is the answer?",
                state.get("refused", ""),
                example,
                markdown="\n\n".join(lines),
                details={"origin": origin, "message": words},
            )
        except ValueError as error:
            return {"refused": str(error)}
        return {"refused": "", "messages": [AIMessage(reply.text, name=peer.name, id=str(uuid4()))]}

    return answer


def hand_over(tools: Mapping[str, Mapping[str, BaseTool]]) -> Node[HandoffState]:
    """Node factory, for after a message with calls; `tools` are each peer's `handoff_tools`.

    A conversation goes to one peer at a time, and on the same way only once a run: going round is refused, with the
    reason, and the peer has to answer; if it tries again the run ends with that reason.
    """

    def hand(state: HandoffState) -> dict[str, Any]:
        origin, own = state["active"], tools[state["active"]]
        results: list[ToolMessage] = []
        made: list[Handoff] = []
        for task in _tasks(state, own):
            call = task["call"]
            done = _judged(task, origin, own[call["name"]], state, made)
            made.append(done)
            emit("handoff", **done)
            text = f"Not handed over: {done['refused']}." if done["refused"] else f"{done['to']} has it now."
            results.append(said(call, text, bad=bool(done["refused"])))
        active = next((one["to"] for one in made if not one["refused"]), origin)
        again = _round(made) if _round(state.get("handoffs", [])) else ""  # whoever was told was told before
        return {"messages": results, "handoffs": made, "active": active, "stopped": again if active == origin else ""}

    return hand


def _round(handoffs: Sequence[Handoff]) -> str:
    """Why the last of those that would go round was refused; empty when none was for that."""
    return next((one["refused"] for one in reversed(handoffs) if one["refused"].startswith(ROUND)), "")


def _tasks(state: HandoffState, own: Mapping[str, BaseTool]) -> list[CallTask]:
    """The handoffs that the last message of a model asks for."""
    last = next(one for one in reversed(state["messages"]) if isinstance(one, AIMessage))
    return [task for task in tasks_of(last, state) if task["call"]["name"] in own]


def _judged(task: CallTask, origin: str, tool: BaseTool, state: HandoffState, made: Sequence[Handoff]) -> Handoff:
    args, to = task["call"]["args"], tool.name.removeprefix("hand_to_")
    way = [one for one in state.get("handoffs", []) if not one["refused"]]
    refused = task["complaint"] or faults(tool, args)
    if not refused and any(not one["refused"] for one in made):
        refused = "a conversation goes to one at a time"
    if not refused and any((one["origin"], one["to"]) == (origin, to) for one in way):
        path = " → ".join([way[0]["origin"], *(one["to"] for one in way), to])
        refused = f"{ROUND} ({path}); answer with what you have"
    return Handoff(origin=origin, to=to, message=str(args.get("message", "")), refused=refused)
