"""What event loops store on PostgreSQL at the same time goes there at once; what fails concerns nobody else."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from langgraph.checkpoint.base import Checkpoint, empty_checkpoint
from sqlalchemy import Connection, create_engine, make_url, text

from tests import services
from tests.checkpoints.chain import config
from threadloom.checkpoints import SQLSaver
from threadloom.checkpoints.errors import ClosedError, InvalidRequestError, StaleThreadError
from threadloom.checkpoints.guard import FOLLOWS

THREADS = [f"{number}" for number in range(8)]


@pytest.fixture
def url() -> Iterator[str]:
    """A new PostgreSQL database."""
    with services.database("postgresql") as new:
        yield new


@contextmanager
def _connected(url: str) -> Iterator[Connection]:
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@asynccontextmanager
async def _together(saver: SQLSaver) -> AsyncIterator[None]:
    """Whatever is asked within it waits until the end, and then shares a pipeline."""
    with saver.database._queues["ask"]._turn:
        yield
        await asyncio.sleep(0.05)


def _checkpoint(values: dict[str, Any]) -> Checkpoint:
    checkpoint = empty_checkpoint()
    checkpoint["channel_values"] = values
    checkpoint["channel_versions"] = dict.fromkeys(values, "1")
    return checkpoint


async def _put_all(saver: SQLSaver, threads: Sequence[str] = THREADS) -> list[asyncio.Task[Any]]:
    async with _together(saver):
        return [asyncio.create_task(_put(saver, thread)) for thread in threads]


async def _put(saver: SQLSaver, thread: str) -> Any:
    return await _stored(saver, thread, _checkpoint({"a": thread * 2}))


async def _stored(saver: SQLSaver, thread: str, checkpoint: Checkpoint) -> Any:
    at = config(thread)
    at["configurable"][FOLLOWS] = True
    return await saver.aput(at, checkpoint, {"source": "input", "step": -1}, checkpoint["channel_versions"])


def _transactions(url: str) -> int:
    with _connected(url) as connection:
        query = "SELECT count(DISTINCT xmin::text) FROM threadloom_checkpoints"
        return int(connection.execute(text(query)).scalar_one())


async def test_what_waits_together_is_stored_in_one_transaction(url: str) -> None:
    async with SQLSaver(url) as saver:
        await saver.asetup()
        await asyncio.gather(*await _put_all(saver))
        assert _transactions(url) == 1
        found = [await saver.aget_tuple(config(thread)) for thread in THREADS]
    assert [t and t.checkpoint["channel_values"] for t in found] == [{"a": thread * 2} for thread in THREADS]


async def test_one_that_fails_takes_nobody_with_it(url: str) -> None:
    too_long = "".join(chr(0x4E00 + number % 20_000) for number in range(20_000))
    async with SQLSaver(url) as saver:
        await saver.asetup()
        ends = await asyncio.gather(*await _put_all(saver, [*THREADS, too_long]), return_exceptions=True)
        assert [type(end) for end in ends] == [dict] * 8 + [InvalidRequestError]
        assert len([t async for t in saver.alist(None)]) == 8


async def test_a_thread_that_is_locked_keeps_only_its_own_run_waiting(url: str) -> None:
    async with SQLSaver(url) as saver:
        parents = await asyncio.gather(*await _put_all(saver))
        with _connected(url) as other:
            other.execute(text("SELECT * FROM threadloom_threads WHERE thread_id = '3' FOR UPDATE"))
            async with _together(saver):
                tasks = [asyncio.create_task(saver.aput_writes(at, [("a", 1)], "task")) for at in parents]
            await asyncio.gather(*tasks[:3], *tasks[4:])
            assert not tasks[3].done()
            other.rollback()
            await tasks[3]
        found = [await saver.aget_tuple(config(thread)) for thread in THREADS]
    assert [t and t.pending_writes for t in found] == [[("task", "a", 1)]] * 8


async def test_a_lost_connection_is_replaced(url: str) -> None:
    async with SQLSaver(url) as saver:
        parents = await asyncio.gather(*await _put_all(saver))
        with _connected(url) as other:
            others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            other.execute(text(f"{others} AND pid <> pg_backend_pid()"))
        async with _together(saver):
            tasks = [asyncio.create_task(saver.aput_writes(at, [("a", 1)], "task")) for at in parents]
        await asyncio.gather(*tasks)
        found = [await saver.aget_tuple(config(thread)) for thread in THREADS]
    assert [t and t.pending_writes for t in found] == [[("task", "a", 1)]] * 8


async def test_of_two_who_start_a_thread_one_succeeds(url: str) -> None:
    async with SQLSaver(url) as saver:
        await saver.asetup()
        ends = await asyncio.gather(*await _put_all(saver, ["one", "one"]), return_exceptions=True)
        assert {type(end) for end in ends} == {dict, StaleThreadError}
        assert len([t async for t in saver.alist(config("one"))]) == 1


async def test_a_thread_may_begin_with_writes(url: str) -> None:
    async with SQLSaver(url) as saver, SQLSaver(url) as other:
        checkpoint = _checkpoint({"a": ["long" * 200]})
        at = config("t", checkpoint_id=checkpoint["id"])
        async with _together(saver):
            written = asyncio.create_task(saver.aput_writes(at, [("a", ["other" * 200])], "task"))
            put = asyncio.create_task(_stored(saver, "t", checkpoint))
        await asyncio.gather(written, put)
        found = await other.aget_tuple(config("t"))
    assert found
    assert found.checkpoint["channel_values"] == {"a": ["long" * 200]}
    assert found.pending_writes == [("task", "a", ["other" * 200])]


async def test_who_comes_too_late_is_told(url: str) -> None:
    async with SQLSaver(url) as saver:
        await saver.asetup()
        saver.database._workers.shutdown()  # closed between the look whether it is and the work
        asked = [asyncio.wait_for(saver.aget_tuple(config(thread)), 20) for thread in THREADS]
        asked.append(asyncio.wait_for(saver.adelete_thread("t"), 20))
        ends = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(end) for end in ends] == [ClosedError] * len(asked)
