"""Whoever stores while others prune, copy and delete loses no value: it is all there, or a typed error said so."""

import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from langgraph.checkpoint.base import empty_checkpoint
from sqlalchemy import select

from tests.checkpoints.chain import TABLES, config, put
from tests.checkpoints.racing import THREADS, check
from tests.checkpoints.test_sharing import unsound
from threadloom.checkpoints import SQLSaver
from threadloom.checkpoints.errors import MissingParentError
from threadloom.checkpoints.pruning import delete_thread
from threadloom.checkpoints.session import Session
from threadloom.checkpoints.storage import put_checkpoint

ROOT = Path(__file__).parents[2]


def test_processes_store_prune_copy_and_delete_at_once(new_url: str) -> None:
    command = [sys.executable, "-m", "tests.checkpoints.racing", new_url, "3", "60"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stderr, done.returncode) == ("", 0)
    with SQLSaver(new_url) as saver:
        for thread in THREADS:
            check(list(saver.list({"configurable": {"thread_id": thread}})))
        assert saver._database.read(unsound)["missing"] == 0
        saver.prune(THREADS)
        assert saver._database.read(unsound) == {"missing": 0, "unused": 0}


# Forks children, the n-th of which kills itself before the n-th statement or commit of a put, until one survives.
MORTALS = """
import os, signal, sys, itertools
from sqlalchemy import Engine, event
from tests.checkpoints.chain import config, put
from threadloom.checkpoints import SQLSaver
from threadloom.checkpoints.session import Session

def die_at(number):
    counter = itertools.count(1)
    def count(*_):
        if next(counter) == number:
            os.kill(os.getpid(), signal.SIGKILL)
    send = Session._sent
    Session._sent = lambda *arguments: (count(), send(*arguments))[1]
    event.listen(Engine, "before_cursor_execute", count)
    event.listen(Engine, "commit", count)

url = sys.argv[1]
for number in itertools.count(1):
    if os.fork() == 0:
        with SQLSaver(url) as saver:
            last = saver.get_tuple(config())
            die_at(number)
            saver.put_writes(last.config, [("x", [f"{number} " * 100])], "task")
            put(saver, last.config, {"x": [f"{number} " * 100, *last.checkpoint["channel_values"]["x"]]})
        os._exit(0)
    if os.wait()[1] == 0:
        break
print(number)
"""


def test_a_process_killed_at_any_statement_leaves_all_or_nothing(new_url: str) -> None:
    with SQLSaver(new_url) as saver:
        put(saver, config(), {"x": ["start" * 50]})
    command = [sys.executable, "-c", MORTALS, new_url]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    survivor = int(done.stdout)
    assert survivor > (2 if new_url.startswith("postgresql") else 8)  # statements; there each call is a single one
    with SQLSaver(new_url) as saver:
        found = [item.checkpoint["channel_values"]["x"] for item in saver.list(config())]
        assert found == [[f"{survivor} " * 100, "start" * 50], ["start" * 50]]
        assert saver._database.read(unsound)["missing"] == 0


def test_a_fork_of_what_was_pruned_meanwhile_is_refused(saver: SQLSaver) -> None:
    first = put(saver, config(), {"kept": "k" * 100})
    latest = saver.get_tuple(first)
    assert latest
    put(saver, first, {"other": 1})
    saver.prune(["t"])
    forked = empty_checkpoint() | {k: latest.checkpoint[k] for k in ("channel_values", "channel_versions")}
    with pytest.raises(MissingParentError, match=r"thread 't'.* was pruned or deleted "):
        saver.put(first, forked, {"source": "update"}, {})  # type: ignore[arg-type]
    assert len(list(saver.list(config()))) == 1
    saver.put(first, forked, {"source": "update"}, latest.checkpoint["channel_versions"])  # type: ignore[arg-type]
    found = saver.get_tuple(config())
    assert found
    assert found.checkpoint["channel_values"] == {"kept": "k" * 100}


def test_pruning_takes_writes_that_came_too_late(saver: SQLSaver) -> None:
    first = put(saver, config(), {"x": 1})
    newest = put(saver, first, {"x": 2})
    saver.prune(["t"])
    early = config(checkpoint_id="ffffffff")  # the writes of a step may precede its checkpoint
    for at in (first, newest, early):
        saver.put_writes(at, [("x", ["late " * 100])], "task")
    saver.prune(["t"])
    query = select(TABLES.writes.c.checkpoint_id).order_by(TABLES.writes.c.checkpoint_id)
    left = saver._database.read(lambda session: list(session.execute(query).scalars()))
    assert left == [newest["configurable"]["checkpoint_id"], "ffffffff"]


def test_deleting_a_thread_waits_for_whoever_is_starting_it(server_url: str) -> None:
    """Else it would miss the checkpoint, which is not committed, and later find its elements, which are."""
    with SQLSaver(server_url) as saver, SQLSaver(server_url) as other, ThreadPoolExecutor(1) as pool:
        other.setup()
        asked = threading.Event()
        deleted: list[Future[None]] = []

        def delete_loudly(session: Session, thread_id: str) -> None:
            asked.set()
            delete_thread(session, thread_id)

        def put_slowly(session: Session, *args: Any, **kwargs: Any) -> Any:
            outcome = put_checkpoint(session, *args, **kwargs)
            deleted.append(pool.submit(other.delete_thread, "t"))
            assert asked.wait(10)
            assert not wait(deleted, timeout=0.2).done
            return outcome

        with (
            mock.patch("threadloom.checkpoints.storage.put_checkpoint", put_slowly),
            mock.patch("threadloom.checkpoints.pruning.delete_thread", delete_loudly),
        ):
            put(saver, config(), {"x": ["a" * 100]})
        deleted[0].result()
        assert saver.get_tuple(config()) is None
        assert other._database.read(unsound) == {"missing": 0, "unused": 0}
