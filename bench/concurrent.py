"""64 chats at once on one event loop, three turns each: runs a second."""

import asyncio
import itertools
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

from langchain_core.messages import AnyMessage

from bench.chat import build
from bench.databases import NOWHERE
from bench.material import messages
from bench.measure import Figure, interleaved
from bench.peers import OpenPeer, Peer, fresh
from bench.scale import Scale

TURNS = 3
ROUNDS = 5
RATE = "{} at once"


def _round(peer: OpenPeer, threads: int) -> Callable[[], float]:
    chance, number = random.Random(4), itertools.count()

    async def answer(_: Any) -> dict[str, list[AnyMessage]]:
        return {"messages": messages(chance, 1)}

    graph: Any = build(answer, delta=False).compile(checkpointer=peer.saver)

    async def chat() -> None:
        config = {"configurable": {"thread_id": str(next(number))}}
        for _ in range(TURNS):
            await graph.ainvoke({"messages": messages(chance, 1)}, config)

    async def together() -> None:
        await asyncio.gather(*(chat() for _ in range(threads)))

    def contender() -> float:
        began = time.perf_counter()
        peer.run(together())
        return threads * TURNS / (time.perf_counter() - began)

    return contender


def measure(peers: Sequence[Peer], scale: Scale) -> Iterator[Figure]:
    """Rounds of all asynchronous peers in turn, after one to warm up; the saver in memory is the ceiling."""
    with ExitStack() as stack:
        chosen = [peer for peer in peers if peer.asynchronous or peer.databases is NOWHERE]
        rounds = {peer.name: _round(stack.enter_context(fresh(peer)), scale.concurrent) for peer in chosen}
        interleaved(rounds, 1)
        yield Figure(RATE.format(scale.concurrent), "runs/s", interleaved(rounds, ROUNDS))
