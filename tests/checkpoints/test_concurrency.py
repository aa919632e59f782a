"""Many threads, processes and event loops on one database, all at once."""

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import create_engine, event

from tests.checkpoints.chain import config, put
from tests.checkpoints.counting import graph
from tests.programs import Program
from threadloom.checkpoints import SQLSaver

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


# Every process writes to threads of its own.
WRITERS = """
import asyncio, sys
from concurrent.futures import ThreadPoolExecutor
from tests.checkpoints.chain import config, put
from tests.checkpoints.counting import graph
from tests.checkpoints.forked import at_once
from threadloom.checkpoints import SQLSaver
url, processes, do, times = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])

def write(saver, number):
    at = config(f"{number}")
    for value in range(times):
        at = put(saver, at, {"a": value})
        saver.put_writes(at, [("a", value)], "task")

def run(saver, number):
    with ThreadPoolExecutor(times) as pool:
        list(pool.map(lambda n: graph(saver).invoke({"count": 0}, config(f"{number}-{n}")), range(times)))

def arun(saver, number):
    async def gathered():
        await asyncio.gather(*(graph(saver).ainvoke({"count": 0}, config(f"{number}-{n}")) for n in range(times)))
    asyncio.run(gathered())

def work(number):
    with SQLSaver(url) as saver:
        globals()[do](saver, number)

print(at_once(processes, work))
"""


def _together(program: Program, url: str, processes: int, do: str, times: int) -> None:
    done = program("-c", WRITERS, url, f"{processes}", do, f"{times}")
    assert (done.stderr, done.stdout.strip()) == ("", str([0] * processes))


def test_two_processes_write_at_once(program: Program, new_url: str) -> None:
    _together(program, new_url, 2, "write", 60)
    with SQLSaver(new_url) as saver:
        for thread in ("0", "1"):
            found = list(saver.list(config(thread)))
            assert [t.checkpoint["channel_values"]["a"] for t in found] == list(range(59, -1, -1))
            assert all(len(t.pending_writes or ()) == 1 for t in found)


@pytest.mark.thorough
@pytest.mark.parametrize("do", ["run", "arun"])
def test_many_threads_of_several_processes_write_at_once(program: Program, new_url: str, do: str) -> None:
    _together(program, new_url, 4, do, 8)
    with SQLSaver(new_url) as saver:
        compiled = graph(saver)
        names = [f"{child}-{n}" for child in range(4) for n in range(8)]
        assert [compiled.get_state(config(name)).values for name in names] == [END] * 32
        assert list(saver.verify()) == []


def test_ten_processes_set_up_a_new_database_at_once(program: Program, new_url: str) -> None:
    _together(program, new_url, 10, "write", 1)
    with SQLSaver(new_url) as saver:
        assert len(saver.threads()) == 10


def test_setting_up_waits_for_a_process_that_sets_up_too(url: str) -> None:
    """SQLite refuses the switch to WAL at once, whatever the timeout, while another connection writes."""
    other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    engine = create_engine(url)
    # Both pragmas are tried twice: the first one waits for its turn, the switch to WAL does not.
    steps = iter(["COMMIT", "BEGIN IMMEDIATE", "COMMIT", "SELECT 1"])

    @event.listens_for(engine, "before_cursor_execute")
    def _be_in_the_way_of_the_first_switch(_c: Any, _cur: Any, statement: str, *_: Any) -> None:
        if "auto_vacuum" in statement or "journal_mode" in statement:
            other.execute(next(steps))

    with SQLSaver(engine) as saver:
        saver.setup()
        assert next(steps, None) is None
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
