"""Peers that hand a conversation over: whoever has it answers, or passes it to somebody it suits better.

    begin -> <peer> -> tool (one task a call) -> handoff -> <peer> -> … -> conclude

Each peer sees as much of the conversation as is meant for it. A conversation that goes round comes to an end that says
so. One of the peers may be a person: then the run waits.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from langchain_core.tools import BaseTool
from langgraph.graph import END, START, StateGraph
from langgraph.types import Overwrite, RetryPolicy, Send

from threadloom.graphs.at_once import AtOnce
from threadloom.models.errors import passing
from threadloom.models.roles import Models, load_models
from threadloom.nodes.begin import begin, require_prices
from threadloom.nodes.calls import to_calls
from threadloom.nodes.choose import always
from threadloom.nodes.conclude import answered, conclude
from threadloom.nodes.handoff import Peer, hand_over, handoff_tools, passing_on, person, told, view
from threadloom.nodes.node import Node
from threadloom.nodes.own_thread import OwnThread
from threadloom.nodes.team import check_names
from threadloom.nodes.think import think
from threadloom.nodes.tool import CallTask, by_name, run_tool
from threadloom.state.agent import AgentInput
from threadloom.state.budget import Limits, checked, standing
from threadloom.state.handoff import HandoffState
from threadloom.tools.knowledge.articles import sample
from threadloom.tools.knowledge.tool import help_tool

Peers = StateGraph[HandoffState, None, Any, HandoffState]
"""Its input is a mapping that fits `AgentInput`; the type is Any so that callers may write a plain dict."""

BUDGET = Limits(model_calls=20, steps=60, seconds=600)
HELP = (
    "accounts, passwords, login, invoices, payments, charges, refunds, plans, cancelling, crashes, errors, sync, "
    "uploads, sharing, backups, apps, contact and opening hours"
)
OWN_NODES = frozenset({"begin", "tool", "handoff", "conclude"})


class PeerTask(CallTask):
    """One tool call, and whose it is: a peer has its own tools only."""

    by: str


def build(*, models: Models | None = None, peers: Sequence[Peer] | None = None, budget: Limits = BUDGET) -> Peers:
    """Wire the peers; the first has a new conversation. Compile with a checkpointer to keep conversations.

    `models` has the chains of the peers' roles; without, the settings do. `peers` are the tiers of a support desk
    unless given. `budget` limits each run. Raises ValueError for what cannot work.
    """
    get_models: Callable[[], Models] = (lambda: models) if models else cache(load_models)
    peers = support_tiers([help_tool(sample, HELP)]) if peers is None else list(peers)
    known = {peer.name: peer for peer in peers}
    _check(peers)
    checked(budget)
    roles = sorted({peer.role for peer in peers if not peer.person})
    if models and "usd" in budget:
        require_prices(models, roles)
    handing = {peer.name: handoff_tools(peer, known) for peer in peers}
    graph: Peers = AtOnce(HandoffState, input_schema=AgentInput)
    graph.add_node("begin", begin(budget, get_models, roles, {"handoffs": Overwrite([])}))
    for peer in peers:
        _add(graph, peer, handing[peer.name], get_models)
    graph.add_node("tool", OwnThread(_tools_of(peers, handing), "tool"), input_schema=PeerTask)
    graph.add_node("handoff", hand_over(handing))
    graph.add_node("conclude", conclude)

    graph.add_edge(START, "begin")
    graph.add_conditional_edges("begin", _holder(peers), list(known))
    graph.add_edge("tool", "handoff")
    graph.add_conditional_edges("handoff", _after_handoff, [*known, "conclude"])
    graph.add_edge("conclude", END)
    return graph


def _add(graph: Peers, peer: Peer, handing: dict[str, BaseTool], models: Callable[[], Models]) -> None:
    """The node of one peer, and where the conversation goes from there."""
    if peer.person:
        graph.add_node(peer.name, _having(peer, person(peer)))
        graph.add_conditional_edges(peer.name, _after_person(peer), [peer.name, "conclude"])
        return
    tools = [*peer.tools, *handing.values()]
    turn = think(models, always(peer.role), told(peer), tools, node=peer.name, name=peer.name, view=view(peer))
    retry = RetryPolicy(retry_on=passing, max_attempts=2)
    graph.add_node(peer.name, _having(peer, passing_on(turn, peer)), retry_policy=retry)
    following = [peer.name, "tool", *(["handoff"] if peer.to else []), "conclude"]
    graph.add_conditional_edges(peer.name, _after_turn(peer, handing), following)


def _check(peers: Sequence[Peer]) -> None:
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


def _holder(peers: Sequence[Peer]) -> Callable[[HandoffState], str]:
    """Who has the conversation: also one that is new, or was had by somebody who is no longer there."""

    def route(state: HandoffState) -> str:  # its annotation says what it is given: `begin` sees less
        active = state.get("active", "")
        return active if active in {peer.name for peer in peers} else peers[0].name

    return route


def _after_handoff(state: HandoffState) -> str:
    return "conclude" if state.get("stopped") else state["active"]


def _having(peer: Peer, turn: Node[Any]) -> Node[HandoffState]:
    def speak(state: HandoffState) -> dict[str, Any]:
        return {**turn(state), "active": peer.name}

    return speak


def _after_turn(peer: Peer, handing: dict[str, BaseTool]) -> Callable[[HandoffState], str | list[Send]]:
    """Tools first, then a handoff of the same message, so that the next peer has their results."""

    def route(state: HandoffState) -> str | list[Send]:
        stand = standing(state.get("limits", {}), state.get("usage", {}), state.get("work"))
        if state.get("stopped") or answered(state["messages"]) or stand.phase == "over":
            return "conclude"
        calls: list[CallTask] = [send.arg for send in to_calls(state, "tool")]
        tasks = [PeerTask(**call, by=peer.name) for call in calls if call["call"]["name"] not in handing]
        if tasks:
            return [Send("tool", task) for task in tasks]
        return "handoff" if calls else peer.name

    return route


def _after_person(peer: Peer) -> Callable[[HandoffState], str]:
    return lambda state: peer.name if state.get("refused") else "conclude"


def _tools_of(peers: Sequence[Peer], handing: dict[str, dict[str, BaseTool]]) -> Node[PeerTask]:
    runners = {peer.name: run_tool([*peer.tools, *handing[peer.name].values()]) for peer in peers}

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
