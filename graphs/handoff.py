"""Peers that hand a conversation over: whoever has it answers, or passes it to somebody it suits better.

    begin -> <peer> -> [approve] -> tool (one task a call) -> handoff -> <peer> -> … -> [conclude]
                    -> [more] asks for more budget, if it is built to ask

Each peer sees as much of the conversation as is meant for it. A conversation that goes round comes to an end that says
so. One of the peers may be a person: then the run waits.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Literal

from langchain_core.language_models import BaseChatModel
from langchain_core.tools import BaseTool
from langgraph.graph import END, START, StateGraph
from langgraph.types import Overwrite, RetryPolicy, Send

from threadloom.graphs.at_once import AtOnce
from threadloom.models.errors import passing
from threadloom.models.roles import Models, one_of, when_needed
from threadloom.nodes.approve import approve_call
from threadloom.nodes.begin import begin, check_budget
from threadloom.nodes.calls import awaiting, to_calls
from threadloom.nodes.choose import chooser, named
from threadloom.nodes.conclude import answered, conclude, ending
from threadloom.nodes.handoff import Peer, hand_over, handoff_tools, passing_on, person, remembering, told, view
from threadloom.nodes.more import ask_for_more
from threadloom.nodes.node import Node
from threadloom.nodes.own_thread import OwnThread
from threadloom.nodes.team import check_names
from threadloom.nodes.think import think
from threadloom.nodes.tool import SECONDS, CallTask, by_name, check_timeout, run_tool
from threadloom.state.agent import AgentInput
from threadloom.state.budget import Limits, Standing, standing
from threadloom.state.handoff import HandoffState
from threadloom.tools.acting import acts
from threadloom.tools.knowledge.articles import sample
from threadloom.tools.knowledge.tool import help_tool

Peers = StateGraph[HandoffState, None, Any, HandoffState]
"""Its input is a mapping that fits `AgentInput`; the type is Any so that callers may write a plain dict."""

BUDGET = Limits(model_calls=20, steps=60, seconds=600)
HELP = (
    "accounts, passwords, login, invoices, payments, charges, refunds, plans, cancelling, crashes, errors, sync, "
    "uploads, sharing, backups, apps, contact and opening hours"
)
OWN_NODES = frozenset({"begin", "approve", "more", "tool", "handoff", "conclude"})


class PeerTask(CallTask):
    """One tool call, and whose it is: a peer has its own tools only."""

    by: str


def build(
    *,
    model: BaseChatModel | None = None,
    models: Models | None = None,
    peers: Sequence[Peer] | None = None,
    budget: Limits = BUDGET,
    at_limit: Literal["answer", "ask"] = "answer",
    review: Callable[[BaseTool], bool] = acts,
    timeout: float | Mapping[str, float] = SECONDS,
    window: int | None = None,
) -> Peers:
    """Wire the peers; the first has a new conversation. Compile with a checkpointer to keep conversations.

    `model` plays every role, or `models` has the chains of the peers' roles; without either, the settings do. `peers`
    are the tiers of a support desk unless given. `budget` limits each run, whoever has the conversation; `at_limit`,
    `review`, `timeout` and `window` hold for every peer: see `react.build`. Raises ValueError for what cannot work.
    """
    known, asks = one_of(model, models), at_limit == "ask"
    get_models = when_needed(known)
    peers = support_tiers([help_tool(sample, HELP)]) if peers is None else list(peers)
    _check(peers, timeout)
    roles = named(*(peer.role for peer in peers if not peer.person))
    check_budget(budget, known, roles)
    there = {peer.name: peer for peer in peers}
    handing = {peer.name: handoff_tools(peer, there) for peer in peers}
    reviewed = {peer.name: [tool for tool in peer.tools if review(tool)] for peer in peers}
    graph: Peers = AtOnce(HandoffState, input_schema=AgentInput)
    graph.add_node("begin", begin(budget, get_models, roles, {"handoffs": Overwrite([])}))
    stops: dict[str, Node[Any]] = {"more": ask_for_more} if asks else {}
    if any(reviewed.values()):
        stops["approve"] = _approval(reviewed)
    people = {peer.name for peer in peers if peer.person}
    route = _route(handing, reviewed, people, asks=asks)
    for peer in peers:
        if peer.person:
            graph.add_node(peer.name, _having(peer, person(peer)))
            graph.add_conditional_edges(peer.name, _after_person(peer), [peer.name, "conclude"])
            continue
        turn = _turn(peer, get_models, handing[peer.name], people, window=window, asks=asks)
        graph.add_node(peer.name, turn, retry_policy=RetryPolicy(retry_on=passing, max_attempts=2))
        following = [peer.name, "tool", *(["handoff"] if peer.to else []), *stops, "conclude", END]
        graph.add_conditional_edges(peer.name, route, following)
    for name, stop in stops.items():
        graph.add_node(name, stop)
        graph.add_conditional_edges(name, route, [*there, "tool", "handoff", *stops, "conclude"])
    graph.add_node("tool", OwnThread(_tools_of(peers, handing, timeout), "tool"), input_schema=PeerTask)
    graph.add_node("handoff", hand_over(handing))
    graph.add_node("conclude", conclude)

    graph.add_edge(START, "begin")
    graph.add_conditional_edges("begin", _holder(peers), list(there))
    graph.add_edge("tool", "handoff")
    graph.add_conditional_edges("handoff", _after_handoff, [*there, "conclude"])
    graph.add_edge("conclude", END)
    return graph


def _check(peers: Sequence[Peer], timeout: float | Mapping[str, float]) -> None:
    names = [peer.name for peer in peers]
    check_names(names, "peers")
    if taken := sorted(OWN_NODES & set(names)):
        raise ValueError(f"peers: {taken[0]!r} is a node of this graph; choose another name")
    for peer in peers:
        by_name([*peer.tools])
        if unknown := sorted({name for name in peer.to if name not in names or name == peer.name}):
            there = ", ".join(names)
            raise ValueError(f"peers: {peer.name} cannot hand over to {unknown[0]}; there are {there}")
        if peer.person and (peer.tools or peer.to):
            raise ValueError(f"peers: {peer.name} is a person, who has no tools here and hands over to nobody")
    reached = {names[0]}
    for _ in peers:
        reached |= {name for peer in peers if peer.name in reached for name in peer.to}
    if lost := [name for name in names if name not in reached]:
        raise ValueError(f"peers: nobody ever hands over to {', '.join(lost)}")
    check_timeout(timeout, dict.fromkeys(tool.name for peer in peers for tool in peer.tools))


def _holder(peers: Sequence[Peer]) -> Callable[[HandoffState], str]:
    """Who has the conversation: also one that is new, or was had by somebody who is no longer there."""

    def route(state: HandoffState) -> str:  # its annotation says what it is given: `begin` sees less
        active = state.get("active", "")
        return active if active in {peer.name for peer in peers} else peers[0].name

    return route


def _after_handoff(state: HandoffState) -> str:
    return "conclude" if state.get("stopped") else state["active"]


def _turn(
    peer: Peer,
    models: Callable[[], Models],
    handing: Mapping[str, BaseTool],
    people: Collection[str],
    *,
    window: int | None,
    asks: bool,
) -> Node[HandoffState]:
    """A model's turn as the peer: it answers, calls tools, or hands over; at the end of the budget only to a person."""
    name, role, tools = peer.name, chooser(peer.role), [*peer.tools, *handing.values()]
    last = [tool for tool in handing.values() if tool.name.removeprefix("hand_to_") in people]
    turn = think(
        models, role, told(peer), tools, node=name, name=name, window=window, asks=asks, last=last, view=view(peer)
    )
    return _having(peer, ending(passing_on(remembering(turn, peer), peer, people)))


