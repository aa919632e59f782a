"""A page of twenty out of many threads with where each stands, the first and one in the middle; no peer lists any."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from itertools import islice
from typing import Any

from langchain_core.messages import HumanMessage
from langgraph.checkpoint.base import Checkpoint, CheckpointTuple
from langgraph.checkpoint.base.id import uuid6
from langgraph.checkpoint.memory import InMemorySaver

from bench.measure import Figure, interleaved, timed
from bench.peers import OpenPeer, Peer, fresh
from bench.scale import Scale
from threadloom.catalogue import load
from threadloom.checkpoints import SQLSaver
from threadloom.threads import Wanted, listing

FIRST = "first page of {:,}"
MIDDLE = "a page of {:,}"
PAGE = 20 + 1  # one to know whether there are more, as `threadloom threads` reads it


def measure(peers: Sequence[Peer], scale: Scale) -> Iterator[Figure]:
    """Threads of a ready graph, each with one finished run as a checkpoint, read by a saver that remembers nothing.

    Those on the pages are whole; the others have only what makes the tables as long, and the filling bearable.
    """
    firsts, middles = {}, {}
    for peer in peers:
        if peer.name not in ("threadloom sqlite", "threadloom postgres", "threadloom mariadb"):
            continue
        with fresh(peer) as at_work:
            cursor = _fill(at_work, scale.threads)
            places = {"first": None, "middle": cursor}
            address = at_work.address if "://" in at_work.address else f"sqlite:///{at_work.address}"
            with SQLSaver(address, cache_bytes=0) as saver:
                _page(saver, None)  # puts the statements into words, as the first of a program does
                pages = {name: timed(partial(_page, saver, place)) for name, place in places.items()}
                samples = interleaved(pages, scale.runs)
            firsts[peer.name], middles[peer.name] = samples["first"], samples["middle"]
    yield Figure(FIRST.format(scale.threads), "ms", firsts)
    yield Figure(MIDDLE.format(scale.threads), "ms", middles)


def _page(saver: SQLSaver, before: tuple[str, str] | None) -> None:
    assert len(list(islice(listing(saver, Wanted(), before), PAGE))) == PAGE


def _fill(peer: OpenPeer, count: int) -> tuple[str, str]:
    """Store so many threads; returns the cursor of the one in the middle."""
    with ThreadPoolExecutor(32) as writers:  # whose commits share a flush to disk
        whole = {*range(count - 2 * PAGE, count), *range(count // 2 - 2 * PAGE, count // 2)}
        ids = list(writers.map(lambda number: _store(peer.saver, number, whole=number in whole), range(count)))
    return ids[count // 2], _name(count // 2)


def _store(saver: Any, number: int, *, whole: bool) -> str:
    done = _done()
    checkpoint: Checkpoint = {**done.checkpoint, "id": str(uuid6(clock_seq=number))}
    _, *rest = done.checkpoint["channel_values"]["messages"]
    messages = [HumanMessage(f"What is {number}?", id=f"question-{number}"), *rest]
    checkpoint["channel_values"] = (done.checkpoint["channel_values"] if whole else {}) | {"messages": messages}
    versions = dict.fromkeys(checkpoint["channel_values"], f"{1:032}.{number:016}")
    checkpoint["channel_versions"] = {**versions}
    config: Any = {"configurable": {"thread_id": _name(number), "checkpoint_ns": ""}, "metadata": {"graph": "react"}}
    saver.put(config, checkpoint, done.metadata, {**versions})
    return checkpoint["id"]


@cache
def _done() -> CheckpointTuple:
    """The last checkpoint of an agent that has answered, without a model."""
    saver = InMemorySaver()
    at: Any = {"configurable": {"thread_id": "done"}}
    graph: Any = load("react")
    graph.compile(checkpointer=saver).invoke({"messages": [HumanMessage("What is 2 + 3?")]}, at)
    found = saver.get_tuple(at)
    assert found
    assert found.checkpoint["channel_values"]["finished_at"]
    return found


def _name(number: int) -> str:
    return f"thread-{number}"
