"""What an import takes for a source and what it refuses; formats that savers of today only read."""

import json
import sqlite3
from collections import deque
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.base import BaseCheckpointSaver, empty_checkpoint
from langgraph.checkpoint.postgres import PostgresSaver, ShallowPostgresSaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.types import Send

from tests import services
from tests.checkpoints.chain import config, put
from tests.checkpoints.officials import KINDS, converse, graph, listed, official
from tests.checkpoints.test_importing import Point, imported
from threadloom.checkpoints import SQLSaver
from threadloom.checkpoints.codec import UnknownTypeError
from threadloom.checkpoints.errors import DatabaseError, NotASourceError
from threadloom.checkpoints.legacy import read_json
from threadloom.checkpoints.sources import open_source


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("nothing.sqlite", "there is no SQLite file"),
        ("sqlite://", "there is no SQLite file"),
        ("mysql://root@localhost/runs", "LangGraph's savers use SQLite and PostgreSQL"),
        ("postgresql://host:port/runs", "cannot be read"),
        ("nosuch://host/db", "cannot be read|SQLAlchemy knows no|use SQLite and PostgreSQL"),
    ],
)
def test_what_cannot_be_a_source_is_refused(target: str, reason: str) -> None:
    with pytest.raises(NotASourceError, match=reason):
        open_source(target)


def test_files_that_are_something_else_are_refused(tmp_path: Path) -> None:
    text, ours, old = tmp_path / "a.txt", tmp_path / "ours.db", tmp_path / "old.db"
    text.write_text("no database, " * 99)
    with pytest.raises(DatabaseError, match="not an SQLite database"):
        open_source(str(text))
    with SQLSaver(f"sqlite:///{ours}") as saver:
        saver.setup()
    with pytest.raises(NotASourceError, match="it has no table checkpoints"):
        open_source(f"sqlite:///{ours}")
    with closing(sqlite3.connect(old)) as connection:
        connection.execute("CREATE TABLE checkpoints (thread_id TEXT, thread_ts TEXT, checkpoint BLOB)")
        connection.execute("CREATE TABLE writes (thread_id TEXT)")
    with pytest.raises(NotASourceError, match="its table checkpoints has no checkpoint_id"):
        open_source(str(old))


def test_a_shallow_saver_is_no_source() -> None:
    with services.database("postgresql") as url:
        with pytest.warns(DeprecationWarning, match="Shallow"), ShallowPostgresSaver.from_conn_string(url) as shallow:
            shallow.setup()
        with pytest.raises(NotASourceError, match=r"no checkpoint_id.*shallow"):
            open_source(url.replace("postgresql:", "postgres:"))


def test_a_schema_of_its_own_is_named_in_the_url() -> None:
    with services.database("postgresql") as url:
        services.execute(url, "CREATE SCHEMA mine")
        mine = f"{url}?options=-csearch_path%3Dmine"
        with PostgresSaver.from_conn_string(mine) as theirs, SQLSaver("sqlite://") as saver:
            theirs.setup()
            put(theirs, config(), {"a": [1]})
            with pytest.raises(NotASourceError):
                open_source(url)
            assert imported(saver, mine) == {"t": "imported"}
            assert listed(saver) == listed(theirs)


def test_ids_that_are_uuids_as_in_the_tables_of_the_server_are_read_as_text(tmp_path: Path) -> None:
    thread = "1f1e9a9b-eb5f-6801-bffe-f67c8c3c3563"
    with official("postgresql", tmp_path) as (theirs, url), SQLSaver("sqlite://") as saver:
        converse(graph(theirs), thread)
        expected = listed(theirs, thread)
        for table in ("checkpoints", "checkpoint_blobs", "checkpoint_writes"):
            services.execute(url, f"ALTER TABLE {table} ALTER COLUMN thread_id TYPE uuid USING thread_id::uuid")
        for table, column in (
            ("checkpoints", "checkpoint_id"),
            ("checkpoints", "parent_checkpoint_id"),
            ("checkpoint_writes", "checkpoint_id"),
            ("checkpoint_writes", "task_id"),
        ):
            services.execute(url, f"ALTER TABLE {table} ALTER COLUMN {column} TYPE uuid USING {column}::uuid")
        with open_source(url) as source:
            assert (list(source.threads("1f1e")), list(source.threads("2"))) == ([thread], [])
        assert imported(saver, url) == {thread: "imported"}
        assert listed(saver, thread) == expected


