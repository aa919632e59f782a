"""What is stored is what is read: writes, versions, ids, filters, listings, copies and deletions."""

import re
import sqlite3
import tracemalloc
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langgraph.checkpoint.base import WRITES_IDX_MAP, BaseCheckpointSaver, empty_checkpoint, get_checkpoint_id
from langgraph.checkpoint.memory import InMemorySaver
from sqlalchemy import create_engine, event, select, update
from sqlalchemy.pool import StaticPool

from tests.checkpoints.chain import TABLES, config, put
from threadloom.checkpoints import SQLSaver, elements, summaries
from threadloom.checkpoints.cache import Cache
from threadloom.checkpoints.errors import (
    InvalidRequestError,
    ThreadExistsError,
    UnrestorableValueError,
    UnsupportedDatabaseError,
)
from threadloom.checkpoints.session import Session
from threadloom.checkpoints.versions import next_version

HOSTILE = ["a'b", 'a"b', "a.b", "$.a", "$", "a[0]", "é🧵", "", "a\\b", "%", "--", "'; DROP TABLE threadloom_writes; --"]


def _ids(found: Any) -> list[str | None]:
    return [get_checkpoint_id(item.config) for item in found]


@pytest.mark.parametrize("current", [None, 0, 7, 7.0, "7", f"{7:032}.0.25"])
def test_versions_grow_and_keep_the_official_form(current: Any) -> None:
    version = next_version(current)
    assert version.split(".")[0] == f"{int(float(str(current)[:32])) + 1 if current is not None else 1:032}"
    assert len(version.split(".")[0]) == 32
    assert next_version(version) > version
    assert InMemorySaver().get_next_version(version, None) > version


def test_special_writes_replace_and_ordinary_ones_stay(saver: SQLSaver) -> None:
    at = put(saver, config())
    special = [(channel, 1) for channel in WRITES_IDX_MAP]
    saver.put_writes(at, [("a", 1), *special], "task")
    saver.put_writes(at, [("a", 2), *[(channel, 2) for channel, _ in special], ("b", 2)], "task")
    found = saver.get_tuple(at)
    assert found
    values = {channel: value for _, channel, value in found.pending_writes or ()}
    assert values == {"a": 1, "b": 2} | dict.fromkeys(WRITES_IDX_MAP, 2)


