"""PostgreSQL: a read-only transaction that the server ends in time, and SQL written anew from an allow-list.

The transaction is read-only to the server, so that nothing changes even if the list is wrong; the list keeps out what a
read-only transaction may do: read files, wait, change settings, reach other servers.
"""

from sqlalchemy import URL, Connection, Inspector, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from threadloom.tools.database.dialect import CONNECT_SECONDS, Dialect
from threadloom.tools.database.statement import Grammar, rewritten

QUERY_CANCELED = "57014"
_SETTINGS = (
    "SET TRANSACTION READ ONLY",
    # As sqlglot writes strings; a role or database may say otherwise.
    "SET LOCAL standard_conforming_strings = on",
    "SET LOCAL lock_timeout = '2s'",
)


class PostgreSQL(Dialect):
    """A database of a PostgreSQL server; every schema but the system's."""

    grammar = Grammar("postgres", system=("pg_", "information_schema"))

    def __init__(self, url: URL) -> None:
        self.engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            poolclass=NullPool,
            connect_args={"connect_timeout": CONNECT_SECONDS, "prepare_threshold": None},
        )

    def prepare(self, connection: Connection, seconds: float) -> None:
        """Settings of this transaction alone."""
        for statement in _SETTINGS:
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {max(1, round(seconds * 1000))}")

    def allowed(self, sql: str, most: int) -> str:
        """Written anew, with a limit."""
        return rewritten(sql, self.grammar, most)

    def schemas(self, inspector: Inspector) -> list[str | None]:
        """All but the system's, the one that needs no name first."""
        own = inspector.default_schema_name
        named = [name for name in inspector.get_schema_names() if not name.startswith(self.grammar.system)]
        return [None, *(name for name in named if name != own)]

    def is_timeout(self, error: DBAPIError) -> bool:
        """SQLSTATE 57014."""
        return getattr(error.orig, "sqlstate", None) == QUERY_CANCELED