def test_a_database_can_be_imported_into_itself(tmp_path: Path) -> None:
    for kind in KINDS:
        with official(kind, tmp_path) as (theirs, url):
            converse(graph(theirs))
            with SQLSaver(url if "://" in url else f"sqlite:///{url}") as saver:
                assert imported(saver, url) == {"t": "imported"}
                assert listed(saver) == listed(theirs)


@pytest.mark.parametrize("kind", KINDS)
def test_task_paths_that_are_missing_are_empty(kind: str, tmp_path: Path) -> None:
    with official(kind, tmp_path) as (theirs, url), SQLSaver("sqlite://") as saver:
        theirs.put_writes(put(theirs, config()), [("a", 1)], "task")
        expected = listed(theirs)
        if isinstance(theirs, SqliteSaver):
            theirs.conn.execute("ALTER TABLE writes DROP COLUMN task_path")
            theirs.conn.commit()
        else:
            services.execute(url, "ALTER TABLE checkpoint_writes DROP COLUMN task_path")
        assert imported(saver, url) == {"t": "imported"}
        assert listed(saver) == expected


def test_sends_of_the_format_before_4_are_taken_from_the_parent(tmp_path: Path) -> None:
    with official("postgresql", tmp_path) as (theirs, url), SQLSaver("sqlite://") as saver:
        at = put(theirs, config(), {"a": [1]})
        for _ in range(2):  # the versions do not change, what is sent does
            theirs.put_writes(at, [("__pregel_tasks", Send("n", [at["configurable"]["checkpoint_id"]]))] * 2, "task")
            stored = theirs.get_tuple(at)
            assert stored
            child: Any = stored.checkpoint | {"id": empty_checkpoint()["id"], "v": 2, "channel_values": {"a": [1]}}
            child["channel_versions"] = {"a": stored.checkpoint["channel_versions"]["a"]}
            at = theirs.put(at, child, stored.metadata, {})
        assert imported(saver, url) == {"t": "imported"}
        ours, expected = listed(saver), listed(theirs)
        sends = [checkpoint["channel_values"].get("__pregel_tasks") for checkpoint, *_ in ours.values()]
        assert sends == [c["channel_values"].get("__pregel_tasks") for c, *_ in expected.values()]
        assert sends[0] != sends[1]


def test_interrupts_that_were_numbered_like_other_writes_are_all_kept(tmp_path: Path) -> None:
    with official("sqlite", tmp_path) as (theirs, url), SQLSaver("sqlite://") as saver:
        theirs.put_writes(put(theirs, config()), [("a", 1), ("b", 2)], "task")
        assert isinstance(theirs, SqliteSaver)
        theirs.conn.execute("UPDATE writes SET channel = '__interrupt__'")
        theirs.conn.commit()
        imported(saver, url)
        assert listed(saver) == listed(theirs)
        assert [w[1] for *_, writes in listed(saver).values() for w in writes] == ["__interrupt__"] * 2


def _lc2(module: str, name: str, *args: Any, **more: Any) -> dict[str, Any]:
    return {"lc": 2, "type": "constructor", "id": [*module.split("."), name], "args": list(args), **more}


OLD = {
    "messages": [HumanMessage("hi").to_json()],
    "tags": _lc2("builtins", "set", ["a"]),
    "when": _lc2("datetime", "datetime", "2024-05-04T06:32:42+00:00", method="fromisoformat"),
    "raw": _lc2("builtins", "bytes", "00ff", method="fromhex"),
    "queue": _lc2("collections", "deque", [1, [2]]),
    "send": _lc2("langgraph.types", "Send", kwargs={"node": "n", "arg": {"lc": "no"}}),
}
NEW = {
    "messages": [HumanMessage("hi")],
    "tags": {"a"},
    "when": datetime(2024, 5, 4, 6, 32, 42, tzinfo=UTC),
    "raw": b"\0\xff",
    "queue": deque([1, [2]]),
    "send": Send("n", {"lc": "no"}),
}


