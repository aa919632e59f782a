"""Full disks, wrong files, read-only files: a typed error in one line, and a thread that goes on."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from tests.checkpoints import counting
from tests.checkpoints.chain import TABLES, config, put
from tests.outages.disturbed import undisturbed, voyage
from tests.outages.private import small_disk
from threadloom.checkpoints import SQLSaver, errors
from threadloom.checkpoints.session import Session
from threadloom.checkpoints.tables import SCHEMA_VERSION

ROOT = Path(__file__).parents[2]


@pytest.fixture
def small(url: str) -> Any:
    """An engine whose database may not grow beyond 60 pages."""
    engine = create_engine(url)
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA max_page_count=60"))
    yield engine
    engine.dispose()


def _fill(saver: SQLSaver) -> None:
    for number in range(100):
        put(saver, config("filler"), {"a": f"{number:03}" * 7_000}, f"{number:03}")


def test_a_full_database_keeps_the_thread_readable_and_resumable(url: str, small: Any) -> None:
    with SQLSaver(small) as saver:
        graph = counting.graph(saver)
        with pytest.raises(errors.DatabaseFullError, match="full; nothing half-written was kept"):
            _fill(saver)
        with pytest.raises(errors.DatabaseFullError):
            graph.invoke({"count": 0, "seen": list(range(20_000))}, config())
        for found in saver.list(config("filler")):
            assert found.checkpoint["channel_values"]["a"] == found.checkpoint["id"] * 7_000
        saver.delete_thread("filler")
        assert graph.invoke({"count": 0}, config())["count"] == 5


def test_a_disk_that_takes_no_more_is_a_clear_error(url: str) -> None:
    """A limit on file size stands for the full disk; in a process of its own, since it cannot be lifted."""
    script = f"""
import resource
from tests.checkpoints.chain import TABLES, config, put
from threadloom.checkpoints import SQLSaver, errors
from threadloom.checkpoints.session import Session
from threadloom.checkpoints.tables import SCHEMA_VERSION
with SQLSaver({url!r}) as saver:
    put(saver, config(), {{"a": 1}})
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
    try:
        put(saver, config(), {{"a": "x" * 1_000_000}})
    except errors.DatabaseFullError as exc:
        print(exc, [t.checkpoint["channel_values"] for t in saver.list(config())])
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "nothing half-written was kept" in done.stdout
    assert done.stdout.endswith("[{'a': 1}]\n")


@pytest.mark.parametrize("side", ["sync", "async"])
def test_a_run_on_a_disk_that_is_full_goes_on_when_there_is_room(tmp_path: Path, side: str) -> None:
    with small_disk(tmp_path / "disk", 2) as disk, voyage(f"sqlite:///{disk / 'runs.db'}", side) as run:
        (disk / "ballast").write_bytes(bytes(1_000_000))
        with pytest.raises(errors.DatabaseFullError, match="nothing half-written was kept"):
            _fill(run.saver)
        with suppress(errors.DatabaseFullError):  # some of it may fit in between
            run.live()
        for found in run.saver.list(config("filler")):
            assert found.checkpoint["channel_values"]["a"] == found.checkpoint["id"] * 7_000
        (disk / "ballast").unlink()
        assert run.ends() == undisturbed()
        assert list(run.saver.verify()) == []


def test_a_read_only_database_can_be_read(url: str) -> None:
    with SQLSaver(url) as saver:
        put(saver, config(), {"a": 1})
    locked = url.replace("sqlite:///", "sqlite:///file:") + "?mode=ro&uri=true"
    with SQLSaver(locked) as saver:
        assert len(list(saver.list(config()))) == len(saver.threads()) == 1
        with pytest.raises(errors.ReadOnlyDatabaseError, match="is read-only; make the file"):
            put(saver, config(), {"a": 2})
        assert len(list(saver.list(config()))) == 1


def _text_file(folder: Path) -> str:
    (folder / "notes.txt").write_text("these are my notes, not a database " * 100)
    return f"sqlite:///{folder / 'notes.txt'}"


