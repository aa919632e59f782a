"""`get_state_history(limit=50)` of a long chat."""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

from bench.chat import Chat
from bench.measure import Figure, interleaved, timed
from bench.peers import OpenPeer, Peer, fresh
from bench.scale import Scale

LIMIT = 50
HISTORY = "history at {:,}"


def _reader(peer: OpenPeer, chat: Chat) -> Callable[[], float]:
    def read() -> None:
        assert len(peer.history(chat.graph, chat.config, LIMIT)) == LIMIT

    def contender() -> float:
        # A peer allocates and frees so much that Python looks through the whole process two or three times, 0.15 s
        # each; without this, one that reads in 0.05 s pays for the garbage of those before it, now and then.
        gc.collect()
        return timed(read)()

    return contender


def measure(peers: Sequence[Peer], scale: Scale) -> Iterator[Figure]:
    """Listings by all peers in turn."""
    turns = LIMIT // 3 + 1  # a turn is three checkpoints
    with ExitStack() as stack:
        readers = {}
        for peer in peers:
            at_work = stack.enter_context(fresh(peer))
            chat = Chat(at_work, "history", max(scale.long - 2 * turns, 2))
            for _ in range(turns):
                chat.turn()
            readers[peer.name] = _reader(at_work, chat)
        yield Figure(HISTORY.format(scale.long), "ms", interleaved(readers, max(scale.runs // 2, 1)))