def _put_json(theirs: BaseCheckpointSaver[str], thread: str, values: dict[str, Any]) -> None:
    """What a saver of 2024 stored."""
    at = put(theirs, config(thread), dict.fromkeys(values, 0))
    stored = theirs.get_tuple(at)
    assert stored
    assert isinstance(theirs, SqliteSaver)
    document = json.dumps(stored.checkpoint | {"channel_values": values}).encode()
    where = "WHERE thread_id = ?"
    theirs.conn.execute(f"UPDATE checkpoints SET type = 'json', checkpoint = ? {where}", (document, thread))
    theirs.put_writes(at, [("a", 0)], "task")
    update = f"UPDATE writes SET type = 'json', value = ? {where}"
    theirs.conn.execute(update, (json.dumps(next(iter(values.values()))).encode(), thread))
    theirs.conn.commit()


def test_values_stored_as_json_come_back_as_what_they_were(tmp_path: Path) -> None:
    with official("sqlite", tmp_path) as (theirs, url), SQLSaver("sqlite://") as saver:
        _put_json(theirs, "t", OLD)
        assert imported(saver, url) == {"t": "imported"}
        [(checkpoint, *_, writes)] = listed(saver).values()
        assert checkpoint["channel_values"] == NEW
        assert [value for _, _, value in writes] == [NEW["messages"]]


@pytest.mark.parametrize("way", [1, 2])
def test_classes_in_json_that_are_not_allowed_are_refused_not_read_as_dicts(way: int, tmp_path: Path) -> None:
    with official("sqlite", tmp_path) as (theirs, url), SQLSaver("sqlite://") as saver:
        point = _lc2(Point.__module__, "Point", 1) | {"lc": way, "kwargs": {"x": 1}, "args": []}
        _put_json(theirs, "t", {"p": [point]})
        with open_source(url) as source:
            [failed] = saver.import_threads(source)
        assert {(p.channel, p.type_name) for p in failed.problems} == {
            ("p", f"{Point.__module__}.Point"),
            ("a", f"{Point.__module__}.Point"),
        }
        wider: Any = saver.with_allowlist([(Point.__module__, "Point")])
        assert imported(wider, url) == {"t": "imported"}
        [(checkpoint, *_)] = listed(wider).values()
        assert checkpoint["channel_values"] == {"p": [Point(1)]}


@pytest.mark.parametrize(
    "value",
    [
        {"lc": 1, "type": "secret", "id": ["OPENAI_API_KEY"]},
        {"lc": 1, "type": "not_implemented", "id": ["a", "B"], "repr": "B()"},
        _lc2("os", "system", "true"),
        _lc2("uuid", "UUID", "no uuid"),
        HumanMessage("hi").to_json() | {"id": ["os", "system"]},
        {"lc": 2, "type": "constructor", "id": [1, None], "args": 5},
    ],
)
def test_hostile_json_is_refused(value: Any) -> None:
    with pytest.raises((UnknownTypeError, ValueError)):
        read_json(json.dumps([value]).encode(), frozenset())


@pytest.mark.parametrize(
    ("column", "data"),
    [
        ("checkpoint", b"\xc1"),
        ("checkpoint", b"\x93\x01\x02\x03"),
        ("checkpoint", b"\x80"),
        ("checkpoint", None),
        ("metadata", b"{"),
        ("metadata", b"[1]"),
        ("metadata", b'{"counters_since_delta_snapshot": 5}'),
        ("type", "pickle"),
        ("type", None),
    ],
)
def test_damage_is_reported_and_keeps_no_other_thread(column: str, data: Any, tmp_path: Path) -> None:
    with official("sqlite", tmp_path) as (theirs, url), SQLSaver("sqlite://") as saver:
        for thread in ("damaged", "whole"):
            put(theirs, config(thread), {"a": [1]})
        assert isinstance(theirs, SqliteSaver)
        theirs.conn.execute(f"UPDATE checkpoints SET {column} = ? WHERE thread_id = 'damaged'", (data,))
        theirs.conn.commit()
        with open_source(url) as source:
            bad, good = saver.import_threads(source)
        assert (bad.status, [p.kind for p in bad.problems], good.status) == ("failed", ["damaged"], "imported")


def test_a_write_by_another_serializer_is_named(tmp_path: Path) -> None:
    with official("sqlite", tmp_path) as (theirs, url), SQLSaver("sqlite://") as saver:
        theirs.put_writes(put(theirs, config()), [("a", 1)], "task")
        assert isinstance(theirs, SqliteSaver)
        theirs.conn.execute("UPDATE writes SET type = 'msgpack+aes'")
        theirs.conn.commit()
        with open_source(url) as source:
            [failed] = saver.import_threads(source)
        assert [(p.channel, "msgpack+aes" in p.reason) for p in failed.problems] == [("a", True)]
