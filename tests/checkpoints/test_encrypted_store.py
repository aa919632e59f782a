"""An encrypted database: nothing readable in it, no row of use in another place, keys that can be changed."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from sqlalchemy import create_engine, func, insert, select, update
from sqlalchemy.pool import StaticPool

from tests.checkpoints.chain import BEFORE, KEYS, config, put
from threadloom.checkpoints import Encryption, SQLSaver, rekeying
from threadloom.checkpoints.encryption import key_id_of
from threadloom.checkpoints.errors import (
    BrokenSealError,
    CheckpointError,
    EncryptionError,
    MissingKeyError,
    NotEncryptedError,
)
from threadloom.checkpoints.session import Session

SECRET = "the patient is called Ada"
NOW = Encryption({"now": bytes(range(32))})


def _fill(saver: SQLSaver, thread: str = "t") -> Any:
    """Rows of every table: small and large values, elements below elements, writes, metadata."""
    messages = [HumanMessage(f"{SECRET} {n}", id=f"{n}") for n in range(60)]
    at = put(saver, config(thread), {"messages": messages, "small": SECRET, "none": None}, note=SECRET)
    saver.put_writes(at, [("messages", messages), ("small", SECRET), ("raw", bytearray(SECRET.encode()))], "task")
    at = put(saver, at, {"messages": [*messages, HumanMessage(SECRET, id="last")], "small": SECRET * 2}, note=SECRET)
    put(saver, config(thread, "child:1"), {"small": SECRET})
    return at


def _state(saver: SQLSaver, thread: str = "t") -> list[Any]:
    found = list(saver.list({"configurable": {"thread_id": thread}}))
    return [(f.checkpoint, f.metadata, f.pending_writes) for f in found]


def _blobs(session: Session) -> list[bytes]:
    return [
        getattr(row, sealed.blob)
        for table, sealed in session.seals.tables.items()
        for row in session.execute(select(table))
    ]


@contextmanager
def _opened(url: str, encryption: Encryption | None = KEYS) -> Iterator[SQLSaver]:
    with SQLSaver(url, encryption=encryption) as saver:
        yield saver


def test_nothing_readable_is_stored(url: str, tmp_path: Any) -> None:
    with _opened(url) as saver:
        _fill(saver)
        blobs = saver._database.read(_blobs)
        assert len(blobs) > 70
        assert {key_id_of(blob) for blob in blobs} == {"now"}
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"Ada" not in stored
    assert b"small" in stored  # as is documented: names of channels are


def test_equal_contents_of_two_threads_cannot_be_recognised(saver: SQLSaver, encryption: Encryption | None) -> None:
    for thread in "tu":
        _fill(saver, thread)
    elements = saver._tables.elements.c
    names = saver._database.read(lambda s: s.execute(select(elements.thread_id, elements.digest)).all())
    t, u = ({row.digest for row in names if row.thread_id == thread} for thread in "tu")
    assert (t.isdisjoint(u), t == u) == (encryption is not None, encryption is None)
    _fill(saver, "t")
    assert len(names) == saver._database.read(lambda s: s.execute(select(func.count(elements.digest))).scalar())


def test_a_copy_is_encrypted_for_its_thread_and_shares_what_goes_on(saver: SQLSaver) -> None:
    at = _fill(saver)
    saver.copy_thread("t", "u")
    assert [values for values, *_ in _state(saver, "u")] == [values for values, *_ in _state(saver)]
    before = saver.sizes("u")[0].elements
    assert before == saver.sizes("t")[0].elements
    latest = saver.get_tuple(config("u"))
    assert latest
    messages = latest.checkpoint["channel_values"]["messages"]
    put(
        saver,
        config("u", checkpoint_id=at["configurable"]["checkpoint_id"]),
        {"messages": [*messages, HumanMessage("x")]},
    )
    assert saver.sizes("u")[0].elements - before < 3000
    saver.delete_thread("t")
    assert len(_state(saver, "u")) == 4
    assert list(saver.verify()) == []


# What somebody with access to the database may try: each changes rows of thread "t" that exist.
def _swap(column: str, of: str) -> Callable[[Session], None]:
    def attack(session: Session) -> None:
        table = getattr(session.tables, of)
        rows = session.execute(select(table).where(table.c.thread_id == "t")).all()
        blob = session.seals.tables[table].blob
        one = rows[0]
        other = next(row for row in rows if getattr(row, column) != getattr(one, column))
        for to, origin in ((one, other), (other, one)):
            same = [c == getattr(to, c.name) for c in table.primary_key]
            session.execute(update(table).where(*same).values({blob: getattr(origin, blob)}))

    return attack


def _rewrite(column: str, of: str, value: Any) -> Callable[[Session], None]:
    def attack(session: Session) -> None:
        table = getattr(session.tables, of)
        rows = session.execute(select(table).where(table.c.thread_id == "t")).all()
        row = next(row for row in rows if getattr(row, column) not in (value, None))
        same = [c == getattr(row, c.name) for c in table.primary_key]
        session.execute(update(table).where(*same).values({column: value}))

    return attack


def _plant(of: str) -> Callable[[Session], None]:
    def attack(session: Session) -> None:
        table = getattr(session.tables, of)
        row = session.execute(select(table).where(table.c.thread_id == "t")).first()
        same = [c == getattr(row, c.name) for c in table.primary_key]
        plain = next(session.opened(table, [row]))
        session.execute(update(table).where(*same).values(plain._asdict()))

    return attack


def _bring(of: str) -> Callable[[Session], None]:
    """Every row from thread "u", a copy, where it has the same keys."""

    def attack(session: Session) -> None:
        table = getattr(session.tables, of)
        session.execute(table.delete().where(table.c.thread_id == "t"))
        for row in session.execute(select(table).where(table.c.thread_id == "u")).all():
            session.execute(insert(table).values(row._asdict() | {"thread_id": "t"}))

    return attack


ATTACKS = {
    "swap checkpoints": _swap("checkpoint_id", "checkpoints"),
    "another parent": _rewrite("parent_id", "checkpoints", None),
    "swap values": _swap("channel", "values"),
    "swap versions": _swap("version", "values"),
    "another type": _rewrite("type", "values", "null"),
    "swap writes": _swap("idx", "writes"),
    "another channel": _rewrite("channel", "writes", "small"),
    "another path": _rewrite("task_path", "writes", "x"),
    "swap elements": _swap("digest", "elements"),
    **{f"plain {table}": _plant(table) for table in ("checkpoints", "values", "writes", "elements")},
    **{f"{table} of another thread": _bring(table) for table in ("checkpoints", "values", "writes")},
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_rows_cannot_be_changed_moved_or_planted(url: str, attack: Callable[[Session], None]) -> None:
    with _opened(url) as saver:
        _fill(saver)
        saver.copy_thread("t", "u")
        saver._database.write(attack)
    with _opened(url) as saver:
        with pytest.raises(EncryptionError, match="thread 't'"):
            _state(saver)
        assert {problem.kind for problem in saver.verify("t")} & {"damaged", "unrestorable"}
        assert len(_state(saver, "u")) == 3
        assert list(saver.verify("u")) == []


def test_a_saver_without_the_right_keys_is_refused_before_it_stores_anything(url: str) -> None:
    with _opened(url, BEFORE) as saver:
        _fill(saver)
    wrong = Encryption({"before": bytes(32)})
    for encryption, kind in ((None, MissingKeyError), (wrong, BrokenSealError)):
        with _opened(url, encryption) as saver, pytest.raises(kind, match="the key 'before'"):
            put(saver, config("new"), {"a": 1})
    with _opened(url, NOW) as saver:  # which may write, and cannot read
        put(saver, config("new"), {"a": 1})
        with pytest.raises(MissingKeyError, match="'before', and the keys here are now") as missing:
            _state(saver)
        assert missing.value.key_id == "before"
        assert {p.kind for p in saver.verify("t")} == {"unrestorable"}
        with pytest.raises(MissingKeyError):
            saver.rekey()


def test_plain_text_is_refused_until_it_is_encrypted(url: str) -> None:
    with _opened(url, None) as saver:
        _fill(saver)
        expected = _state(saver)
    with _opened(url, KEYS) as saver, pytest.raises(NotEncryptedError, match="db rekey"):
        put(saver, config("new"), {"a": 1})
    with _opened(url, KEYS) as saver:
        done = saver.rekey()
        assert (done.threads, done.rows) == (1, 3 + 6 + 3)
        assert _state(saver) == expected
    with _opened(url, None) as saver, pytest.raises(MissingKeyError):
        _state(saver)


def test_after_rekey_the_old_key_is_superfluous(empty_url: Callable[[], str]) -> None:
    engine = create_engine("sqlite://", poolclass=StaticPool) if (url := empty_url()) == "sqlite://" else url
    with SQLSaver(engine, encryption=BEFORE) as saver:
        for thread in ("t", "u", "'"):
            _fill(saver, thread)
        expected = _state(saver, "u")
        saver.put_writes(config("only writes", checkpoint_id="1"), [("a", 1)], "task")
        size = saver.sizes("t")[0].total
    heard: list[rekeying.Rekeyed] = []
    with SQLSaver(engine, encryption=KEYS) as saver:
        _fill(saver, "t")
        done = saver.rekey(heard.append)
        assert [each.thread_id for each in heard] == ["'", "only writes", "t", "u"]
        assert done == heard[-1]
        assert saver.rekey().rows == 0
    with SQLSaver(engine, encryption=NOW) as saver:
        assert _state(saver, "u") == expected
        assert {key_id_of(blob) for blob in saver._database.read(_blobs)} == {"now"}
        assert list(saver.verify()) == []
        assert saver.rekey().rows == 0
        saver.prune(["u"])
        assert saver.sizes("u")[0].elements < size
        assert list(saver.verify()) == []


@pytest.mark.parametrize("encryption", [None, BEFORE], ids=["plain", "encrypted"])
def test_an_interrupted_rekey_goes_on_where_it_was(
    url: str, encryption: Encryption | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("threadloom.checkpoints.rewriting.PAGE", 3)
    with _opened(url, encryption) as saver:
        _fill(saver)
        expected = _state(saver)
    rows = 0
    for lives in range(100):
        with _opened(url, KEYS) as saver, pytest.MonkeyPatch.context() as patch:
            patch.setattr(saver._database, "write", _mortal(saver._database.write, 1 + lives % 4))
            try:
                rows += saver.rekey().rows
                break
            except InterruptedError:
                pass
        if encryption:
            with _opened(url, KEYS) as saver:
                assert _state(saver) == expected
                assert {p.kind for p in saver.verify()} <= {"unreferenced"}
    assert rows < 12
    with _opened(url, NOW) as saver:
        assert _state(saver) == expected
        assert list(saver.verify()) == []


def _mortal(write: Callable[..., Any], lives: int) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        nonlocal lives
        if lives == 0:
            raise InterruptedError
        lives -= 1
        return write(*args, **kwargs)

    return call


def test_rekey_runs_beside_writers_with_the_old_and_the_new_key(new_url: str) -> None:
    with _opened(new_url, BEFORE) as old, _opened(new_url, KEYS) as new:
        _fill(old)
        failures: list[CheckpointError] = []

        def write(saver: SQLSaver, thread: str) -> None:
            at, items = config(thread), list[str]()
            for _ in range(15):
                items.append(f"{thread} " * 40)
                try:
                    at = put(saver, at, {"items": list(items)})
                    saver.put_writes(at, [("items", items)], "task")
                except CheckpointError as exc:
                    failures.append(exc)

        writers = [threading.Thread(target=write, args=each) for each in ((old, "o"), (new, "n"))]
        for writer in writers:
            writer.start()
        while any(writer.is_alive() for writer in writers):
            new.rekey()
        assert failures == []
        new.rekey()
        assert [p for p in new.verify() if p.kind != "unreferenced"] == []
        assert {key_id_of(blob) for blob in new._database.read(_blobs)} == {"now"}


async def test_rekey_in_an_event_loop(url: str) -> None:
    with _opened(url, BEFORE) as saver:
        _fill(saver)
    async with SQLSaver(url, encryption=KEYS) as saver:
        assert (await saver.arekey()).rows == 12
    async with SQLSaver(url) as saver:
        with pytest.raises(CheckpointError, match="no key to encrypt with"):
            await saver.arekey()


def test_a_rekey_whose_transactions_are_undone_and_done_again_loses_nothing(
    empty_url: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a deadlock, or when a neighbour fails in a commit that is shared."""
    monkeypatch.setattr("threadloom.checkpoints.rewriting.PAGE", 3)
    engine = create_engine("sqlite://", poolclass=StaticPool) if (url := empty_url()) == "sqlite://" else url
    with SQLSaver(engine, encryption=BEFORE) as saver:
        _fill(saver)
        expected = _state(saver)
    with SQLSaver(engine, encryption=KEYS) as saver:
        monkeypatch.setattr(saver._database, "write", _undone_at_first(saver._database.write))
        saver.rekey()
    with SQLSaver(engine, encryption=NOW) as saver:
        assert _state(saver) == expected
        assert list(saver.verify()) == []


