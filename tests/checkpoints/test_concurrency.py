"""Many threads, processes and event loops on one database, all at once."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, event

from tests.checkpoints.chain import config, put
from tests.checkpoints.counting import graph
from threadloom.checkpoints import SQLSaver

ROOT = Path(__file__).parents[2]
END = {"count": 5, "seen": [0, -1, 1, -2, 2, -3, 3, -4, 4, -5]}


def test_threads_write_at_once(saver: SQLSaver) -> None:
    compiled = graph(saver)
    with ThreadPoolExecutor(16) as pool:
        ends = list(pool.map(lambda n: compiled.invoke({"count": 0}, config(f"{n}")), range(32)))
    assert ends == [END] * 32
    assert [t.checkpoints for t in saver.threads(limit=100)] == [12] * 32


def test_one_saver_serves_several_event_loops_and_plain_threads(saver: SQLSaver) -> None:
    compiled = graph(saver)

    async def gathered(name: str) -> list[Any]:
        return await asyncio.gather(*(compiled.ainvoke({"count": 0}, config(f"{name}-{n}")) for n in range(4)))

    with ThreadPoolExecutor(6) as pool:
        loops = [pool.submit(asyncio.run, gathered(name)) for name in "abc"]
        plain = [pool.submit(compiled.invoke, {"count": 0}, config(f"plain-{n}")) for n in range(3)]
        assert [end for loop in loops for end in loop.result()] == [END] * 12
        assert [one.result() for one in plain] == [END] * 3


# Every process writes to a thread of its own.
WRITERS = """
import sys
from tests.checkpoints.chain import config, put
from tests.checkpoints.forked import at_once
from threadloom.checkpoints import SQLSaver

def write(number):
    with SQLSaver(sys.argv[1]) as saver:
        at = config(str(number))
        for value in range(int(sys.argv[3])):
            at = put(saver, at, {"a": value})
            saver.put_writes(at, [("a", value)], "task")

print(at_once(int(sys.argv[2]), write))
"""


def _write_together(url: str, processes: int, puts: int) -> None:
    command = [sys.executable, "-c", WRITERS, url, f"{processes}", f"{puts}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert (done.stderr, done.stdout.strip()) == ("", str([0] * processes))


def test_two_processes_write_at_once(new_url: str) -> None:
    _write_together(new_url, processes=2, puts=60)
    with SQLSaver(new_url) as saver:
        for thread in ("0", "1"):
            found = list(saver.list(config(thread)))
            assert [t.checkpoint["channel_values"]["a"] for t in found] == list(range(59, -1, -1))
            assert all(len(t.pending_writes or ()) == 1 for t in found)


def test_ten_processes_set_up_a_new_database_at_once(new_url: str) -> None:
    _write_together(new_url, processes=10, puts=1)
    with SQLSaver(new_url) as saver:
        assert len(saver.threads()) == 10


def test_setting_up_waits_for_a_process_that_sets_up_too(url: str) -> None:
    """SQLite refuses the switch to WAL at once, whatever the timeout, while another connection writes."""
    other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    engine = create_engine(url)
    attempts: Iterator[Callable[[], object]] = iter([lambda: None, lambda: other.execute("COMMIT")])

    @event.listens_for(engine, "before_cursor_execute")
    def _let_go_at_the_second_attempt(_c: Any, _cur: Any, statement: str, *_: Any) -> None:
        if "journal_mode" in statement:
            next(attempts)()

    with SQLSaver(engine) as saver:
        saver.setup()
        assert next(attempts, None) is None
    assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    other.close()
    engine.dispose()


def test_a_writer_does_not_disturb_a_reader(new_url: str) -> None:
    with SQLSaver(new_url) as writer, SQLSaver(new_url) as reader:
        put(writer, config(), {"a": 1})
        listing = reader.list(None)
        seen = writer._database.write(lambda _: next(listing))
        assert seen.checkpoint["channel_values"] == {"a": 1}


def test_what_was_stored_survives_a_power_cut(url: str) -> None:
    with SQLSaver(url) as saver:
        assert saver._database.read(lambda s: s.connection.exec_driver_sql("PRAGMA synchronous").scalar()) == 2
