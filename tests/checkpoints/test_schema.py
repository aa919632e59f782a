"""Databases of other versions: what older releases wrote is converted on demand, what newer ones wrote left alone."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from langgraph.checkpoint.base import CheckpointTuple
from sqlalchemy import MetaData, create_engine, event, insert, make_url, update
from sqlalchemy.schema import CreateSchema

from tests import services
from tests.checkpoints.chain import TABLES, config, put
from tests.checkpoints.older import FIRST, do, store_first
from threadloom.checkpoints import SQLSaver, tables_in
from threadloom.checkpoints.dialects.types import Name
from threadloom.checkpoints.errors import SchemaVersionError, StaleThreadError
from threadloom.checkpoints.guard import RUNTIME
from threadloom.checkpoints.session import Session
from threadloom.checkpoints.tables import SCHEMA_VERSION

PLACES = [(None, ""), (None, "app_"), ("own", "")]


@pytest.fixture(params=PLACES, ids=["plain", "prefix", "schema"])
def place(request: pytest.FixtureRequest, new_url: str) -> Iterator[dict[str, Any]]:
    """Where in a new database the tables are."""
    schema, prefix = request.param
    if schema and new_url.startswith("sqlite"):
        pytest.skip("SQLite has no schemas")
    with ExitStack() as stack:
        if schema and new_url.startswith("mysql"):  # schemas are databases there
            schema = make_url(stack.enter_context(services.database("mariadb"))).database
        elif schema:
            engine = create_engine(new_url.replace("postgresql:", "postgresql+psycopg:"))
            with engine.begin() as connection:
                connection.execute(CreateSchema(schema))
            engine.dispose()
        yield {"url_or_engine": new_url, "schema": schema, "table_prefix": prefix}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return [value.type, value.id, value.content] if hasattr(value, "content") else value


def _described(found: CheckpointTuple) -> dict[str, Any]:
    place = found.config["configurable"]
    written = [
        [channel, value[0].value if channel == "__interrupt__" else _plain(value)]
        for _, channel, value in found.pending_writes or []
    ]
    return {
        "thread": place["thread_id"],
        "ns": place["checkpoint_ns"],
        "id": found.checkpoint["id"],
        "ts": found.checkpoint["ts"],
        "parent": found.parent_config["configurable"]["checkpoint_id"] if found.parent_config else None,
        "versions": found.checkpoint["channel_versions"],
        "step": found.metadata["step"],
        "values": _plain(found.checkpoint["channel_values"]),
        "writes": written,
    }


def test_what_version_1_stored_is_converted_on_demand(place: dict[str, Any]) -> None:
    with SQLSaver(**place) as saver:
        do(saver, store_first)
        with pytest.raises(SchemaVersionError, match=r"an older Threadloom \(schema 1.*`threadloom db upgrade`"):
            saver.get_tuple(config())
        assert saver._database.setup() == 1
        assert [_described(found) for found in saver.list(None)] == FIRST["expected"]
        assert list(saver.verify()) == []
        assert [thread.thread_id for thread in saver.threads()] == ["paused", "long"]
        latest = saver.get_tuple(config("long"))
        assert latest
        put(saver, latest.config, {"more": 1}, checkpoint_id="9")
        with pytest.raises(StaleThreadError):
            put(saver, {"configurable": latest.config["configurable"] | {RUNTIME: object()}}, source="loop")
    with SQLSaver(**place) as saver:
        assert saver._database.setup() == SCHEMA_VERSION


def test_a_conversion_that_was_interrupted_is_finished(place: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    with SQLSaver(**place) as saver:
        do(saver, store_first)
        for step in ("_fill_bodies", "_fill_heads"):
            with monkeypatch.context() as patched:
                patched.setattr(f"threadloom.checkpoints.migrations.m0002_deflated_checkpoints.{step}", _fail)
                with pytest.raises(ZeroDivisionError):
                    saver.setup()
        saver.setup()
        assert [_described(found) for found in saver.list(None)] == FIRST["expected"]


def _fail(*_: Any) -> None:
    raise ZeroDivisionError


class _KilledError(BaseException):
    pass


def _dies(saver: SQLSaver, at: int, words: str) -> bool:
    """Convert, and die before the n-th statement with these words; False: it was done before that."""
    left = count(at, -1)

    def die(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if re.search(words, statement) and next(left) == 1:
            raise _KilledError

    engine = saver._database._connections._engine  # type: ignore[attr-defined]
    event.listen(engine, "before_cursor_execute", die)
    try:
        saver.setup()
    except _KilledError:
        return True
    finally:
        event.remove(engine, "before_cursor_execute", die)
    return False


@pytest.mark.parametrize(
    "words",
    ["(DELETE FROM|UPDATE|INSERT INTO) threadloom_schema", pytest.param("", marks=pytest.mark.crash)],
    ids=["noting", "any"],
)
def test_a_conversion_that_was_killed_is_finished(words: str) -> None:
    """MariaDB commits whatever changes a table, and all after it by itself; others undo a whole conversion."""
    for at in count(1):
        with services.database("mariadb") as url:
            with SQLSaver(url) as saver:
                do(saver, store_first)
                killed = _dies(saver, at, words)
            with SQLSaver(url) as saver:
                saver.setup()
                assert [_described(found) for found in saver.list(None)] == FIRST["expected"]
                put(saver, config("long", checkpoint_id="8"), {"more": 1}, checkpoint_id="9")
                assert [p for p in saver.verify() if p.kind != "unreferenced"] == []
        if not killed:
            assert at > 2
            return


@pytest.mark.parametrize("created", [True, False], ids=["created", "migrated"])
def test_the_tables_are_as_declared(place: dict[str, Any], created: bool) -> None:
    def differences(session: Session) -> list[Any]:
        ours = {table.name for table in session.tables.every}
        options = {
            "include_schemas": bool(place["schema"]),
            "include_name": lambda name, kind, _: (
                name in {"table": ours, "schema": {place["schema"]}}.get(kind, {name})
            ),
            "compare_type": True,
        }
        context = MigrationContext.configure(session.connection, opts=options)
        return [found for found in compare_metadata(context, session.tables.schema.metadata) if not _alike(found)]

    with SQLSaver(**place) as saver:
        if not created:
            do(saver, store_first)
        saver.setup()
        assert do(saver, differences) == []


def _alike(difference: Any) -> bool:
    """Alembic compares the types that we name, not those that they become on a database."""
    kind, *rest = difference[0] if isinstance(difference, list) else difference
    return kind == "modify_type" and isinstance(rest[-1], Name)


def test_what_a_newer_release_wrote_is_left_alone(new_url: str) -> None:
    with SQLSaver(new_url) as saver:
        put(saver, config())
        do(saver, lambda session: session.execute(update(TABLES.schema).values(version=SCHEMA_VERSION + 1)))
    with SQLSaver(new_url) as saver:
        uses: list[Callable[[], Any]] = [lambda: saver.get_tuple(config()), saver.setup]
        for use in uses:
            with pytest.raises(SchemaVersionError, match=r"a newer Threadloom.*upgrade threadloom to open it"):
                use()


async def test_tables_are_not_created_unasked_when_told_so(new_url: str) -> None:
    with SQLSaver(new_url, auto_setup=False) as saver:
        with pytest.raises(SchemaVersionError, match="run `threadloom db upgrade`, or `setup\\(\\)`"):
            saver.get_tuple(config())
        with pytest.raises(SchemaVersionError):
            await saver.aget_tuple(config())
        await saver.asetup()
        assert await saver.aget_tuple(config()) is None


def test_tables_of_a_programs_own_metadata(new_url: str) -> None:
    """Its migrations create them; the saver finds nothing to do."""
    metadata = MetaData()
    tables_in(metadata, table_prefix="app_")
    engine = create_engine(SQLSaver(new_url)._database._url)
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(metadata.tables["app_threadloom_schema"]).values(version=SCHEMA_VERSION))
    engine.dispose()
    with SQLSaver(new_url, table_prefix="app_", auto_setup=False) as saver:
        put(saver, config(), {"a": 1})
        found = saver.get_tuple(config())
        assert found
        assert found.checkpoint["channel_values"] == {"a": 1}
