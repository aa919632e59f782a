"""A program to race with itself: stores, forks, prunes, copies and deletes at random; used by `test_races`.

Arguments: database URL, number of processes, operations of each of their two threads. Every checkpoint notes a digest
of the values that it was stored with, so that whoever reads it can tell whether one got lost.
"""

import hashlib
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, CheckpointTuple, empty_checkpoint

from tests.checkpoints.chain import config
from tests.checkpoints.forked import at_once
from threadloom.checkpoints import SQLSaver
from threadloom.checkpoints.errors import MissingParentError, StaleThreadError, ThreadDeletedError, ThreadExistsError

THREADS = ["one", "two", "three"]
LEGAL = (StaleThreadError, MissingParentError, ThreadDeletedError, ThreadExistsError)


def digest(values: dict[str, Any]) -> str:
    """What the values of a checkpoint come to."""
    return hashlib.sha256(repr(sorted(values.items())).encode()).hexdigest()


def child_of(saver: SQLSaver, parent: CheckpointTuple | None, at: RunnableConfig, rng: random.Random) -> RunnableConfig:
    """Store a checkpoint that changes one channel and carries the others."""
    checkpoint = empty_checkpoint()
    source = parent.checkpoint if parent else checkpoint
    values, versions = dict(source["channel_values"]), dict(source["channel_versions"])
    changed = rng.choice(["short", "long", "list"]) if parent else "list"
    values[changed] = _value(changed, values.get("list", []), rng)
    new: ChannelVersions = {changed: saver.get_next_version(versions.get(changed), None)}
    checkpoint["channel_values"], checkpoint["channel_versions"] = values, versions | new
    notes: Any = {
        "source": rng.choice(["loop", "update"]),
        "step": 0,
        "digest": digest(values),
        "run_id": rng.choice("xyz"),
    }
    return saver.put(parent.config if parent else at, checkpoint, notes, new)


def _value(channel: str, items: list[str], rng: random.Random) -> Any:
    word = f"{rng.randrange(8)}"  # few different ones, so that what was deleted comes back
    return {"short": word, "long": word * 2000, "list": [*items, word * 100][-60:]}[channel]


def _act(saver: SQLSaver, rng: random.Random) -> None:
    thread = rng.choice(THREADS)
    at = config(thread, rng.choice(["", "", "n"]))
    match rng.randrange(20):
        case 0:
            saver.prune([thread])
        case 1:
            saver.delete_for_runs([rng.choice("xyz")])
        case 2 if rng.random() < 0.4:
            saver.delete_thread(thread)
        case 3:
            saver.copy_thread(thread, rng.choice(THREADS))
        case 4 | 5 | 6:
            past = list(saver.list(at, limit=5))
            check(past)
            if past:
                child_of(saver, rng.choice(past), at, rng)
        case _:
            new = child_of(saver, saver.get_tuple(at), at, rng)
            saver.put_writes(new, [("list", _value("list", ["w" * 100], rng))], "task")


def check(found: list[CheckpointTuple]) -> None:
    """Every value that was stored with these checkpoints is there."""
    for item in found:
        assert digest(item.checkpoint["channel_values"]) == item.metadata["digest"], item.config  # type: ignore[typeddict-item]


def _work(saver: SQLSaver, seed: int, operations: int) -> None:
    rng = random.Random(seed)
    for _ in range(operations):
        try:
            _act(saver, rng)
        except LEGAL:
            continue


def main(url: str, processes: str, operations: str) -> None:
    def work(number: int) -> None:
        with SQLSaver(url) as saver, ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(_work, saver, 2 * number + n, int(operations)) for n in range(2)]:
                done.result()

    sys.exit(any(at_once(int(processes), work)))


if __name__ == "__main__":
    main(*sys.argv[1:])
