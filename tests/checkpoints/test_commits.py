"""Writers that wait together share a commit; what one of them breaks concerns nobody else."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import create_engine, event, text

from tests.checkpoints.chain import config, put
from threadloom.checkpoints import SQLSaver
from threadloom.checkpoints.errors import DatabaseFullError
from threadloom.checkpoints.session import Session


def _wait_for(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0)


def _together(saver: SQLSaver, works: list[Callable[[Session], Any]]) -> list[Future[Any]]:
    """Hand in all the work while another writer has its turn, so that it waits together."""
    database = saver._database
    with ThreadPoolExecutor(len(works)) as pool, database._lock:
        results = [pool.submit(database.write, work) for work in works]
        _wait_for(lambda: len(database._commits._waiting) == len(works))
    return results


@pytest.fixture
def commits(url: str) -> Any:
    """A saver, and a list that grows with every commit."""
    engine = create_engine(url)
    found: list[str] = []
    with SQLSaver(engine) as saver:
        saver.setup()
        event.listen(engine, "commit", lambda _: found.append("commit"))
        yield saver, found
    engine.dispose()


def _write(number: int) -> Callable[[Session], int]:
    def work(session: Session) -> int:
        session.execute(text("CREATE TABLE IF NOT EXISTS numbers (number INTEGER PRIMARY KEY)"))
        session.execute(text("INSERT INTO numbers VALUES (:number)"), {"number": number})
        return number

    return work


def _stored(saver: SQLSaver) -> list[int]:
    return saver._database.read(lambda c: list(c.execute(text("SELECT number FROM numbers ORDER BY 1")).scalars()))


def test_writers_that_wait_together_share_a_commit(commits: tuple[SQLSaver, list[str]]) -> None:
    saver, found = commits
    results = _together(saver, [_write(number) for number in range(8)])
    assert [result.result() for result in results] == list(range(8))
    assert found == ["commit"]
    assert _stored(saver) == list(range(8))


def test_one_that_fails_takes_nobody_with_it(commits: tuple[SQLSaver, list[str]]) -> None:
    saver, _ = commits

    def fail(session: Session) -> None:
        _write(99)(session)
        raise DatabaseFullError

    results = _together(saver, [_write(0), fail, _write(1), _write(0)])
    assert [type(result.exception()).__name__ for result in results[1:2]] == ["DatabaseFullError"]
    assert [results[0].exception() is None, results[3].exception() is None].count(True) == 1
    assert results[2].result() == 1
    assert _stored(saver) == [0, 1]


def test_an_interrupted_writer_leaves_the_others_in_the_queue(commits: tuple[SQLSaver, list[str]]) -> None:
    saver, _ = commits
    interrupted = iter([True])

    def interrupt(_: Session) -> None:
        if next(interrupted, False):
            raise KeyboardInterrupt

    results = _together(saver, [interrupt, *(_write(number) for number in range(4))])
    ends = [type(result.exception()) for result in results]
    assert ends.count(KeyboardInterrupt) == 1
    assert len(_stored(saver)) == 4 - ends[1:].count(KeyboardInterrupt)


def test_nobody_returns_before_the_commit(url: str) -> None:
    """Another connection sees what was put, whoever did the writing."""
    with SQLSaver(url) as saver, SQLSaver(url) as other, ThreadPoolExecutor(8) as pool:
        other.setup()
        started = threading.Barrier(8)

        def write(thread: int) -> list[bool]:
            started.wait()
            stored = [put(saver, config(f"{thread}"), {"a": n}) for n in range(20)]
            return [other.get_tuple(at) is not None for at in stored[-3:]]

        assert [seen for result in pool.map(write, range(8)) for seen in result] == [True] * 24