def _undone_at_first(write: Callable[..., Any]) -> Callable[..., Any]:
    def undone(session: Session, work: Callable[..., Any], *args: Any) -> None:
        work(session, *args)
        raise ZeroDivisionError

    def call(work: Callable[..., Any], *args: Any) -> Any:
        with pytest.raises(ZeroDivisionError):
            write(undone, work, *args)
        return write(work, *args)

    return call


def test_a_rekey_that_lost_its_server_takes_nothing_for_stored(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that takes over may be a replica that lacks the last pages."""
    monkeypatch.setattr("threadloom.checkpoints.rewriting.PAGE", 3)
    with _opened(url, BEFORE) as saver:
        _fill(saver)
        expected = _state(saver)
    with _opened(url, KEYS) as saver, sqlite3.connect(url.removeprefix("sqlite:///")) as other:
        write, tables = saver._database.write, [table.name for table in saver._tables.contents]
        pages = count(1)

        def replaced(work: Callable[..., Any], *args: Any) -> Any:
            result = write(work, *args)
            if (page := next(pages)) == 1:
                other.executescript(";".join(f"CREATE TABLE old_{t} AS SELECT * FROM {t}" for t in tables))
            if page == 3:
                other.executescript(";".join(f"DELETE FROM {t}; INSERT INTO {t} SELECT * FROM old_{t}" for t in tables))
                saver._database.doubt()
            return result

        monkeypatch.setattr(saver._database, "write", replaced)
        saver.rekey()
        assert next(pages) > 5
    with _opened(url, NOW) as saver:
        assert _state(saver) == expected
        assert list(saver.verify()) == []
