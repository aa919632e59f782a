"""MariaDB and MySQL, with PyMySQL, asyncmy or aiomysql."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import Table, func, text
from sqlalchemy.dialects.mysql import Insert, insert
from sqlalchemy.engine import URL

from threadloom.checkpoints import errors
from threadloom.checkpoints.dialects import generic
from threadloom.checkpoints.dialects.protocols import Rows, Session
from threadloom.checkpoints.dialects.server import Meaning, ServerDialect

if TYPE_CHECKING:
    from threadloom.checkpoints.tables import Tables

SETUP_LOCK = "threadloom setup"
SETUP_TIMEOUT = 60  # seconds


class MySQL(ServerDialect):
    """MariaDB 10.6 or MySQL 8, or newer."""

    drivers = ("pymysql", "asyncmy")
    extra = "mysql"
    # By error number: https://mariadb.com/kb/en/mariadb-error-codes/
    meanings: ClassVar[dict[Any, Meaning]] = {
        **dict.fromkeys((2002, 2003, 2005), (errors.DatabaseUnavailableError, generic.UNREACHABLE)),
        **dict.fromkeys((1053, 1927, 2006, 2013, 4031), (errors.DatabaseUnavailableError, generic.LOST)),
        **dict.fromkeys((1044, 1045, 1698), (errors.DatabaseUnavailableError, generic.REFUSED)),
        1049: (errors.DatabaseUnavailableError, generic.NO_DATABASE),
        **dict.fromkeys(
            (1040, 1203, 1226),
            (errors.DatabaseBusyError, "it has no connection to spare; try again or raise max_connections"),
        ),
        **dict.fromkeys((1020, 1205, 1213), (errors.DatabaseBusyError, generic.BUSY)),
        **dict.fromkeys((1021, 1041, 1114), (errors.DatabaseFullError, generic.FULL)),
        **dict.fromkeys((1142, 1290, 1792, 1836), (errors.ReadOnlyDatabaseError, generic.READ_ONLY)),
        1153: (errors.DatabaseError, "a value is larger than the server takes; raise max_allowed_packet there"),
    }
    rolled_back: ClassVar[frozenset[Any]] = frozenset({1020, 1213})

    def with_driver(self, url: URL) -> URL:
        """The URL with its own driver, or the first one that is installed; aiomysql is refused while it is broken."""
        if url.get_driver_name() == "aiomysql":
            _check_aiomysql()
        return super().with_driver(url)

    def connect_arguments(self, url: URL) -> dict[str, Any]:  # noqa: ARG002  # alike for all drivers
        """All of Unicode, and a limit on the time to connect."""
        return {"charset": "utf8mb4", "connect_timeout": generic.CONNECT_TIMEOUT}

    def on_connect(self, connection: Any) -> None:
        """A limit on the time to be idle within a transaction, which MariaDB has; to MySQL it is a comment."""
        cursor = connection.cursor()
        cursor.execute(f"SET @threadloom = 1 /*M! , @@SESSION.idle_transaction_timeout = {generic.IDLE_TIMEOUT} */")
        cursor.close()

    @contextmanager
    def alone(self, session: Session) -> Iterator[None]:
        """A named lock, since creating a table commits here; held until the rest is committed too."""
        lock = {"name": SETUP_LOCK, "timeout": SETUP_TIMEOUT}
        if not session.execute(text("SELECT GET_LOCK(:name, :timeout)"), lock).scalar():
            raise errors.DatabaseBusyError(
                f"another process has been creating or converting tables on this server for {SETUP_TIMEOUT} seconds "
                "or more; try again when it has finished"
            )
        try:
            yield
            session.send("COMMIT")
        finally:
            if not session.connection.invalidated:  # else it went with the connection
                session.execute(text("SELECT RELEASE_LOCK(:name)"), lock)

    def begin(self, session: Session, *, write: bool) -> None:
        """For the next transaction only: writers that lock no gaps between rows do not deadlock on new ones."""
        session.send(f"SET TRANSACTION ISOLATION LEVEL {'READ COMMITTED' if write else 'REPEATABLE READ'}")
        session.send(f"START TRANSACTION {'READ WRITE' if write else 'READ ONLY'}")

    def compact(self, session: Session, tables: Sequence[Table]) -> None:
        """Rebuild the tables, beside which others go on."""
        for table in tables:  # it answers with rows, also about what went wrong
            name = session.connection.dialect.identifier_preparer.format_table(table)
            session.connection.exec_driver_sql(f"OPTIMIZE TABLE {name}").all()

    def insert_new(self, session: Session, table: Table, rows: Rows) -> None:
        """Insert rows; one whose key exists stays as it is. (INSERT IGNORE would also cut what is too long.)"""
        session.change(_insert_new, rows, table)

    def insert_or_replace(self, session: Session, table: Table, rows: Rows) -> None:
        """Insert rows; one whose key exists is overwritten."""
        session.change(_insert_or_replace, rows, table)

    def now(self) -> Any:
        """The server's clock, whatever its time zone."""
        return func.timestampdiff(text("MICROSECOND"), text("'1970-01-01'"), func.utc_timestamp(6)).op("DIV")(1000)

    def code_of(self, exc: Exception) -> Any:
        """The error number."""
        arguments = getattr(getattr(exc, "orig", exc), "args", ())
        return arguments[0] if arguments else None


def _check_aiomysql() -> None:
    """Raise UnsupportedDatabaseError where it fails on all bytes: https://github.com/aio-libs/aiomysql/issues/1080."""
    try:
        connection = import_module("aiomysql.connection")
    except ImportError:
        return  # the engine says so
    # PyMySQL 1.2.3 put a string in the place of the function that aiomysql 0.3.2 calls.
    if isinstance(getattr(connection, "escape_bytes_prefixed", None), str):
        raise errors.UnsupportedDatabaseError(
            "this aiomysql cannot send bytes with this PyMySQL; use mysql+asyncmy or mysql+pymysql instead, "
            "or install 'pymysql<1.2.3'"
        )


def _insert_new(_: "Tables", table: Table) -> Insert:
    key = next(iter(table.primary_key))
    return insert(table).on_duplicate_key_update({key.name: key})


def _insert_or_replace(_: "Tables", table: Table) -> Insert:
    statement = insert(table)
    rest = {c.name: statement.inserted[c.name] for c in table.columns if not c.primary_key}
    return statement.on_duplicate_key_update(rest)