def _newer(folder: Path) -> str:
    url = f"sqlite:///{folder / 'newer.db'}"
    with SQLSaver(url) as saver:
        saver.setup()
    with sqlite3.connect(folder / "newer.db") as connection:
        connection.execute("UPDATE threadloom_schema SET version = 99")
    connection.close()
    return url


@pytest.mark.parametrize(
    ("url_in", "kind", "message"),
    [
        (lambda _: "what is this", errors.DatabaseURLError, "'what is this' cannot be read"),
        (lambda _: "postgres//me:secret@host:x", errors.DatabaseURLError, "me:\\*\\*\\*@host"),
        (lambda _: "", errors.DatabaseURLError, "write it like sqlite:///runs.db"),
        (lambda _: "nonsense://x", errors.UnsupportedDatabaseError, "SQLAlchemy knows no nonsense"),
        (lambda _: "sqlite://host/x.db", errors.DatabaseURLError, "sqlite:///runs.db"),
        (lambda p: f"sqlite:///{p}/no/x.db", errors.DatabaseUnavailableError, "/no does not exist; create it first"),
        (lambda p: f"sqlite:///{p}", errors.DatabaseUnavailableError, "is a folder; give the path of a file"),
        (_text_file, errors.NotADatabaseError, "notes.txt: this file is not an SQLite database"),
        (_newer, errors.SchemaVersionError, f"a newer Threadloom \\(schema 99, this one has {SCHEMA_VERSION}\\)"),
    ],
)
def test_a_database_that_cannot_be_used_says_why_in_one_line(
    tmp_path: Path, url_in: Callable[[Path], str], kind: type[errors.CheckpointError], message: str
) -> None:
    with pytest.raises(kind, match=message) as failed, SQLSaver(url_in(tmp_path)) as saver:
        saver.setup()
    assert isinstance(failed.value, errors.CheckpointError)
    assert "\n" not in str(failed.value)
    assert "secret" not in str(failed.value)


def test_a_database_that_stays_locked_is_a_clear_error(url: str) -> None:
    engine = create_engine(url, connect_args={"timeout": 0})
    with SQLSaver(engine) as saver:
        put(saver, config(), {"a": 1})
        holder = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(errors.DatabaseBusyError, match="kept it locked for too long"):
            put(saver, config(), {"a": 2})
        assert len(list(saver.list(config()))) == 1
        holder.close()
        put(saver, config(), {"a": 2})
    engine.dispose()


async def test_a_closed_saver_says_so(url: str) -> None:
    saver = SQLSaver(url)
    saver.close()
    with pytest.raises(errors.ClosedError, match="create a new SQLSaver"):
        saver.get_tuple(config())
    with pytest.raises(errors.ClosedError):
        await saver.aget_tuple(config())


def test_every_error_has_one_root_and_says_something_by_itself() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and kind.__module__ == errors.__name__]
    assert all(issubclass(kind, errors.CheckpointError) for kind in kinds)
    plain = [kind for kind in kinds if "__init__" not in vars(kind) or kind is errors.CheckpointError]
    assert all(str(kind()) == kind.__doc__ for kind in plain)
    assert not any(issubclass(kind, SQLAlchemyError) for kind in kinds)


@pytest.mark.parametrize(
    ("version", "message"), [(99, "a newer .*; upgrade threadloom"), (1, "an older .*`threadloom db upgrade`")]
)
async def test_a_database_of_another_version_is_refused_and_not_touched(
    new_url: str, version: int, message: str
) -> None:
    def content(session: Session) -> list[Any]:
        return [[tuple(row) for row in session.execute(table.select())] for table in TABLES.every]

    with SQLSaver(new_url) as saver:
        put(saver, config(), {"a": ["value " * 500]})
        saver._database.write(lambda session: session.execute(TABLES.schema.update().values(version=version)))
        before = saver._database.read(content)
        with SQLSaver(new_url) as other:
            for call in (lambda: put(other, config()), other.threads, lambda: other.delete_thread("t")):
                with pytest.raises(errors.SchemaVersionError, match=message) as failed:
                    call()
            with pytest.raises(errors.SchemaVersionError, match=message):
                await other.aget_tuple(config())
        assert "\n" not in str(failed.value)
        assert saver._database.read(content) == before
