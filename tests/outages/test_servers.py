"""A server that is stopped, restarted, cut off, full or without connections to spare.

Each time: a typed error in one line or none at all, the thread readable, and the run goes on to its undisturbed end.
"""

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from typing import Any

import pytest
from sqlalchemy import make_url

from tests import services
from tests.checkpoints.chain import config, put
from tests.outages.disturbed import undisturbed, voyage
from tests.outages.private import PRIVATE, PrivateMariaDB, public_folder, running, small_disk
from tests.outages.proxy import Moment, proxied
from threadloom.checkpoints import SQLSaver, errors
from threadloom.checkpoints.dialects.postgresql import PostgreSQL

DRIVERS = [
    *((driver, side) for driver in ("postgresql+psycopg", "mysql+pymysql") for side in ("sync", "async")),
    *(("postgresql+asyncpg", "async"), ("mysql+asyncmy", "async")),
]
ALL_DRIVERS = pytest.mark.parametrize(("driver", "side"), DRIVERS)


pytestmark = pytest.mark.thorough

COMMIT = r"\bCOMMIT\b"  # not READ COMMITTED or AUTOCOMMIT


def _kind(driver: str) -> str:
    return "mariadb" if driver.startswith("mysql") else "postgresql"


def _with_driver(url: str, driver: str) -> str:
    return make_url(url).set(drivername=driver).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def private() -> Iterator[Callable[[str], Any]]:
    """Gives the running private server of a kind, the same each time."""
    limit = {"postgresql": ["-c", "max_connections=12"], "mariadb": ["--max-connections=12"]}
    with ExitStack() as stack:
        folder = stack.enter_context(public_folder())

        @cache
        def of(kind: str) -> Any:
            server = PRIVATE[kind](folder / kind, *limit[kind])
            stack.enter_context(running(server))
            return server

        yield of


@pytest.fixture
def server(private: Callable[[str], Any], driver: str) -> Any:
    """The private server for a driver, running; it takes twelve connections."""
    return private(_kind(driver))


@ALL_DRIVERS
def test_a_server_that_restarts_between_two_calls_goes_unnoticed(server: Any, driver: str, side: str) -> None:
    url = server.database(f"restarts_{driver.partition('+')[2]}_{side}")
    with voyage(_with_driver(url, driver), side) as run:
        run.live()
        server.restart()
        assert run.ends() == undisturbed()
        assert list(run.saver.verify()) == []


@ALL_DRIVERS
def test_a_server_that_restarts_in_a_run_stops_it_at_most(server: Any, driver: str, side: str) -> None:
    """Whether a call comes while there is no server is chance."""
    url = server.database(f"interrupts_{driver.partition('+')[2]}_{side}")
    is_back = threading.Event()

    def restart() -> None:
        server.restart()
        is_back.set()

    with voyage(_with_driver(url, driver), side, restart) as run:
        with suppress(errors.DatabaseUnavailableError):
            run.live()
        assert is_back.wait(60)
        assert run.ends() == undisturbed()
        assert list(run.saver.verify()) == []


@ALL_DRIVERS
def test_a_server_that_is_down_is_a_clear_error_until_it_is_back(server: Any, driver: str, side: str) -> None:
    url = server.database(f"down_{driver.partition('+')[2]}_{side}")
    with voyage(_with_driver(url, driver), side, server.kill) as run:
        run.fails_with(errors.DatabaseUnavailableError, "cannot be reached|no connection|connection was lost")
        with pytest.raises(errors.DatabaseUnavailableError):
            run.values()
        server.start()
        assert run.values()["name"] == "voyage"
        assert run.ends() == undisturbed()
        assert list(run.saver.verify()) == []


@ALL_DRIVERS
def test_a_server_without_connections_to_spare_is_a_clear_error(server: Any, driver: str, side: str) -> None:
    url = server.database(f"crowded_{driver.partition('+')[2]}_{side}")
    with SQLSaver(_with_driver(url, driver)) as first:
        first.setup()
    crowd = server.administrator()
    with voyage(_with_driver(url, driver), side) as run, ExitStack() as held:
        with pytest.raises(Exception, match="connection"):  # noqa: PT012  # whatever the driver calls it
            for _ in range(100):
                held.enter_context(crowd.connect())
        run.fails_with(errors.DatabaseBusyError, "no connection to spare; try again or raise max_connections")
        held.close()
        assert run.ends() == undisturbed()


