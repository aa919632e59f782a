"""SQLite: how it is opened, how its transactions begin, how it inserts, and what its errors mean.

Python's sqlite3 opens transactions by itself, before the first write only and always deferred; two of them that read
and then write fail at once with "database is locked", whatever the timeout. So the driver runs in autocommit mode and
every transaction begins explicitly: IMMEDIATE when it will write, which queues for the lock at the start.
"""

import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Connection, Engine, Table, bindparam, cast, func, text, tuple_
from sqlalchemy.dialects.sqlite import Insert, insert
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool, QueuePool, SingletonThreadPool, StaticPool

from threadloom.checkpoints import errors
from threadloom.checkpoints.dialects import generic
from threadloom.checkpoints.dialects.generic import Dialect
from threadloom.checkpoints.dialects.protocols import Rows, Session

if TYPE_CHECKING:
    from threadloom.checkpoints.tables import Tables

UNIX_EPOCH = 2440587.5  # 1970 as a Julian day
INCREMENTAL = 2  # what PRAGMA auto_vacuum says for it
PAGES = 1000  # that are given back at a time; writers wait that long

BUSY_TIMEOUT = 60.0  # seconds that a writer waits for other processes


class SQLite(Dialect):
    """The sqlite3 of the standard library."""

    lacks = ""
    drivers = ("pysqlite",)
    one_writer = True

    def with_driver(self, url: URL) -> URL:
        """Always sqlite3: aiosqlite is the same in a thread, and here it runs in a thread already."""
        return url.set(drivername="sqlite") if url.drivername == "sqlite+aiosqlite" else url

    def is_shared(self, url: URL) -> bool:
        """Whether the database lives in memory, on one connection."""
        return url.database in (None, "", ":memory:") or url.query.get("mode") == "memory"

    def engine_options(self, url: URL) -> dict[str, Any]:
        """One shared connection for a database in memory, a pool for a file."""
        arguments = {"timeout": BUSY_TIMEOUT, "check_same_thread": False}
        options: dict[str, Any] = {"isolation_level": "AUTOCOMMIT", "connect_args": arguments}
        if self.is_shared(url):
            return options | {"poolclass": StaticPool}
        # Never queue for a connection: readers do not block one another, and writers queue for the lock first.
        return options | {
            "poolclass": QueuePool,
            "pool_size": 8,
            "max_overflow": -1,
            "pool_reset_on_return": None,
        }

    def on_connect(self, connection: Any) -> None:
        """A checkpoint that was reported stored survives a power cut; SQLite can be built with another default."""
        connection.execute("PRAGMA synchronous=FULL")

    def adopt_engine(self, engine: Engine) -> Engine:
        """A user's engine as it is, sharing its pool, in the mode where transactions begin explicitly."""
        if self.is_shared(engine.url) and isinstance(engine.pool, SingletonThreadPool | NullPool):
            raise errors.UnsupportedDatabaseError(
                "this engine opens several databases in memory, one for each connection; pass the URL sqlite:// "
                "instead, or create the engine with poolclass=StaticPool"
            )
        return engine.execution_options(isolation_level="AUTOCOMMIT")

    def prepare(self, connection: Connection) -> None:
        """Switch a new database to WAL, so that readers and the writer do not block each other; let it shrink.

        The switch needs the file for itself and does not wait for it when several processes start at once: try again.
        """
        deadline = time.monotonic() + BUSY_TIMEOUT
        while True:
            try:
                with connection.begin():
                    _leave_transaction(connection)
                    # First, and of effect on a new file only.
                    connection.exec_driver_sql("PRAGMA auto_vacuum=INCREMENTAL")
                    connection.exec_driver_sql("PRAGMA journal_mode=WAL")
                    return
            except DBAPIError as exc:
                if _code(exc) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def begin(self, session: Session, *, write: bool) -> None:
        """Begin a transaction; one that will write waits for its turn here, and cannot fail halfway for want of it."""
        session.connection.begin()
        _leave_transaction(session.connection)
        session.send("BEGIN IMMEDIATE" if write else "BEGIN")

    def compact(self, session: Session, tables: Sequence[Table]) -> None:  # noqa: ARG002  # it is one file
        """Give free pages back little by little; a file that was not made for that is written anew, once."""
        connection = session.connection
        with connection.begin():
            _leave_transaction(connection)
            if _pragma(connection, "auto_vacuum") != INCREMENTAL:
                connection.exec_driver_sql("PRAGMA auto_vacuum=INCREMENTAL")
                connection.exec_driver_sql("VACUUM")
            free = _pragma(connection, "freelist_count")
            while free:
                session.script(f"PRAGMA incremental_vacuum({PAGES})")
                before, free = free, _pragma(connection, "freelist_count")
                if free >= before:  # others free as much meanwhile
                    break
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").all()

    def insert_new(self, session: Session, table: Table, rows: Rows) -> None:
        """Insert rows; one whose key exists stays as it is."""
        session.change(_insert_new, rows, table)

    def insert_or_replace(self, session: Session, table: Table, rows: Rows) -> None:
        """Insert rows; one whose key exists is overwritten."""
        session.change(_insert_or_replace, rows, table)

    def among(self, columns: Sequence[Any], keys: Sequence[tuple[Any, ...]]) -> Any:
        """Selected from VALUES: with bare VALUES, as SQLAlchemy has them, SQLite reads the whole table."""
        given: Any = bindparam("keys", keys, expanding=True, unique=True)
        return tuple_(*columns).in_(text("SELECT * FROM :keys").bindparams(given).columns(*columns))

    def now(self) -> Any:
        """The machine's clock, which all processes on the file have in common."""
        return cast((func.julianday("now") - UNIX_EPOCH) * 86_400_000, BigInteger)

    def is_rolled_back(self, exc: DBAPIError) -> bool:  # noqa: ARG002  # the one writer meets no deadlock
        """Never."""
        return False

    def explain(self, exc: Exception, url: URL) -> errors.CheckpointError:
        """The typed error, in one line, for what the driver raised."""
        code = _code(exc)
        if code == sqlite3.SQLITE_CANTOPEN:
            return errors.DatabaseUnavailableError(f"{url.render_as_string()}: {_why_not_opened(url)}")
        kind, meaning = _MEANINGS.get(code, (errors.DatabaseError, generic.first_line(getattr(exc, "orig", exc))))
        return kind(f"{url.render_as_string()}: {meaning}")