def _having(peer: Peer, turn: Node[Any]) -> Node[HandoffState]:
    def speak(state: HandoffState) -> dict[str, Any]:
        return {**turn(state), "active": peer.name}

    return speak


def _route(
    handing: Mapping[str, Mapping[str, BaseTool]],
    reviewed: Mapping[str, Sequence[BaseTool]],
    people: Collection[str],
    *,
    asks: bool,
) -> Callable[[HandoffState], str | list[Send]]:
    """Where a run goes on after the peer that has the conversation has spoken, or a person has decided.

    Tools come first, then a handoff of the same message, so that the next peer has their results. One to a person costs
    nothing, so it is made though the budget is over.
    """
    persons = {tool for own in handing.values() for tool in own if tool.removeprefix("hand_to_") in people}

    def route(state: HandoffState) -> str | list[Send]:
        name = state["active"]
        if state.get("finished_at") or state.get("stopped") or answered(state["messages"]):
            return END if state.get("finished_at") else "conclude"
        calls: list[CallTask] = [send.arg for send in to_calls(state, "tool", reviewed[name])]
        tasks = [call for call in calls if call["call"]["name"] not in handing[name]]
        free = _first(call["call"]["name"] for call in calls if call not in tasks) in persons
        stand = standing(state.get("limits", {}), state.get("usage", {}), state.get("work"))
        if asks and stand.phase != "open" and not state.get("declined") and (tasks or not free):
            return "more"
        if stand.phase == "over" and not free:
            return "conclude"
        if stand.phase != "over" and awaiting(state, reviewed[name]):
            return "approve"
        if tasks:
            return [Send("tool", PeerTask(**_paid(task, stand), by=name)) for task in tasks]
        return "handoff" if calls else name

    return route


