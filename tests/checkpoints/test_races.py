"""Whoever stores while others prune, copy and delete loses no value: it is all there, or a typed error said so."""

import asyncio
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any
from unittest import mock

import pytest
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from sqlalchemy import select

from tests.checkpoints import counting
from tests.checkpoints.chain import TABLES, config, put
from tests.checkpoints.racing import THREADS, check
from tests.checkpoints.sides import Graph
from tests.checkpoints.test_sharing import unsound
from tests.programs import Program
from threadloom.checkpoints import SQLSaver
from threadloom.checkpoints.errors import MissingParentError, StaleThreadError, ThreadDeletedError
from threadloom.checkpoints.pruning import delete_thread
from threadloom.checkpoints.session import Session
from threadloom.checkpoints.storage import put_checkpoint


@pytest.mark.thorough
def test_processes_store_prune_copy_and_delete_at_once(program: Program, new_url: str) -> None:
    done = program("-m", "tests.checkpoints.racing", new_url, "3", "60")
    assert (done.stderr, done.returncode) == ("", 0)
    with SQLSaver(new_url) as saver:
        for thread in THREADS:
            check(list(saver.list({"configurable": {"thread_id": thread}})))
        assert saver._database.read(unsound)["missing"] == 0
        saver.prune(THREADS)
        assert saver._database.read(unsound) == {"missing": 0, "unused": 0}


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
            mock.patch.object(saver.database.dialect, "single_statements", new=False),
            mock.patch("threadloom.checkpoints.storage.put_checkpoint", put_slowly),
            mock.patch("threadloom.checkpoints.pruning.delete_thread", delete_loudly),
        ):
            put(saver, config(), {"x": ["a" * 100]})
        deleted[0].result()
        assert saver.get_tuple(config()) is None
        assert other._database.read(unsound) == {"missing": 0, "unused": 0}


def _rows(session: Session) -> list[Any]:
    """What is left of all threads."""
    return [row for table in (*TABLES.contents, TABLES.threads) for row in session.execute(table.select())]


@pytest.mark.parametrize("side", ["sync", "async"])
@pytest.mark.parametrize("durability", ["sync", "async"])
def test_a_run_that_goes_on_after_its_thread_was_deleted_leaves_nothing(
    saver: SQLSaver, side: str, durability: str
) -> None:
    """Whether it would have stored another step, an answer to wait for, or the checkpoint of a subgraph."""

    def delete(state: counting.State) -> dict[str, Any]:
        if state["count"]:
            saver.delete_thread("t")
        return {"count": 1}

    def ask(state: counting.State) -> Any:
        return interrupt("Well?")

    child = StateGraph(counting.State).add_node("ask", ask).add_edge(START, "ask").compile()
    afterwards: list[Any] = [lambda state: {"count": 2}, ask, child]
    for after in afterwards:
        built = StateGraph(counting.State).add_node("delete", delete).add_node("after", after)
        compiled = built.add_edge(START, "delete").add_edge("delete", "after").compile(checkpointer=saver)
        with asyncio.Runner() as runner:
            graph = Graph(compiled, runner if side == "async" else None)
            graph.invoke({"count": 0}, config(), durability=durability)
            with pytest.raises((ThreadDeletedError, StaleThreadError), match="thread 't'"):
                graph.invoke({"count": 1}, config(), durability=durability)
        assert saver._database.read(_rows) == []


def test_a_thread_that_was_deleted_can_be_started_again(saver: SQLSaver) -> None:
    compiled = counting.graph(saver)
    for durability in ("sync", "async", "exit") * 3:
        assert compiled.invoke({"count": 0}, config(), durability=durability)["count"] == 5
        saver.delete_thread("t")