@ALL_DRIVERS
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_connection_that_is_cut_around_the_commit_is_a_clear_error(
    monkeypatch: pytest.MonkeyPatch, driver: str, side: str, moment: Moment
) -> None:
    """Nobody knows whether it was stored; the run goes on from where it is."""
    monkeypatch.setattr(PostgreSQL, "single_statements", False)  # a single one is repeated, and nobody notices
    with services.database(_kind(driver)) as url, proxied(_with_driver(url, driver)) as (proxy, through):
        with SQLSaver(through) as first:
            first.setup()
        with voyage(through, side, lambda: proxy.cut_at(COMMIT, moment), at=1) as run:
            run.fails_with(
                errors.DatabaseUnavailableError, "whether this step was stored shows when the run is resumed"
            )
            assert proxy.cuts == 1
            run.values()
            assert run.ends() == undisturbed()
            assert list(run.saver.verify()) == []


@ALL_DRIVERS
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("statement", ["threadloom_threads", "INSERT INTO threadloom_checkpoints"])
def test_a_connection_that_is_cut_at_a_statement_goes_unnoticed(
    driver: str, side: str, statement: str, moment: Moment
) -> None:
    """It is repeated, and harms nothing if it had been done (PostgreSQL stores a step by one statement)."""
    with (
        services.database(_kind(driver)) as url,
        proxied(_with_driver(url, driver)) as (proxy, through),
        voyage(through, side, lambda: proxy.cut_at(statement, moment)) as run,
    ):
        assert run.ends() == undisturbed()
        assert proxy.cuts == 1
        assert list(run.saver.verify()) == []


@contextmanager
def _postgresql_with_little_room(server: Any, name: str) -> Iterator[tuple[str, Callable[[], object]]]:
    """A database on a small disk, and what makes some more room there."""
    with small_disk(server.folder / name, 32, server.user) as disk:
        (disk / "ballast").write_bytes(bytes(4_000_000))
        (disk / "tables").mkdir()
        shutil.chown(disk / "tables", server.user, server.user)
        server.execute(f"CREATE TABLESPACE {name} LOCATION '{disk / 'tables'}'")
        yield server.database(name, f"TABLESPACE {name}"), (disk / "ballast").unlink
        server.execute(f"DROP DATABASE {name}", f"DROP TABLESPACE {name}")


@contextmanager
def _mariadb_with_little_room(_: Any, name: str) -> Iterator[tuple[str, Callable[[], object]]]:
    """A database in a file of limited size. (When a disk is really full, MariaDB 10.11 aborts.)"""
    limit = "--innodb-data-file-path=ibdata1:12M:autoextend:max:{}M"
    with public_folder() as folder:
        server = PrivateMariaDB(folder / name, "--innodb-file-per-table=OFF", limit.format(24))
        with running(server):
            yield server.database(name), lambda: server.restart(limit.format(32))


def _fill(saver: SQLSaver) -> None:
    for number in range(1000):
        put(saver, config("filler"), {"a": os.urandom(100_000)}, f"{number:04}")


@pytest.mark.parametrize(("driver", "side"), DRIVERS[:4])
def test_a_server_whose_disk_is_full_is_a_clear_error(server: Any, driver: str, side: str) -> None:
    little = {"postgresql": _postgresql_with_little_room, "mariadb": _mariadb_with_little_room}[_kind(driver)]
    with little(server, f"small_{side}") as (url, make_room), voyage(_with_driver(url, driver), side) as run:
        with pytest.raises(errors.DatabaseFullError, match="its disk is full; nothing half-written was kept") as full:
            _fill(run.saver)
        assert "\n" not in str(full.value)
        with suppress(errors.DatabaseFullError):  # some of it may fit in between
            run.live()
        assert len(list(run.saver.list(config("filler")))) >= 10
        make_room()
        assert run.ends() == undisturbed()
        assert list(run.saver.verify()) == []
        run.saver.close()