def _first(names: Iterable[str]) -> str:
    return next(iter(names), "")


def _paid(task: CallTask, stand: Standing) -> CallTask:
    """The task, not to be carried out if the budget is over."""
    return CallTask(**{**task, "complaint": f"Not carried out: {stand.reason}."}) if stand.phase == "over" else task


def _approval(reviewed: Mapping[str, Sequence[BaseTool]]) -> Node[HandoffState]:
    """A person decides of the calls of the peer that has the conversation."""
    approvals = {name: approve_call(tools) for name, tools in reviewed.items()}

    def approve(state: HandoffState) -> dict[str, Any]:
        return approvals[state["active"]](state)

    return approve


def _after_person(peer: Peer) -> Callable[[HandoffState], str]:
    return lambda state: peer.name if state.get("refused") else "conclude"


def _tools_of(
    peers: Sequence[Peer], handing: Mapping[str, Mapping[str, BaseTool]], timeout: float | Mapping[str, float]
) -> Node[PeerTask]:
    runners = {peer.name: run_tool([*peer.tools, *handing[peer.name].values()], timeout=timeout) for peer in peers}

    def run(state: PeerTask) -> dict[str, Any]:
        return runners[state["by"]](state)

    return run


def support_tiers(tools: Sequence[BaseTool] = ()) -> list[Peer]:
    """Triage, two tiers and a person; `tools` are for the tiers, such as a search of help pages."""
    return [
        Peer(
            "triage",
            "Finds out who can help.",
            "You receive support requests. Do not solve them: hand over to the tier that fits, at once. Requests that "
            "threaten, concern safety or law, or ask for a person go to the person.",
            to=("tier1", "tier2", "person"),
        ),
        Peer(
            "tier1",
            "Accounts, invoices, orders, refunds, passwords, how to use it.",
            "You are first-level support. Answer what you can from your tools and what was said, in a few "
            "sentences; invent nothing. Hand over to tier2 what needs an engineer, to the person decisions.",
            tools=tools,
            to=("tier2", "person"),
        ),
        Peer(
            "tier2",
            "Crashes, errors, outages, data loss, integrations.",
            "You are second-level support, an engineer. Answer with the steps to take; invent nothing. What needs "
            "somebody with access or authority goes to the person.",
            tools=tools,
            to=("person", "tier1"),
        ),
        Peer("person", "Somebody of the staff, with authority and access.", person=True),
    ]


graph: Any = build().compile(name="handoff")
