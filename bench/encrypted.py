"""What encryption costs: the turns and the reading of a long chat, of a plain and of an encrypted store."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from bench import chat, resume
from bench.measure import Figure
from bench.peers import Peer, Saver, threadloom
from bench.scale import Scale
from threadloom.checkpoints import Encryption


def measure(peers: Sequence[Peer], scale: Scale) -> Iterator[Figure]:
    """Each of our savers beside its encrypted twin."""
    ours = [peer for peer in peers if peer.opened is threadloom and not peer.asynchronous]
    pairs = [twin for peer in ours for twin in (peer, replace(peer, name=f"{peer.name} encrypted", opened=_encrypted))]
    for work in (chat, resume) if pairs else ():
        for figure in work.measure(pairs, scale):
            yield replace(figure, name=f"{figure.name}, plain or not")


@asynccontextmanager
async def _encrypted(address: str) -> AsyncIterator[Saver]:
    async with threadloom(address, Encryption({"bench": bytes(range(32))})) as saver:
        yield saver
