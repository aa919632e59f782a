"""A database that can be read: one query at a time, or a description of what there is."""

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from importlib import import_module
from typing import Any

from sqlalchemy import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError
from typing_extensions import TypedDict

from threadloom.tools.database.dialect import Dialect
from threadloom.tools.database.errors import DatabaseReadError
from threadloom.tools.database.mysql import MySQL
from threadloom.tools.database.postgresql import PostgreSQL
from threadloom.tools.database.sqlite import SQLite
from threadloom.tools.text import clipped, prose

CELL = 500
"""Characters of one value that are kept."""
LARGEST = 2**63
"""Whole numbers from here on are kept as text: they fit into no checkpoint."""

Cell = str | int | float | bool | None

_DIALECTS: dict[str, Callable[[URL], Dialect]] = {
    "sqlite": SQLite,
    "postgresql": PostgreSQL,
    "mysql": MySQL,
    "mariadb": MySQL,
}


class Rows(TypedDict):
    """What a query found, as plain JSON: dates and decimal numbers are text, and so are long values' beginnings."""

    columns: list[str]
    rows: list[list[Cell]]
    more: bool
    """Whether there are more rows than these."""


class Database:
    """A database to read from, by its SQLAlchemy URL (`sqlite:///file.db`, `postgresql://…`, `mysql://…`).

    Nothing can be changed through it, nothing outside the database is read, and a query ends after `seconds`.
    Thread-safe; every query has a connection of its own. Raises DatabaseReadError if the URL names no database that can
    be read here.
    """

    def __init__(self, url: str, *, seconds: float = 10.0) -> None:
        self.seconds = seconds
        self.dialect = _dialect(url)

    def query(self, sql: str, most: int = 50) -> Rows:
        """What one SELECT finds, at most `most` rows of it. Raises DatabaseReadError, for what is no SELECT too."""
        allowed = self.dialect.allowed(sql, most + 1)
        with self.dialect.reading(self.seconds) as connection:
            return fetched(connection, allowed, most)


def fetched(connection: Connection, sql: str, most: int, cell: int = CELL) -> Rows:
    """Run a statement that is allowed, and fetch at most `most` rows of it, each value at most `cell` characters."""
    result = connection.execution_options(no_parameters=True).exec_driver_sql(sql)
    if not result.returns_rows:
        raise DatabaseReadError("that returns no rows; give one SELECT statement")
    rows = result.fetchmany(most + 1)
    columns = [clipped(prose(str(name)), 100) for name in result.keys()]  # noqa: SIM118 - of a result, not a dict
    return Rows(columns=columns, rows=_cells(rows[:most], cell), more=len(rows) > most)


def _dialect(url: str) -> Dialect:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise DatabaseReadError("not a database URL; one looks like sqlite:///file.db") from error
    kind = _DIALECTS.get(parsed.get_backend_name())
    if kind is None:
        known = ", ".join(_DIALECTS)
        raise DatabaseReadError(f"{parsed.get_backend_name()} cannot be opened for reading only; {known} can")
    try:
        if kind is not SQLite:
            import_module("sqlglot")  # needed at the first query: better said now
        return kind(parsed)
    except ModuleNotFoundError as error:
        extra = "postgres" if kind is PostgreSQL else "mysql"
        raise DatabaseReadError(f"needs more packages: pip install 'threadloom[{extra},database]'") from error


def _cells(rows: Iterable[Sequence[Any]], most: int) -> list[list[Cell]]:
    return [[_cell(value, most) for value in row] for row in rows]


def _cell(value: Any, most: int) -> Cell:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float, Decimal)):
        return _number(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"<{len(value)} bytes>"
    told = value.isoformat() if isinstance(value, (dt.date, dt.time)) else str(value)
    return clipped(prose(told[: 4 * most]), most)


def _number(value: float | Decimal) -> Cell:
    if isinstance(value, Decimal) and value.as_tuple().exponent == 0:
        value = int(value)  # what PostgreSQL makes of sum(bigint)
    if isinstance(value, int):
        return value if -LARGEST <= value < LARGEST else str(value)
    return value if isinstance(value, float) and abs(value) < float("inf") else str(value)
