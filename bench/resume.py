"""`get_state` of a long chat: warm, from the saver that wrote it; cold, from a new process (imports not counted)."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import partial
from multiprocessing import get_context

from bench.chat import Chat
from bench.databases import NOWHERE
from bench.measure import Figure, interleaved, timed
from bench.peers import Peer, fresh, opened
from bench.scale import Scale

WARM = "warm at {:,}"
COLD = "cold at {:,}"


def measure(peers: Sequence[Peer], scale: Scale) -> Iterator[Figure]:
    """Questions to all peers in turn."""
    with ExitStack() as stack:
        at_work = [stack.enter_context(fresh(peer)) for peer in peers]
        chats = {peer.name: (peer, Chat(peer, "resume", scale.long - 10)) for peer in at_work}
        for _, chat in chats.values():
            for _ in range(5):
                chat.turn()
        warm = {
            name: timed(partial(peer.call, chat.graph, "get_state", chat.config))
            for name, (peer, chat) in chats.items()
        }
        yield Figure(WARM.format(scale.long), "ms", interleaved(warm, 5 * scale.runs))
        # A process for each question: what a process remembers is not cold.
        workers = ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1)
        stack.enter_context(workers)
        cold = {
            peer.name: lambda peer=peer: workers.submit(_cold, peer.peer, peer.address).result()
            for peer in at_work
            if peer.peer.databases is not NOWHERE
        }
        yield Figure(COLD.format(scale.long), "ms", interleaved(cold, scale.cold))


def _cold(peer: Peer, address: str) -> float:
    def ask() -> None:
        with opened(peer, address) as at_work:
            chat = Chat(at_work, "resume")
            assert at_work.call(chat.graph, "get_state", chat.config).values

    # The first question to another saver imports what is imported on first use.
    with fresh(peer) as other:
        other.call(Chat(other, "other", 2).graph, "get_state", {"configurable": {"thread_id": "other"}})
    return timed(ask)()
