"""SQLite, read-only by three means: the file is opened so, an authorizer sees every step, limits bound what one costs.

`mode=ro` alone is left by ATTACH, and `query_only` is switched off by a PRAGMA.
"""

import sqlite3
import time
from pathlib import Path

from sqlalchemy import URL, Connection, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from threadloom.tools.database.dialect import CONNECT_SECONDS, Dialect
from threadloom.tools.database.errors import DatabaseReadError

STEPS = 1_000
"""Of SQLite's virtual machine between two looks at the clock."""
_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: 10_000_000,  # bytes of one value: zeroblob and printf make as many as they are told
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 20_000,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 200,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 100,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 1_000,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
_PRAGMAS = frozenset(
    {
        "data_version",
        "foreign_key_list",
        "index_info",
        "index_list",
        "index_xinfo",
        "table_info",
        "table_list",
        "table_xinfo",
    }
)
"""They describe; FTS5 asks for data_version while it reads."""
_FUNCTIONS_LIST = """
abs acos acosh asin asinh atan atan2 atanh avg bm25 ceil ceiling char coalesce concat concat_ws cos cosh
count cume_dist date datetime degrees dense_rank exp first_value floor format glob group_concat hex highlight if
ifnull iif instr json json_array json_array_length json_each json_error_position json_extract json_group_array
json_group_object json_object json_patch json_pretty json_quote json_remove json_tree json_type json_valid julianday
lag last_value lead length like likelihood likely ln log log10 log2 lower ltrim match max median min mod nth_value
ntile nullif octet_length percent_rank percentile percentile_cont percentile_disc pi pow power printf quote radians
random rank replace round row_number rtrim sign sin sinh snippet soundex sqrt strftime string_agg subtype substr
substring sum tan tanh time timediff total trim trunc typeof unhex unicode unixepoch unlikely unistr upper
-> ->>
"""
_FUNCTIONS = frozenset(_FUNCTIONS_LIST.split())
"""Those that compute. Not `load_extension` or `fts3_tokenizer`, nor `regexp`, which SQLAlchemy adds and which no clock
interrupts."""
_STEPS = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE})


class SQLite(Dialect):
    """A database file. Raises DatabaseReadError if there is none."""

    def __init__(self, url: URL) -> None:
        path = Path(url.database or "")
        if not path.is_file():
            raise DatabaseReadError(f"there is no SQLite database at {url.database or '(memory)'}")
        address = f"{path.resolve().as_uri()}?mode=ro"

        def connect() -> sqlite3.Connection:
            return sqlite3.connect(address, uri=True, timeout=CONNECT_SECONDS, check_same_thread=False)

        self.engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)

    def prepare(self, connection: Connection, seconds: float) -> None:
        """Also bounds what one value may grow to; the clock runs from here, for the connection."""
        raw = connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)  # noqa: S101 - for the type checker
        raw.execute("PRAGMA trusted_schema = OFF")
        for limit, value in _LIMITS.items():
            raw.setlimit(limit, value)
        end = time.monotonic() + seconds
        raw.set_progress_handler(lambda: time.monotonic() > end, STEPS)
        raw.set_authorizer(_authorize)

    def allowed(self, sql: str, most: int) -> str:  # noqa: ARG002 - rows are counted as they are fetched
        """As it is: SQLite itself asks about each step, and takes one statement at a time."""
        return sql

    def is_timeout(self, error: DBAPIError) -> bool:
        """The progress handler interrupted it."""
        return str(error.orig) == "interrupted"

    def said(self, error: DBAPIError) -> str:
        """Says what is allowed, where SQLite says that something is not."""
        said = super().said(error)
        refused = said.startswith(("not authorized", "authorization denied", "vtable constructor failed"))
        return f"{said}; use a plain SELECT with ordinary functions" if refused else said


def _authorize(step: int, name: str | None, detail: str | None, database: str | None, source: str | None) -> int:  # noqa: ARG001 - as SQLite calls it
    if step == sqlite3.SQLITE_FUNCTION:
        allowed = (detail or "").lower() in _FUNCTIONS
    elif step == sqlite3.SQLITE_PRAGMA:
        allowed = (name or "").lower() in _PRAGMAS
    elif step == sqlite3.SQLITE_UPDATE:
        # How a virtual table (FTS5, json_each) declares itself when it is opened; nothing else passes to make it real.
        allowed = name == "sqlite_master"
    else:
        allowed = step in _STEPS
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY
