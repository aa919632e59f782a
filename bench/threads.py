"""A page of twenty out of many threads with where each stands, the first and one in the middle; no peer lists any."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import Any

from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.base import Checkpoint, empty_checkpoint
from langgraph.checkpoint.base.id import uuid6

from bench.measure import Figure, interleaved, timed
from bench.peers import OpenPeer, Peer, fresh
from bench.scale import Scale
from threadloom.threads import Wanted, listing

FIRST = "first page of {:,}"
MIDDLE = "a page of {:,}"
PAGE = 20


def measure(peers: Sequence[Peer], scale: Scale) -> Iterator[Figure]:
    """Threads of a ready graph, each with one finished run as a checkpoint, put straight into the store."""
    firsts, middles = {}, {}
    for peer in peers:
        if peer.name not in ("threadloom sqlite", "threadloom postgres", "threadloom mariadb"):
            continue
        with fresh(peer) as at_work:
            cursor = _fill(at_work, scale.threads)
            places = {"first": None, "middle": cursor}
            pages = {name: timed(partial(_page, at_work.saver, place)) for name, place in places.items()}
            samples = interleaved(pages, scale.runs)
            firsts[peer.name], middles[peer.name] = samples["first"], samples["middle"]
    yield Figure(FIRST.format(scale.threads), "ms", firsts)
    yield Figure(MIDDLE.format(scale.threads), "ms", middles)


def _page(saver: Any, before: tuple[str, str] | None) -> None:
    assert len(list(islice(listing(saver, Wanted(), before), PAGE))) == PAGE


def _fill(peer: OpenPeer, count: int) -> tuple[str, str]:
    """Store so many threads; returns the cursor of the one in the middle."""
    with ThreadPoolExecutor(32) as writers:  # whose commits share a flush to disk
        ids = list(writers.map(partial(_store, peer.saver), range(count)))
    return ids[count // 2], _name(count // 2)


def _store(saver: Any, number: int) -> str:
    checkpoint: Checkpoint = empty_checkpoint()
    checkpoint["id"] = str(uuid6(clock_seq=number))
    question = HumanMessage(f"What is {number}?", id="q")
    values: dict[str, Any] = {"messages": [question, AIMessage(f"A number, {number}.", id="a")]}
    checkpoint["channel_values"] = values | {"finished_at": checkpoint["ts"]}
    versions = dict.fromkeys(checkpoint["channel_values"], f"{1:032}.{number:016}")
    checkpoint["channel_versions"] = {**versions}
    config: Any = {"configurable": {"thread_id": _name(number), "checkpoint_ns": ""}, "metadata": {"graph": "react"}}
    saver.put(config, checkpoint, {"source": "loop", "step": 1, "parents": {}}, {**versions})
    return checkpoint["id"]


def _name(number: int) -> str:
    return f"thread-{number}"