def _pragma(connection: Connection, text: str) -> Any:
    """What it answers first."""
    return connection.exec_driver_sql(f"PRAGMA {text}").scalar_one()


def _leave_transaction(connection: Connection) -> None:
    # A user's engine may follow the common recipe, where an event begins a (deferred) transaction unasked.
    driver: Any = connection.connection.driver_connection
    if driver.in_transaction:
        driver.rollback()


def _insert_new(_: "Tables", table: Table) -> Insert:
    """An insert that leaves a row as it is when its key exists."""
    return insert(table).on_conflict_do_nothing()


def _insert_or_replace(_: "Tables", table: Table) -> Insert:
    """An insert that overwrites the row with the same key."""
    statement = insert(table)
    rest = {c.name: statement.excluded[c.name] for c in table.columns if not c.primary_key}
    return statement.on_conflict_do_update(index_elements=list(table.primary_key.columns), set_=rest)


_MEANINGS: dict[int, tuple[type[errors.DatabaseError], str]] = {
    sqlite3.SQLITE_BUSY: (
        errors.DatabaseBusyError,
        "another program kept it locked for too long; try again, or see what holds it open",
    ),
    sqlite3.SQLITE_LOCKED: (errors.DatabaseBusyError, "it is locked by another connection of this program"),
    sqlite3.SQLITE_READONLY: (
        errors.ReadOnlyDatabaseError,
        "it is read-only; make the file and its folder writable, or use another database",
    ),
    sqlite3.SQLITE_FULL: (
        errors.DatabaseFullError,
        "the disk or the database is full; nothing half-written was kept, free some space and resume",
    ),
    sqlite3.SQLITE_IOERR: (
        errors.DatabaseFullError,
        "the disk refused the operation (full, over quota or failing); nothing half-written was kept",
    ),
    sqlite3.SQLITE_NOTADB: (errors.NotADatabaseError, "this file is not an SQLite database; give another path"),
    sqlite3.SQLITE_CORRUPT: (errors.NotADatabaseError, "the file is damaged; restore it from a backup"),
    sqlite3.SQLITE_PERM: (errors.DatabaseUnavailableError, "access is denied; check the permissions of the file"),
    sqlite3.SQLITE_TOOBIG: (errors.DatabaseError, "a value is larger than SQLite can store (1 GB)"),
}


def _code(exc: Exception) -> int:
    # The low byte is the primary code; the rest tells variants apart.
    code = getattr(getattr(exc, "orig", None), "sqlite_errorcode", None)
    return code & 0xFF if code is not None else sqlite3.SQLITE_ERROR


def _why_not_opened(url: URL) -> str:
    path = Path(str(url.database).removeprefix("file:"))
    if path.is_dir():
        return f"{path} is a folder; give the path of a file"
    if not path.parent.is_dir():
        return f"the folder {path.parent} does not exist; create it first"
    return f"the file cannot be opened{' or created' if not path.exists() else ''}; check the permissions"
