"""Drivers, isolation, deadlocks and lost connections, on the real servers."""

import asyncio
import gc
import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, make_url, select, text, update
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateTable

from tests import services
from tests.checkpoints.chain import TABLES, config, put
from tests.checkpoints.counting import graph
from tests.checkpoints.test_concurrency import END
from threadloom.checkpoints import SQLSaver, dialects, errors
from threadloom.checkpoints.dialects import generic, mysql
from threadloom.checkpoints.elements import enter_thread
from threadloom.checkpoints.session import Session

DRIVERS = {
    "postgresql": ["postgresql", "postgresql+psycopg", "postgresql+asyncpg"],
    "mariadb": ["mysql", "mariadb", "mysql+pymysql", "mysql+asyncmy", "mariadb+asyncmy"],
}


def _with_driver(url: str, driver: str) -> str:
    return make_url(url).set(drivername=driver).render_as_string(hide_password=False)


def _engine(url: str, **options: Any) -> Engine:
    return create_engine(dialects.dialect_named(make_url(url).get_backend_name()).with_driver(make_url(url)), **options)


def _connection_id(session: Session) -> int:
    query = "pg_backend_pid()" if session.connection.dialect.name == "postgresql" else "CONNECTION_ID()"
    found: int = session.connection.exec_driver_sql(f"SELECT {query}").scalar_one()
    return found


def _kill(url: str, connection_id: int) -> None:
    """Cut a connection, as a server does that is shut down."""
    kind = "postgresql" if url.startswith("postgresql") else "mariadb"
    command = f"SELECT pg_terminate_backend({connection_id}, 5000)" if kind == "postgresql" else f"KILL {connection_id}"
    with services.administrator(kind).connect() as connection:
        connection.exec_driver_sql(command)


@pytest.mark.parametrize(("kind", "driver"), [(kind, driver) for kind, all_ in DRIVERS.items() for driver in all_])
def test_every_driver_serves_threads_and_event_loops(kind: str, driver: str) -> None:
    with services.database(kind) as url, SQLSaver(_with_driver(url, driver)) as saver:
        compiled = graph(saver)

        async def gathered(loop: int) -> list[Any]:
            return await asyncio.gather(*(compiled.ainvoke({"count": 0}, config(f"{loop}-{n}")) for n in range(3)))

        assert compiled.invoke({"count": 0}, config()) == END
        assert [asyncio.run(gathered(loop)) for loop in range(2)] == [[END] * 3] * 2
        assert [t.checkpoints for t in saver.threads()] == [12] * 7


def test_a_forgotten_saver_ends_its_event_loop(server_url: str) -> None:
    driver = "postgresql+asyncpg" if server_url.startswith("postgresql") else "mysql+asyncmy"
    saver = SQLSaver(_with_driver(server_url, driver))
    saver.setup()
    thread = saver._database._connections._thread  # type: ignore[attr-defined]
    del saver
    gc.collect()
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.parametrize(
    ("installed", "url", "driver"),
    [
        ({"psycopg", "asyncpg"}, "postgresql://host/db", "postgresql+psycopg"),
        ({"asyncpg"}, "postgresql://host/db", "postgresql+asyncpg"),
        ({"psycopg"}, "postgresql+asyncpg://host/db", "postgresql+asyncpg"),
        ({"asyncmy"}, "mysql://host/db", "mysql+asyncmy"),
        ({"asyncmy"}, "mariadb://host/db", "mariadb+asyncmy"),
        (set(), "mariadb://host/db", "mariadb+pymysql"),
        (set(), "sqlite+aiosqlite:///x.db", "sqlite"),
    ],
)
def test_the_installed_driver_is_chosen(
    installed: set[str], url: str, driver: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("threadloom.checkpoints.dialects.server.find_spec", lambda name: name in installed or None)
    chosen = dialects.dialect_named(make_url(url).get_backend_name()).with_driver(make_url(url))
    assert chosen.drivername == driver


@pytest.mark.parametrize(
    ("url", "extra"),
    [
        ("postgresql+psycopg2://me:secret@host/db", r"pip install 'threadloom\[postgres\]'"),
        ("mysql+mysqldb://me:secret@host/db", r"pip install 'threadloom\[mysql\]'"),
        ("mssql+pyodbc://me:secret@host/db", "install it"),
    ],
)
def test_a_missing_driver_is_one_clear_line(url: str, extra: str) -> None:
    with pytest.raises(errors.MissingDriverError, match=extra) as failed:
        SQLSaver(url)
    assert "\n" not in str(failed.value)
    assert "secret" not in str(failed.value)
    assert isinstance(failed.value, ImportError)


@pytest.mark.parametrize("driver", ["mysql+aiomysql", "mariadb+aiomysql"])
def test_aiomysql_is_refused_while_it_cannot_send_bytes(driver: str) -> None:
    """When this fails, the two have come together again: then it belongs among the DRIVERS."""
    with pytest.raises(errors.UnsupportedDatabaseError, match=r"use mysql\+asyncmy or .* 'pymysql<1.2.3'") as failed:
        SQLSaver(f"{driver}://me:secret@host/db")
    assert "\n" not in str(failed.value)
    assert "secret" not in str(failed.value)


async def test_an_engine_of_another_event_loop_is_refused() -> None:
    engine: Any = create_async_engine("postgresql+asyncpg://host/db")
    for one in (engine, engine.sync_engine):
        with pytest.raises(errors.UnsupportedDatabaseError, match="belongs to one event loop"):
            SQLSaver(one)


@pytest.mark.parametrize("driver", DRIVERS["postgresql"][1:])
def test_behind_pgbouncer_nothing_outlives_a_transaction(driver: str) -> None:
    with services.database("postgresql") as url, SQLSaver(_with_driver(url, driver) + "?pgbouncer=true") as saver:
        put(saver, config(), {"a": 1})

        def prepared(session: Session) -> list[str]:
            for _ in range(20):
                session.execute(select(TABLES.checkpoints)).all()
            return list(session.connection.exec_driver_sql("SELECT name FROM pg_prepared_statements").scalars())

        names = saver._database.read(prepared)
        assert all(name.startswith("__threadloom_") for name in names)  # each name is used once in the world
        assert driver.endswith("asyncpg") or names == []
        assert isinstance(saver._database._connections._engine.pool, NullPool)  # type: ignore[attr-defined]


def test_what_is_read_is_of_one_moment(new_url: str) -> None:
    with SQLSaver(new_url) as reader, SQLSaver(new_url) as writer:
        put(writer, config(), checkpoint_id="1")

        def read(session: Session) -> tuple[list[str], list[str]]:
            before = list(session.execute(select(TABLES.checkpoints.c.checkpoint_id)).scalars())
            put(writer, config(), checkpoint_id="2")
            return before, list(session.execute(select(TABLES.checkpoints.c.checkpoint_id)).scalars())

        assert reader._database.read(read) == (["1"], ["1"])
        assert len(list(reader.list(config()))) == 2


def test_a_deadlock_is_repeated(server_url: str) -> None:
    with SQLSaver(server_url) as saver:
        for name in "ab":
            put(saver, config(name), checkpoint_id="1")
        meeting = threading.Barrier(2)
        attempts = []

        def work(session: Session, first: str, second: str) -> None:
            attempts.append(first)
            for thread in (first, second):
                row = update(TABLES.checkpoints).where(TABLES.checkpoints.c.thread_id == thread)
                session.execute(row.values(step=TABLES.checkpoints.c.step + 1))
                if thread == first and attempts.count(first) == 1:
                    meeting.wait()

        threads = [threading.Thread(target=saver._database.write, args=(work, *pair)) for pair in ("ab", "ba")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(attempts) == 3
        assert [t.step for t in saver.threads()] == [2, 2]


def _cut(url: str, times: int) -> tuple[list[int], Callable[[Session], None]]:
    attempts: list[int] = []

    def work(session: Session) -> None:
        attempts.append(_connection_id(session))
        session.execute(update(TABLES.checkpoints).values(step=TABLES.checkpoints.c.step + 1))
        if len(attempts) <= times:
            _kill(url, attempts[-1])
        session.execute(select(TABLES.checkpoints)).all()

    return attempts, work


@pytest.fixture(params=["sync", "async"])
def driven_url(request: pytest.FixtureRequest, server_url: str) -> str:
    """A new database on a server, with the driver of either kind."""
    asynchronous = {"postgresql": "postgresql+asyncpg", "mysql": "mysql+asyncmy"}[make_url(server_url).drivername]
    return server_url if request.param == "sync" else _with_driver(server_url, asynchronous)


def test_work_on_a_connection_that_is_lost_is_repeated_on_another(driven_url: str) -> None:
    with SQLSaver(driven_url) as saver:
        put(saver, config())
        attempts, work = _cut(driven_url, times=2)
        saver._database.write(work)
        assert len(set(attempts)) == len(attempts) == 3
        assert [t.step for t in saver.threads()] == [1]


def test_a_connection_that_is_lost_again_and_again_is_a_clear_error(driven_url: str) -> None:
    with SQLSaver(driven_url) as saver:
        assert graph(saver).invoke({"count": 0}, config()) == END
        with pytest.raises(errors.DatabaseUnavailableError, match="what was not committed was not stored") as failed:
            saver._database.write(_cut(driven_url, times=1000)[1])
        assert "\n" not in str(failed.value)
        assert graph(saver).get_state(config()).values == END
        assert graph(saver).invoke({"count": 4, "seen": []}, config())["count"] == 5


def test_after_a_lost_connection_nothing_is_taken_for_stored(driven_url: str) -> None:
    """A replica may take over that had not received everything yet."""
    with SQLSaver(driven_url) as saver:
        at = put(saver, config(), {"x": ["a" * 100]})
        saver._database.write(lambda session: session.execute(TABLES.elements.delete()))
        saver._database.write(_cut(driven_url, times=1)[1])
        put(saver, at, {"x": ["a" * 100]})
    with SQLSaver(driven_url) as saver:
        found = saver.get_tuple(config())
        assert found
        assert found.checkpoint["channel_values"] == {"x": ["a" * 100]}


def test_whoever_waits_too_long_to_set_up_does_not_join_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Converting a large database takes longer than anybody waits; two at once would undo one another's work."""
    with services.database("mariadb") as url, services.administrator("mariadb").connect() as other:
        # The lock is the server's: whoever sets up beside this test may have it, before and after.
        assert other.execute(text("SELECT GET_LOCK(:name, 60)"), {"name": mysql.SETUP_LOCK}).scalar()
        with SQLSaver(url) as saver:
            with monkeypatch.context() as impatient:
                impatient.setattr(mysql, "SETUP_TIMEOUT", 0)
                with pytest.raises(errors.DatabaseBusyError, match="another process has been creating or converting"):
                    saver.setup()
            other.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": mysql.SETUP_LOCK})
            assert saver.setup() == 0


def test_tables_are_transactional_whatever_the_server_prefers() -> None:
    for name in ("mysql+pymysql", "mariadb+pymysql"):
        engine = create_engine(f"{name}://x")
        assert all("ENGINE=InnoDB" in str(CreateTable(t).compile(engine)) for t in TABLES.every)


def test_a_connection_that_is_lost_while_committing_is_not_repeated(
    server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = _engine(server_url)
    with SQLSaver(engine) as saver:
        put(saver, config())
        dialect = type(saver._database.dialect)
        commit = dialect.commit

        def cut(self: Any, session: Session) -> None:
            _kill(server_url, _connection_id(session))
            commit(self, session)

        monkeypatch.setattr(dialect, "commit", cut)
        attempts, work = _cut(server_url, times=0)
        with pytest.raises(errors.DatabaseUnavailableError, match="shows when the run is resumed"):
            saver._database.write(work)
        assert len(attempts) == 1
    engine.dispose()


def test_other_errors_are_not_repeated(server_url: str) -> None:
    attempts = []

    def work(session: Session) -> None:
        attempts.append(1)
        session.execute(text("SELECT * FROM no_such_table"))

    with SQLSaver(server_url) as saver:
        with pytest.raises(errors.DatabaseError, match="no_such_table") as failed:
            saver._database.write(work)
        assert "\n" not in str(failed.value)
    assert attempts == [1]


def test_a_pool_without_a_free_connection_is_a_clear_error(server_url: str) -> None:
    engine = _engine(server_url, pool_size=1, max_overflow=0, pool_timeout=0)
    with SQLSaver(engine) as saver:
        saver.setup()
        with engine.connect(), pytest.raises(errors.DatabaseBusyError, match="all connections are in use"):
            put(saver, config())
        put(saver, config())
    engine.dispose()


@pytest.mark.parametrize("driver", [*DRIVERS["postgresql"][1:], "mysql+pymysql", "mysql+asyncmy"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"port": 1, "host": "127.0.0.1"}, "cannot be reached|no connection: .*refused"),
        ({"host": "no.such.host.invalid"}, "cannot be reached|no connection: .*resolve"),
        ({"database": "no_such_database"}, "no such database; create it first|no connection: .*does not exist"),
        ({"username": "no_such_user", "password": "secret"}, "login was refused|no connection: .*does not exist"),
    ],
)
def test_a_server_that_cannot_be_used_says_why_in_one_line(driver: str, change: dict[str, Any], message: str) -> None:
    server = services.administrator("postgresql" if "postgresql" in driver else "mariadb").url
    wrong = server.set(drivername=driver).set(**change)
    with pytest.raises(errors.DatabaseUnavailableError, match=message) as failed, SQLSaver(wrong) as saver:
        saver.setup()
    assert "\n" not in str(failed.value)
    assert "secret" not in str(failed.value)


def test_an_id_that_is_too_long_is_a_clear_error(server_url: str) -> None:
    name = "".join(chr(0x4E00 + n) for n in range(5000))  # does not compress to something short
    with SQLSaver(server_url) as saver:
        with pytest.raises(errors.InvalidRequestError, match="too long for") as failed:
            put(saver, config(name))
        assert "\n" not in str(failed.value)
        assert saver.threads() == []


def test_any_other_database_works_by_plain_sql(server_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = _engine(server_url)
    monkeypatch.setattr(dialects, "_BY_NAME", {})
    with pytest.warns(UserWarning, match="by plain SQL only: processes that start at once"):
        saver = SQLSaver(engine)
    with saver:
        compiled = graph(saver)
        assert compiled.invoke({"count": 0}, config()) == END
        at = put(saver, config("x"))
        for value in (1, 2):
            saver.put_writes(at, [("a", value), ("__interrupt__", value)], "task")
        found = saver.get_tuple(at)
        assert found
        assert found.pending_writes == [("task", "__interrupt__", 2), ("task", "a", 1)]
    engine.dispose()


async def test_who_is_frozen_in_a_transaction_keeps_no_thread_locked(
    new_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if new_url.startswith("sqlite"):
        pytest.skip("the lock of SQLite is the process's, frozen or not")
    monkeypatch.setattr(generic, "IDLE_TIMEOUT", 1)
    held, woken = threading.Event(), threading.Event()

    def frozen(session: Session) -> None:
        enter_thread(session, "t", "own")
        held.set()
        woken.wait()

    with SQLSaver(new_url) as saver:
        put(saver, config(), {"a": 1})
        first = asyncio.create_task(asyncio.to_thread(saver._database.write, frozen))
        try:
            await asyncio.to_thread(held.wait)
            await asyncio.wait_for(asyncio.to_thread(saver.delete_thread, "t"), 30)
        finally:
            woken.set()
        with pytest.raises(errors.DatabaseUnavailableError, match="the connection was lost while storing"):
            await first