@given(
    st.lists(
        st.tuples(st.text("ab~|\0", max_size=3), st.text("ab", min_size=1, max_size=2), st.integers(1, 3)), max_size=6
    )
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pending_writes_come_in_the_order_of_the_official_savers(
    empty_url: Callable[[], str], calls: list[tuple[str, str, int]]
) -> None:
    with SQLSaver(empty_url()) as ours:
        savers: list[BaseCheckpointSaver[str]] = [ours, InMemorySaver()]
        for saver in savers:
            at = put(saver, config(), checkpoint_id="1")
            for path, task, count in calls:
                saver.put_writes(at, [("c", n) for n in range(count)], task, path)
        mine, theirs = (saver.get_tuple(config()) for saver in savers)
        assert mine
        assert theirs
        assert mine.pending_writes == theirs.pending_writes


@pytest.mark.parametrize("name", [*HOSTILE, "nul\0byte", "\1\0\2", "x" * 470, "CASE", "case", "é", "case "])
def test_any_text_is_an_id(saver: SQLSaver, name: str) -> None:
    for other in ("case", "CASE", "nul", name + "x"):
        put(saver, config(other or "-", other), {"c": other})
    at = put(saver, config(name or "-", name), {name: name})
    task = name[:120]
    saver.put_writes(at, [(name, name)], task, name)
    found = saver.get_tuple(config(name or "-", name))
    assert found
    assert found.checkpoint["channel_values"] == {name: name}
    assert found.pending_writes == [(task, name, name)]
    assert len(list(saver.list(config(name or "-", name)))) == (2 if name in ("case", "CASE") else 1)


@pytest.mark.parametrize("field", ["thread_id", "checkpoint_ns", "checkpoint_id"])
def test_a_lone_surrogate_in_an_id_is_a_clear_error(saver: SQLSaver, field: str) -> None:
    with pytest.raises(InvalidRequestError, match=r"'\\ud800' is not valid Unicode"):
        saver.get_tuple(config(**{field: "\ud800"}) if field != "thread_id" else config("\ud800"))


def test_a_config_without_a_thread_is_a_clear_error(saver: SQLSaver) -> None:
    with pytest.raises(InvalidRequestError, match="names no thread"):
        saver.get_tuple({"configurable": {}})
    with pytest.raises(InvalidRequestError, match="names no checkpoint"):
        saver.put_writes(config(), [("a", 1)], "task")
    with pytest.raises(InvalidRequestError, match="keep_latest, delete"):
        saver.prune(["t"], strategy="keep_last")


KEYS = st.sampled_from([*HOSTILE, "source", "run_id", "step"])
VALUES = st.sampled_from([None, True, False, 0, 1, 1.0, "1", "loop", "a'b", [1], {"a": 1}, *HOSTILE[:4]])


@settings(max_examples=20, deadline=None)
@given(st.lists(st.dictionaries(KEYS, VALUES, max_size=3), max_size=5), st.dictionaries(KEYS, VALUES, max_size=2))
def test_a_filter_selects_what_the_saver_in_memory_selects(
    empty_url: Callable[[], str], stored: list[dict[str, Any]], wanted: dict[str, Any]
) -> None:
    with SQLSaver(empty_url()) as ours:
        savers: list[BaseCheckpointSaver[str]] = [ours, InMemorySaver()]
        for saver in savers:
            for number, metadata in enumerate(stored):
                put(saver, config(), checkpoint_id=str(number), **metadata)
        mine, theirs = (_ids(saver.list(config(), filter=wanted)) for saver in savers)
        assert mine == theirs


def test_a_listing_starts_before_a_config_or_a_bare_checkpoint(saver: SQLSaver) -> None:
    ids = [f"{number:03}" for number in range(150)]
    at = config()
    for checkpoint_id in ids:
        at = put(saver, at, {"n": checkpoint_id}, checkpoint_id)
    assert _ids(saver.list(config())) == ids[::-1]
    assert _ids(saver.list(None)) == ids[::-1]
    middle = saver.get_tuple(config(checkpoint_id="070"))
    assert middle
    shapes: list[Any] = [middle.config, middle.checkpoint, middle.config["configurable"]]  # the last is the server's
    for before in shapes:
        assert _ids(saver.list(config(), before=before)) == ids[69::-1]
    assert _ids(saver.list(config(), before=middle.config, limit=5)) == ids[69:64:-1]
    assert _ids(saver.list(config(), before=config())) == ids[::-1]
    assert _ids(saver.list(config(checkpoint_id="070"))) == ["070"]
    assert _ids(saver.list(config(), limit=0)) == []
    assert all(t.checkpoint["channel_values"] == {"n": i} for t, i in zip(saver.list(config()), ids[::-1], strict=True))


def test_a_listing_reads_little_ahead_and_lets_others_write_meanwhile(url: str) -> None:
    engine = create_engine(url)
    loaded: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def _count(_c: Any, _cur: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "FROM threadloom_values" in statement:
            loaded.extend(p for p in parameters if str(p).startswith("value-"))

    with SQLSaver(engine) as saver:
        for number in range(40):
            put(saver, config(), {f"value-{number:02}": 1}, f"{number:02}")
        listing = saver.list(config())
        seen = [next(listing) for _ in range(5)]
        assert len(loaded) <= 2 * len(seen)
        saver.delete_thread("t")
        assert list(listing)[2:] == []
    engine.dispose()


def test_threads_are_listed_newest_first_page_by_page(saver: SQLSaver) -> None:
    assert saver.threads() == []
    for number in range(7):
        put(saver, config(f"thread-{number}"), step=-1)
        put(saver, config(f"thread-{number}", "child"))
        put(saver, config(f"thread-{number}"), {"a": number}, source="update", step=number, tag="x")
    put(saver, config("only-a-subgraph", "child"))
    put(saver, config("thread-2"), step=9)
    everything = saver.threads(limit=100)
    assert [t.thread_id for t in everything] == [f"thread-{n}" for n in (2, 6, 5, 4, 3, 1, 0)]
    paged = []
    page = saver.threads(limit=3)
    while page:
        paged += page
        page = saver.threads(limit=3, before=page[-1])
    assert paged == everything
    assert [t.checkpoints for t in everything] == [4, 3, 3, 3, 3, 3, 3]
    second = everything[1]
    assert (second.step, second.source, second.metadata) == (6, "update", {"source": "update", "step": 6, "tag": "x"})
    latest = saver.get_tuple(config("thread-6"))
    assert latest
    assert second.checkpoint_id == latest.checkpoint["id"]
    assert second.created == datetime.fromisoformat(latest.checkpoint["ts"])
    assert second.created.tzinfo is UTC


def test_the_latest_checkpoints_of_many_threads_are_read_together(saver: SQLSaver) -> None:
    for number in range(7):
        at = put(saver, config(f"thread-{number}"), {"x": ["a" * 100], "y": number})
        saver.put_writes(at, [("x", "of an older one")], "task")
        at = put(saver, at, {"x": ["a" * 100, f"{number}" * 100, "b" * 100], "y": number})
        saver.put_writes(at, [("x", ["c" * 100, number]), ("y", None)], "task")
        put(saver, config(f"thread-{number}", "child"), {"x": "of a subgraph"})
    put(saver, config("only-a-subgraph", "child"))
    ids = [f"thread-{number}" for number in range(7)]
    for asked in (saver, saver._changed("_cache", Cache(0))):
        found = asked.latest([*ids, "only-a-subgraph", "none"])
        assert {thread_id: found[thread_id]() for thread_id in found} == {
            thread_id: saver.get_tuple(config(thread_id)) for thread_id in ids
        }
    assert saver.latest([]) == {}


def test_what_is_read_by_its_keys_is_looked_up_by_all_of_them(url: str) -> None:
    engine = create_engine(url)
    asked: list[tuple[str, Any]] = []

    @event.listens_for(engine, "before_cursor_execute")
    def _note(_c: Any, _cur: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    with SQLSaver(engine, cache_bytes=0) as saver:
        for thread_id in ("a", "b"):
            at = config(thread_id)
            for number in range(3):
                at = put(saver, at, {"x": ["a" * 100, f"{number}" * 100], "y": number})
                saver.put_writes(at, [("x", ["c" * 100])], "task")
        asked.clear()
        assert len([found() for found in saver.latest(["a", "b"]).values()]) == 2
        assert saver.get_tuple(config("a"))
        assert len(list(saver.list(config("a")))) == 3
        saver.prune(["a"])
        with engine.connect() as connection:
            plans = [
                row.detail
                for statement, parameters in list(asked)
                for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
                if " IN " in statement and "threadloom_" in row.detail
            ]
    for table, last in {"values": "version", "elements": "digest", "writes": "checkpoint_id"}.items():
        found = [plan for plan in plans if f"threadloom_{table}" in plan]
        assert found, table
        assert all(re.search(rf"^SEARCH .*{last}[=<>]", plan) for plan in found), (table, found)
    engine.dispose()


def test_a_damaged_thread_keeps_nobody_from_the_latest_of_others(plain_saver: SQLSaver) -> None:
    for thread_id in ("a", "b"):
        put(plain_saver, config(thread_id), {"x": ["a" * 100, thread_id * 100]})
    tables, fresh = plain_saver._tables, plain_saver._changed("_cache", Cache(0))
    for table, column in ((tables.elements, "data"), (tables.values, "data"), (tables.checkpoints, "body")):
        damage = update(table).where(table.c.thread_id == "b").values({column: b"\xdc"})  # the head of an array
        plain_saver.database.write(Session.execute, damage)
        found = fresh.latest(["a", "b"])
        assert found["a"]() == plain_saver.get_tuple(config("a"))
        with pytest.raises(UnrestorableValueError):
            found["b"]()
        assert {t.thread_id for t in fresh.threads()} == {"a", "b"}


def test_a_copy_of_what_is_not_there_leaves_no_trace(saver: SQLSaver) -> None:
    put(saver, config("a"), {"x": 1})
    with pytest.raises(ThreadExistsError):
        saver.copy_thread("none", "a")
    saver.copy_thread("none", "b")
    threads = TABLES.threads.c.thread_id
    assert saver.database.read(lambda session: [*session.execute(select(threads)).scalars()]) == ["a"]
    found = saver.get_tuple(config("a"))
    assert found
    assert found.checkpoint["channel_values"] == {"x": 1}


async def test_threads_are_listed_in_event_loops_too(saver: SQLSaver) -> None:
    await saver.asetup()
    put(saver, config())
    assert await saver.athreads() == saver.threads()
    await saver.aclose()


def test_a_copy_is_whole_and_never_mixes_two_threads(saver: SQLSaver) -> None:
    for ns in ("", "child:1"):
        at = put(saver, put(saver, config("a", ns), {"x": 1}), {"x": 2})
        saver.put_writes(at, [("x", 3)], "task")
    saver.copy_thread("a", "b")
    with pytest.raises(ThreadExistsError, match="'b' already has checkpoints"):
        saver.copy_thread("a", "b")
    saver.delete_thread("a")
    found = list(saver.list(config("b") | {"configurable": {"thread_id": "b"}}))
    assert [t.checkpoint["channel_values"] for t in found] == [{"x": 2}, {"x": 1}, {"x": 2}, {"x": 1}]
    assert [t.pending_writes for t in found] == [[("task", "x", 3)], [], [("task", "x", 3)], []]
    assert list(saver.list(config("a"))) == []


def _rows(path: str, table: str) -> int:
    with sqlite3.connect(path) as connection:
        count: int = connection.execute(f"SELECT count(*) FROM threadloom_{table}").fetchone()[0]
    connection.close()
    return count


def test_deletions_leave_nothing_behind(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elements, "CHUNK", 4)
    path = url.removeprefix("sqlite:///")
    with SQLSaver(url) as saver:
        at = config()
        for number in range(30):
            at = put(saver, at, {"a": number, "b": number}, f"{number:04}", run_id=f"run-{number % 2}")
            saver.put_writes(at, [("a", number)], "task")
        saver.delete_for_runs(["run-0", "unknown"])
        assert [_rows(path, t) for t in ("checkpoints", "values", "writes")] == [15, 30, 15]
        saver.prune(["t"])
        assert [_rows(path, t) for t in ("checkpoints", "values", "writes")] == [1, 2, 1]
        assert _ids(saver.list(config())) == ["0029"]
        saver.prune(["t"], strategy="delete")
        assert [_rows(path, t) for t in ("checkpoints", "values", "writes")] == [0, 0, 0]


def test_an_engine_that_was_passed_in_stays_open(url: str) -> None:
    for engine in (create_engine(url), create_engine("sqlite://", poolclass=StaticPool)):
        with SQLSaver(engine) as saver:
            put(saver, config(), {"a": 1})
        with SQLSaver(engine) as saver:
            assert len(list(saver.list(config()))) == 1
        engine.dispose()
    with pytest.raises(UnsupportedDatabaseError, match="one for each connection"):
        SQLSaver(create_engine("sqlite://"))


def test_an_engine_that_begins_by_itself_still_writes_without_deadlock(url: str) -> None:
    """SQLAlchemy's documented recipe for SQLite: driver transactions off, a plain BEGIN by an event."""
    engine = create_engine(url)
    event.listen(engine, "connect", lambda connection, _: setattr(connection, "isolation_level", None))
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    with SQLSaver(engine) as saver, ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: put(saver, config(f"{n}"), {"a": n}), range(20)))
        assert len(saver.threads(limit=100)) == 20
    engine.dispose()


def test_threads_are_listed_by_their_latest_root_checkpoint_in_pages_of_any_size(
    saver: SQLSaver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(summaries, "FIRST", 2)  # how far the first look goes
    chance, latest, count = Random(7), dict[str, str](), Counter[str]()
    for number in range(40):
        thread, ns = f"t{chance.randrange(9)}", chance.choice(["", "", "sub:1"])
        put(saver, config(thread, ns, checkpoint_id=latest.get(thread) if not ns else None), {}, f"{number:03}")
        count[thread] += 1
        if not ns:
            latest[thread] = f"{number:03}"
    expected = sorted(((checkpoint, thread) for thread, checkpoint in latest.items()), reverse=True)
    for size in (1, 2, 5, 100):
        found, page = list[Any](), saver.threads(limit=size)
        while page:
            found += page
            page = saver.threads(limit=size, before=(page[-1].checkpoint_id, page[-1].thread_id))
        assert [(one.checkpoint_id, one.thread_id) for one in found] == expected
        assert all(one.checkpoints == count[one.thread_id] for one in found)
    assert saver.names("t1", limit=1) == ["t1"]


async def test_a_history_of_a_large_value_takes_the_room_of_few(url: str) -> None:
    size, times = 1_000_000, 40
    with SQLSaver(url) as saver:
        at = put(saver, config(), {"large": bytes(size)})
        first = saver.get_tuple(at)
        assert first
        for _ in range(times):
            checkpoint = first.checkpoint.copy()
            checkpoint["id"] = empty_checkpoint()["id"]
            at = saver.put(at, checkpoint, {"source": "update"}, {})
        tracemalloc.start()
        try:
            seen = sum(len(one.checkpoint["channel_values"]["large"]) for one in saver.list(config()))
            async for one in saver.alist(config()):
                seen += len(one.checkpoint["channel_values"]["large"])
            assert seen == 2 * size * (times + 1)
            assert tracemalloc.get_traced_memory()[1] < 10 * size
        finally:
            tracemalloc.stop()
