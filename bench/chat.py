"""A chat, one node, about 0.5 kB a message: the time of a whole turn in a short and in a long thread."""

import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Annotated, Any

from langchain_core.messages import AIMessage, AnyMessage
from langgraph.channels.delta import DeltaChannel
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.graph.message import _messages_delta_reducer
from typing_extensions import TypedDict

from bench.material import messages, text
from bench.measure import Figure, Samples, interleaved, merged, timed
from bench.peers import OpenPeer, Peer, fresh
from bench.scale import Scale

TURN = "turn at {:,}"


def _all_added(state: list[AnyMessage], writes: Sequence[Any]) -> list[AnyMessage]:
    return _messages_delta_reducer(state, list(writes))


class DeltaState(TypedDict):
    """The state of a chat that stores what was added."""

    messages: Annotated[list[AnyMessage], DeltaChannel(_all_added)]


def build(node: Any, *, delta: bool) -> StateGraph[Any]:
    """The graph: a question goes in, the node answers."""
    graph: StateGraph[Any] = StateGraph(DeltaState if delta else MessagesState)
    graph.add_node("answer", node)
    graph.add_edge(START, "answer")
    return graph


class Chat:
    """A thread of a peer, begun with so many messages at once; all its content follows from its name."""

    def __init__(self, peer: OpenPeer, thread: str, count: int = 0) -> None:
        self._chance = random.Random(thread)
        self._peer = peer
        self.graph = build(self._answer, delta=peer.peer.delta).compile(checkpointer=peer.saver)
        self.config = {"configurable": {"thread_id": thread}}
        if count:
            self._say(count - 1)

    def turn(self) -> None:
        """A question and its answer."""
        self._say(1)

    def _say(self, count: int) -> None:
        self._peer.call(self.graph, "invoke", {"messages": messages(self._chance, count)}, self.config)

    def _answer(self, state: Any) -> dict[str, list[AnyMessage]]:  # noqa: ARG002  # a node takes it
        return {"messages": [AIMessage(text(self._chance, 500))]}


def measure(peers: Sequence[Peer], scale: Scale) -> Iterator[Figure]:
    """Turns around either length, threads of all peers side by side."""
    for count, threads in ((scale.short, scale.short_threads), (scale.long, scale.long_threads)):
        yield Figure(TURN.format(count), "ms", _turns(peers, count, threads, min(scale.turns, count // 2)))


def _turns(peers: Sequence[Peer], count: int, threads: int, turns: int) -> Samples:
    # The middle one of the timed turns is the one at `count` messages.
    with ExitStack() as stack:
        at_work = [stack.enter_context(fresh(peer)) for peer in peers]
        parts = []
        for number in range(threads):
            chats = {peer.name: Chat(peer, f"{count}-{number}", count - turns) for peer in at_work}
            parts.append(interleaved({name: timed(chat.turn) for name, chat in chats.items()}, turns))
        return merged(parts)
