"""`prune` of a long thread to its latest checkpoint: time, and memory that the process gains (Linux only)."""

import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from langchain_core.messages import AnyMessage
from langgraph.checkpoint.base import CheckpointMetadata, empty_checkpoint
from langgraph.checkpoint.base.id import uuid6

from bench.databases import NOWHERE
from bench.material import messages
from bench.measure import Figure, timed
from bench.peers import OpenPeer, Peer, fresh, opened
from bench.scale import Scale

TIME = "prune of {:,}"
MEMORY = "memory for {:,}"
THREAD = "pruned"
CLEAR, STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")
NOISE = 4.0  # MB; a gain below is the allocator's, and two of them would make a ratio of nothing
WINDOW = 100  # messages; a chat that is summarised when it gets longer


def measure(peers: Sequence[Peer], scale: Scale) -> Iterator[Figure]:
    """Threads of each length in every peer that can prune, built side by side, pruned one after another."""
    chosen = [peer for peer in peers if not (peer.asynchronous or peer.delta) and peer.databases is not NOWHERE]
    for length in scale.prune:
        with ExitStack() as stack:
            at_work = [stack.enter_context(fresh(peer)) for peer in chosen]
            at_work = [peer for peer in at_work if _prunes(peer)]
            with ThreadPoolExecutor() as builders:
                list(builders.map(_build, at_work, [length] * len(at_work)))
            # In new processes: the peak of one that has done other things says nothing.
            workers = ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1)
            stack.enter_context(workers)
            found = {peer.name: workers.submit(_prune, peer.peer, peer.address).result() for peer in at_work}
        yield Figure(TIME.format(length), "ms", {name: [spent] for name, (spent, _) in found.items()})
        yield Figure(
            MEMORY.format(length), "MB", {name: [gained] for name, (_, gained) in found.items() if gained is not None}
        )


def _prunes(peer: OpenPeer) -> bool:
    try:
        peer.saver.prune(["none"])
    except NotImplementedError:
        return False
    return True


def _build(peer: OpenPeer, length: int) -> None:
    # Straight into the saver: a graph would take far longer, and the rows are the same.
    chance = random.Random(length)
    config: Any = {"configurable": {"thread_id": THREAD, "checkpoint_ns": ""}}
    version: Any = None
    chat: list[AnyMessage] = []
    for step in range(length):
        chat = [*chat[-WINDOW if step % WINDOW else -1 :], *messages(chance, 1)]
        version = peer.saver.get_next_version(version, None)
        checkpoint = empty_checkpoint()
        checkpoint["id"] = str(uuid6(clock_seq=step))
        checkpoint["channel_values"], checkpoint["channel_versions"] = {"messages": chat}, {"messages": version}
        metadata: CheckpointMetadata = {"source": "loop", "step": step, "parents": {}}
        config = peer.saver.put(config, checkpoint, metadata, {"messages": version})
        peer.saver.put_writes(config, [("messages", chat[-1:])], f"task-{step}")


def _prune(peer: Peer, address: str) -> tuple[float, float | None]:
    with opened(peer, address) as at_work:
        at_work.saver.prune(["none"])  # what is imported or connected on first use
        before = _peak(reset=True)
        spent = timed(partial(at_work.saver.prune, [THREAD]))()
        after = _peak()
        assert len(list(at_work.saver.list({"configurable": {"thread_id": THREAD}}))) == 1
        return spent, None if before is None or after is None else max(after - before, NOISE)


def _peak(*, reset: bool = False) -> float | None:
    """Most memory that this process has had resident since the last reset, in MB; None where Linux does not say."""
    if reset and CLEAR.exists():
        CLEAR.write_text("5")
    return int(STATUS.read_text().split("VmHWM:")[1].split()[0]) / 1000 if STATUS.exists() else None
