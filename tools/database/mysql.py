"""MariaDB and MySQL: a read-only session, statements that the server ends in time, SQL written anew by an allow-list.

The list keeps out what may be done while reading: SLEEP, GET_LOCK, LOAD_FILE, INTO OUTFILE, user variables, other
databases of the server.
"""

from sqlalchemy import URL, Connection, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from threadloom.tools.database.dialect import CONNECT_SECONDS, Dialect
from threadloom.tools.database.errors import DatabaseReadError
from threadloom.tools.database.statement import Grammar, rewritten

TIMED_OUT = frozenset({1969, 3024})
"""MariaDB's and MySQL's error for a statement that took too long."""


class MySQL(Dialect):
    """One database of a MariaDB or MySQL server."""

    def __init__(self, url: URL) -> None:
        if not url.database:
            raise DatabaseReadError("the address of a MariaDB or MySQL database needs its name: mysql://host/NAME")
        self.grammar = Grammar("mysql", only_schema=url.database)
        self.engine = create_engine(
            url.set(drivername="mysql+pymysql"),
            poolclass=NullPool,
            connect_args={"connect_timeout": CONNECT_SECONDS, "charset": "utf8mb4", "local_infile": False},
        )

    def prepare(self, connection: Connection, seconds: float) -> None:
        """Settings of this connection, which serves once."""
        maria = getattr(connection.dialect, "is_mariadb", False)
        limit = f"max_statement_time = {seconds}" if maria else f"max_execution_time = {round(seconds * 1000)}"
        # No ANSI_QUOTES and the like: quotes and backslashes are to mean what they mean to sqlglot.
        connection.exec_driver_sql(f"SET SESSION {limit}, sql_mode = '', lock_wait_timeout = 2")
        # For the session, not for one transaction: CREATE TABLE and TRUNCATE commit it, and then go through.
        connection.exec_driver_sql("SET SESSION TRANSACTION READ ONLY")
        connection.rollback()

    def allowed(self, sql: str, most: int) -> str:
        """Written anew, with a limit."""
        return rewritten(sql, self.grammar, most)

    def is_timeout(self, error: DBAPIError) -> bool:
        """By the number of the error."""
        return bool(error.orig and error.orig.args and error.orig.args[0] in TIMED_OUT)
