"""PostgreSQL, with psycopg 3 or asyncpg, straight or through pgbouncer."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import uuid4

from sqlalchemy import BigInteger, LargeBinary, Table, Text, cast, extract, func, literal, select, text, tuple_
from sqlalchemy.dialects.postgresql import ARRAY, Insert, insert
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError

from threadloom.checkpoints import errors
from threadloom.checkpoints.dialects import generic, single
from threadloom.checkpoints.dialects.protocols import Put, Rows, Session, Writes
from threadloom.checkpoints.dialects.server import Meaning, ServerDialect
from threadloom.checkpoints.dialects.types import escaped
from threadloom.checkpoints.query import Inquiry

if TYPE_CHECKING:
    from threadloom.checkpoints.tables import Tables

PATIENCE = 100  # ms that a pipeline waits for a lock
SETUP_LOCK = 0x7468726561646C6F  # "threadlo": any number that nobody else locks


class PostgreSQL(ServerDialect):
    """PostgreSQL 12 or newer."""

    drivers = ("psycopg", "asyncpg")
    extra = "postgres"
    single_statements = True
    # By SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html
    meanings: ClassVar[dict[Any, Meaning]] = {
        "08000": (errors.DatabaseUnavailableError, generic.LOST),
        "08003": (errors.DatabaseUnavailableError, generic.LOST),
        "08006": (errors.DatabaseUnavailableError, generic.LOST),
        "57P01": (errors.DatabaseUnavailableError, generic.LOST),
        "57P02": (errors.DatabaseUnavailableError, generic.LOST),
        "25P03": (errors.DatabaseUnavailableError, generic.LOST),
        "57P03": (errors.DatabaseUnavailableError, "the server is starting or shutting down; try again"),
        "28000": (errors.DatabaseUnavailableError, generic.REFUSED),
        "28P01": (errors.DatabaseUnavailableError, generic.REFUSED),
        "3D000": (errors.DatabaseUnavailableError, generic.NO_DATABASE),
        "53300": (errors.DatabaseBusyError, "it has no connection to spare; try again or raise max_connections"),
        "40001": (errors.DatabaseBusyError, generic.BUSY),
        "40P01": (errors.DatabaseBusyError, generic.BUSY),
        "55P03": (errors.DatabaseBusyError, generic.BUSY),
        "57014": (errors.DatabaseBusyError, generic.BUSY),
        "53100": (errors.DatabaseFullError, generic.FULL),
        "25006": (errors.ReadOnlyDatabaseError, generic.READ_ONLY),
        "42501": (errors.ReadOnlyDatabaseError, generic.READ_ONLY),
        "54000": (errors.InvalidRequestError, generic.TOO_LONG),
    }
    rolled_back: ClassVar[frozenset[Any]] = frozenset({"40001", "40P01"})

    def connect_arguments(self, url: URL) -> dict[str, Any]:
        """Limits on the time to connect, and to be idle within a transaction.

        Behind pgbouncer, where connections change hands, nothing is prepared, and its own settings count.
        """
        pgbouncer, idle = generic.is_behind_pgbouncer(url), f"{generic.IDLE_TIMEOUT}s"
        if url.get_driver_name() == "asyncpg":
            nameless = {"statement_cache_size": 0, "prepared_statement_name_func": lambda: f"__threadloom_{uuid4()}__"}
            patient: dict[str, Any] = {"server_settings": {"idle_in_transaction_session_timeout": idle}}
            return {"timeout": generic.CONNECT_TIMEOUT} | (nameless if pgbouncer else patient)
        if url.get_driver_name() == "psycopg":
            settings = {} if "options" in url.query else {"options": f"-c idle_in_transaction_session_timeout={idle}"}
            return {"connect_timeout": generic.CONNECT_TIMEOUT} | (
                {"prepare_threshold": None} if pgbouncer else settings
            )
        return {}

    def lone_statements(self, url: URL) -> bool:
        """asyncpg sends a statement in two steps, between which pgbouncer hands out another connection."""
        return not (generic.is_behind_pgbouncer(url) and url.get_driver_name() == "asyncpg")

    def has_pipeline(self, url: URL) -> bool:
        """psycopg has."""
        return url.get_driver_name() == "psycopg" and not generic.is_behind_pgbouncer(url)

    @contextmanager
    def pipeline(self, session: Session) -> Iterator[None]:
        """One journey to the server and back; whoever has to wait for a lock fails, and keeps nobody waiting."""
        with session.pipeline():
            self.begin(session, write=True)
            session.send(f"SET LOCAL lock_timeout = {PATIENCE}")
            yield
            self.commit(session)

    @contextmanager
    def alone(self, session: Session) -> Iterator[None]:
        """Wait for the others; the end of the transaction lets the next one in."""
        session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": SETUP_LOCK})
        yield

    def begin(self, session: Session, *, write: bool) -> None:
        """Both levels by name: a database may have another default."""
        session.send(f"BEGIN ISOLATION LEVEL {'READ COMMITTED READ WRITE' if write else 'REPEATABLE READ READ ONLY'}")

    def compact(self, session: Session, tables: Sequence[Table]) -> None:
        """Make room for what comes next, and give back the end of the files; FULL would lock everybody out."""
        session.send(f"VACUUM {', '.join(map(session.connection.dialect.identifier_preparer.format_table, tables))}")

    def insert_new(self, session: Session, table: Table, rows: Rows) -> None:
        """Insert rows; one whose key exists stays as it is."""
        session.change(_insert_new, rows, table)

    def insert_or_replace(self, session: Session, table: Table, rows: Rows) -> None:
        """Insert rows; one whose key exists is overwritten."""
        session.change(_insert_or_replace, rows, table)

    def put_checkpoint(self, session: Session, put: Put) -> Inquiry[int | None]:
        """Store a checkpoint by a single statement; returns the epoch of its thread, None: nothing was stored.

        That happens when the thread is not as the checkpoint needs it.
        """
        return single.put_checkpoint(session, put)

    def put_writes(self, session: Session, put: Writes) -> Inquiry[int | None]:
        """Store writes by a single statement; returns the epoch of their thread, None: nothing was stored."""
        return single.put_writes(session, put)

    def among(self, columns: Sequence[Any], keys: Sequence[tuple[Any, ...]]) -> Any:
        """Sent as an array for each column: of 400 keys one by one the planner thinks for 140 ms, psycopg for 30."""
        arrays = [_array(column, values) for column, values in zip(columns, zip(*keys, strict=True), strict=True)]
        rows = func.unnest(*arrays).table_valued(*(column.name for column in columns)).render_derived()
        return tuple_(*columns).in_(select(rows))

    def now(self) -> Any:
        """The server's clock, also in the middle of a transaction."""
        return cast(extract("epoch", func.clock_timestamp()) * 1000, BigInteger)

    def code_of(self, exc: Exception) -> Any:
        """The SQLSTATE."""
        return getattr(getattr(exc, "orig", exc), "sqlstate", None)

    def meaning(self, exc: Exception) -> Meaning:
        """The kind of error; psycopg gives no code when it cannot connect, its words must do."""
        kind, words = super().meaning(exc)
        if kind is errors.DatabaseError and isinstance(exc, OperationalError) and self.code_of(exc) is None:
            if re.search("too many (clients|connections)|connection slots are reserved|no more connections", str(exc)):
                return self.meanings["53300"]
            return errors.DatabaseUnavailableError, f"no connection: {words}"
        return kind, words


def _array(column: Any, values: Sequence[Any]) -> Any:
    if isinstance(column.type, LargeBinary):
        return literal([*values], ARRAY(LargeBinary))
    return literal([escaped(value) for value in values], ARRAY(Text))


def _insert_new(_: "Tables", table: Table) -> Insert:
    return insert(table).on_conflict_do_nothing()


def _insert_or_replace(_: "Tables", table: Table) -> Insert:
    statement = insert(table)
    rest = {c.name: statement.excluded[c.name] for c in table.columns if not c.primary_key}
    return statement.on_conflict_do_update(index_elements=list(table.primary_key.columns), set_=rest)
