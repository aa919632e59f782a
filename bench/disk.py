"""Disk that a chat takes as it grows turn by turn; one peer after another, each removed before the next."""

from collections.abc import Iterator, Sequence

from bench.chat import Chat
from bench.databases import NOWHERE
from bench.measure import Figure
from bench.peers import Peer, fresh
from bench.scale import Scale

DISK = "disk at {:,}"
ENOUGH = 100_000_000  # bytes; whoever takes more for a length is not asked for a greater one


def measure(peers: Sequence[Peer], scale: Scale) -> Iterator[Figure]:
    """Megabytes at each length, for the synchronous peers: what the asynchronous ones store is the same."""
    figures = [Figure(DISK.format(2 * turns), "MB") for turns in scale.disk_turns]
    for peer in peers:
        if not peer.asynchronous and peer.databases is not NOWHERE:
            for figure, size in zip(figures, _sizes(peer, scale.disk_turns), strict=False):
                figure.samples[peer.name] = [size / 1e6]
    yield from figures


def _sizes(peer: Peer, lengths: Sequence[int]) -> Iterator[int]:
    with fresh(peer) as at_work:
        chat, turns, size = Chat(at_work, "disk"), 0, 0
        for length in lengths:
            if size > ENOUGH:
                return
            for _ in range(length - turns):
                chat.turn()
            turns, size = length, at_work.size()
            yield size
