"""What the store asks of a database, answered for any that SQLAlchemy knows; the other files improve on it."""

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Connection, Engine, Table, and_, bindparam, delete, insert, literal, select, tuple_
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import NullPool

from threadloom.checkpoints import errors
from threadloom.checkpoints.dialects.protocols import Put, Rows, Session, Writes
from threadloom.checkpoints.query import Inquiry

POOL_SIZE = 16  # connections: more threads than that gain nothing, Python runs one at a time
CONNECT_TIMEOUT = 10  # seconds
# Seconds after which a server undoes the transaction of who says nothing: a frozen process would keep threads locked.
IDLE_TIMEOUT = 10


class Dialect:
    """Any database with transactions, as far as plain SQL goes."""

    # What is not promised on this database; shown as a warning when it is opened.
    lacks = (
        "processes that start at once on an empty database may fail, ids are compared as its collation does, "
        "what is read by several statements may be of different moments, leases go by the clocks of the machines, "
        "and its errors are not told apart"
    )
    # Drivers by SQLAlchemy's name, best first, and the extra of this package that installs the first.
    drivers: ClassVar[tuple[str, ...]] = ()
    extra = ""
    # Whether the database takes one writer at a time, so that they may as well queue here and share a commit.
    one_writer = False
    # Whether there are `put_checkpoint` and `put_writes`.
    single_statements = False

    def with_driver(self, url: URL) -> URL:
        """The URL with the driver that will be used."""
        return url

    def is_shared(self, url: URL) -> bool:  # noqa: ARG002  # for those that need it
        """Whether all threads use one connection, so that readers queue as well."""
        return False

    def lone_statements(self, url: URL) -> bool:  # noqa: ARG002  # for those that need it
        """Whether a statement outside of a transaction reaches the database as one."""
        return True

    def has_pipeline(self, url: URL) -> bool:  # noqa: ARG002  # for those that need it
        """Whether there is a `pipeline`, and what event loops ask may be sent together."""
        return False

    def engine_options(self, url: URL) -> dict[str, Any]:
        """Keyword arguments for SQLAlchemy's `create_engine`.

        Connections are not tried out beforehand (`pool_pre_ping` costs 0.3 ms a transaction on PostgreSQL): work on a
        connection that turns out to be dead is repeated on a new one.
        """
        # The connection that was used last comes first: each fills a page of its own, and has what it prepared.
        pooled = {"pool_size": POOL_SIZE, "max_overflow": 0, "pool_recycle": 1800, "pool_use_lifo": True}
        unpooled = {"poolclass": NullPool}
        return {"connect_args": self.connect_arguments(url)} | (unpooled if is_behind_pgbouncer(url) else pooled)

    def connect_arguments(self, url: URL) -> dict[str, Any]:  # noqa: ARG002  # for those that need it
        """Keyword arguments for the driver's `connect`."""
        return {}

    def adopt_engine(self, engine: Engine) -> Engine:
        """A user's engine in the mode that transactions need here, sharing its pool."""
        return engine

    def on_connect(self, connection: Any) -> None:
        """Settle what belongs to a new connection of the driver."""

    def prepare(self, connection: Connection) -> None:
        """Settle what is stored with the database and cannot be set within a transaction."""

    @contextmanager
    def alone(self, session: Session) -> Iterator[None]:  # noqa: ARG002  # for those that need it
        """Keep other processes from creating tables at the same time, until what is done here is committed."""
        yield

    def begin(self, session: Session, *, write: bool) -> None:  # noqa: ARG002  # for those that tell them apart
        """Begin a transaction: one that reads sees one moment, one that writes sees what others have committed."""
        session.connection.begin()

    def commit(self, session: Session) -> None:
        """End the transaction; what it changed is stored when this returns."""
        session.connection.commit()

    def roll_back(self, session: Session) -> None:
        """End the transaction; nothing of it is stored."""
        session.connection.rollback()

    def pipeline(self, session: Session) -> AbstractContextManager[None]:
        """A transaction whose statements are sent before there is an answer to any, and which waits for no lock."""
        raise NotImplementedError

    def compact(self, session: Session, tables: Sequence[Table]) -> None:
        """Give back to the disk what is in no use; outside of a transaction, beside others at work."""

    def insert_new(self, session: Session, table: Table, rows: Rows) -> None:
        """Insert rows; one whose key exists stays as it is."""
        for row in rows:
            same = and_(*(column == row[column.name] for column in table.primary_key))
            if session.execute(select(literal(1)).where(same)).first() is None:
                session.execute(insert(table), row)

    def insert_or_replace(self, session: Session, table: Table, rows: Rows) -> None:
        """Insert rows; one whose key exists is overwritten."""
        for row in rows:
            session.execute(delete(table).where(*(column == row[column.name] for column in table.primary_key)))
            session.execute(insert(table), row)

    def among(self, columns: Sequence[Any], keys: Sequence[tuple[Any, ...]]) -> Any:
        """The condition that these columns together are one of the keys, of which there are a few hundred at most."""
        return tuple_(*columns).in_(keys)

    def now(self) -> Any:
        """An SQL expression for the time in ms since 1970, by a clock that all who use the database share."""
        # Of this machine, for want of a common one; asked whenever the statement is sent.
        return bindparam("now", callable_=lambda: time.time_ns() // 1_000_000, type_=BigInteger, unique=True)

    def put_checkpoint(self, session: Session, put: Put) -> Inquiry[int | None]:
        """Store a checkpoint by a single statement; returns the epoch of its thread, None: nothing was stored.

        That happens when the thread is not as the checkpoint needs it.
        """
        raise NotImplementedError

    def put_writes(self, session: Session, put: Writes) -> Inquiry[int | None]:
        """Store writes by a single statement; returns the epoch of their thread, None: nothing was stored."""
        raise NotImplementedError

    def is_rolled_back(self, exc: DBAPIError) -> bool:
        """Whether the database undid the whole transaction and asks to repeat it: a deadlock and the like."""
        return isinstance(exc, IntegrityError)  # another inserted the same key since we looked

    def explain(self, exc: Exception, url: URL) -> errors.CheckpointError:
        """The typed error, in one line, for what SQLAlchemy or the driver raised."""
        kind, meaning = self.meaning(exc)
        return kind(f"{url.render_as_string()}: {_without_password(meaning, url)}")

    def meaning(self, exc: Exception) -> tuple[type[errors.CheckpointError], str]:
        """The kind of error, and what to say."""
        if isinstance(exc, PoolTimeoutError):
            return errors.DatabaseBusyError, "all connections are in use and none became free in time; try again"
        if isinstance(exc, OSError):  # asyncpg lets it through; SQLAlchemy's own errors are none
            return errors.DatabaseUnavailableError, f"the server cannot be reached ({first_line(exc)})"
        if isinstance(exc, DBAPIError) and exc.connection_invalidated:
            return errors.DatabaseUnavailableError, LOST
        return errors.DatabaseError, first_line(getattr(exc, "orig", exc))


LOST = "the connection was lost; what was not committed was not stored, and the run can be resumed"
UNREACHABLE = "the server cannot be reached; see whether it runs, and the host and port in the URL"
BUSY = "it is overloaded or locked by others; try again"
FULL = "its disk is full; nothing half-written was kept, free some space and resume"
READ_ONLY = "it is read-only or this user may not write to it; use another user or server"
REFUSED = "the login was refused; see the user and password in the URL"
NO_DATABASE = "there is no such database; create it first"
TOO_LONG = "an id, namespace or channel name is too long for the keys of this database; use a shorter one"
LONGEST = 1_000
"""Characters of an error that are kept: its text may be a document."""


def is_behind_pgbouncer(url: URL) -> bool:
    """Whether the URL says `?pgbouncer=true`: another program keeps the pool and hands out connections as it likes."""
    return url.query.get("pgbouncer") == "true"


def first_line(exc: object) -> str:
    """What a driver says, without the hints below it; its kind where it says nothing, or cannot."""
    try:
        said = str(exc).strip()
    except Exception:  # noqa: BLE001  # of somebody's own exception, which is no reason not to say that it was raised
        said = ""
    line = (said or type(exc).__name__).splitlines()[0]
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def _without_password(message: str, url: URL) -> str:
    return message.replace(str(url.password), "***") if url.password else message
