"""An agent that calls a tool 20 times, 10 kB a result: the time of a whole run and the disk that it takes."""

import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

from langchain_core.messages import AIMessage, ToolMessage
from langgraph.graph import END, START, MessagesState, StateGraph

from bench.chat import DeltaState
from bench.material import messages, text
from bench.measure import Figure, interleaved, timed
from bench.peers import OpenPeer, Peer, fresh
from bench.scale import Scale

CALLS = 20
RUN = f"run of {CALLS} calls"


class Agent:
    """The agent on one peer; every run is a thread of its own."""

    def __init__(self, peer: OpenPeer) -> None:
        self._peer, self._chance, self._runs = peer, random.Random(2), 0
        graph: StateGraph[Any] = StateGraph(DeltaState if peer.peer.delta else MessagesState)
        graph.add_node("agent", self._decide)
        graph.add_node("tools", self._look_up)
        graph.add_edge(START, "agent")
        graph.add_conditional_edges("agent", _next, ["tools", END])
        graph.add_edge("tools", "agent")
        self._graph = graph.compile(checkpointer=peer.saver)

    def run(self) -> None:
        """A question, the calls and their results, and the answer."""
        self._runs += 1
        config = {"configurable": {"thread_id": str(self._runs)}}
        self._peer.call(self._graph, "invoke", {"messages": messages(self._chance, 1)}, config)

    def _decide(self, state: Any) -> dict[str, Any]:
        done = len(state["messages"]) // 2
        calls = [{"name": "look_up", "args": {"page": done}, "id": f"call-{done}"}] if done < CALLS else []
        return {"messages": [AIMessage(text(self._chance, 200), tool_calls=calls)]}

    def _look_up(self, state: Any) -> dict[str, Any]:
        (call,) = state["messages"][-1].tool_calls
        return {"messages": [ToolMessage(text(self._chance, 10_000), tool_call_id=call["id"])]}


def _next(state: Any) -> str:
    return "tools" if state["messages"][-1].tool_calls else END


def measure(peers: Sequence[Peer], scale: Scale) -> Iterator[Figure]:
    """Runs of all peers in turn, then what they left on disk."""
    with ExitStack() as stack:
        at_work = [stack.enter_context(fresh(peer)) for peer in peers]
        agents = {peer.name: Agent(peer) for peer in at_work}
        before = {peer.name: peer.size() for peer in at_work}
        yield Figure(
            RUN,
            "ms",
            interleaved({name: timed(partial(Agent.run, agent)) for name, agent in agents.items()}, scale.runs),
        )
        grown = {peer.name: [(peer.size() - before[peer.name]) / scale.runs / 1e6] for peer in at_work if peer.size()}
        yield Figure("disk of a run", "MB", grown)
