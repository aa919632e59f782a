"""A transaction under way, and statements that are put into words once and then only sent.

SQLAlchemy takes 110 µs for a select of one row and 260 µs for an upsert, of which SQLite has 6 and 15: building the
statement, finding it in the cache, preparing results. What runs at every step of every graph is compiled once for each
store instead and sent by the driver's own cursor; all else goes the usual way. Measured in decision 9.
"""

from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection, Dialect
from sqlalchemy.exc import DBAPIError

from threadloom.checkpoints.dialects import generic
from threadloom.checkpoints.query import Inquiry, Query, concluded
from threadloom.checkpoints.seals import Seals
from threadloom.checkpoints.tables import Tables

Make = Callable[..., Any]
Values = Mapping[str, Any]
T = TypeVar("T")


class Prepared:
    """A statement in the words of one database, with what its types do to parameters and results.

    Args:
        statement: with `bindparam`s for what differs between calls; `IN` of a list is not possible.
        dialect: SQLAlchemy's.
    """

    def __init__(self, statement: Any, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self.text = str(compiled)
        self._constants = {name: value for name, value in compiled.params.items() if value is not None}
        self._asked = [(name, bind.callable) for name, bind in compiled.binds.items() if bind.callable]
        self._processors = [
            (name, process)
            for name, bind in compiled.binds.items()
            if (process := bind.type.dialect_impl(dialect).bind_processor(dialect))
        ]
        self._order: Sequence[str] | None = compiled.positiontup
        columns = list(getattr(statement, "selected_columns", ()))
        self._row: Any = _maker([c.key for c in columns])
        self._results = [
            (at, process)
            for at, c in enumerate(columns)
            if (process := c.type.dialect_impl(dialect).result_processor(dialect, None))
        ]

    def parameters(self, values: Values) -> Any:
        """What to hand to the driver."""
        known = {**self._constants, **values}
        for name, ask in self._asked:
            known[name] = ask()
        for name, process in self._processors:
            known[name] = process(known.get(name))
        return known if self._order is None else tuple([known.get(name) for name in self._order])

    def row(self, raw: Sequence[Any]) -> Any:
        """A row of the driver's, its columns by name."""
        if self._results:
            cells = list(raw)
            for at, process in self._results:
                cells[at] = process(cells[at])
            raw = cells
        return self._row(raw)


def _maker(names: Sequence[str]) -> Any:
    """What makes a tuple with these names of a sequence."""
    kind: Any = namedtuple("_Row", list(names))  # type: ignore[misc]  # the names are known when the statement is
    return kind._make


class Statements:
    """The prepared statements of one store; made when they are first used."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self._prepared: dict[tuple[Any, ...], Prepared] = {}

    def get(self, key: tuple[Any, ...], dialect: Dialect) -> Prepared:
        """The statement that `key[0]` makes of the tables and the rest of the key."""
        if (found := self._prepared.get(key)) is None:
            make, *arguments = key
            found = self._prepared[key] = Prepared(make(self.tables, *arguments), dialect)
        return found


class Session:
    """An open connection, in a transaction unless it is said otherwise.

    Args:
        connection: where to.
        statements: those of the store.
        dialect: what differs between databases.
        seals: what is done to what is inserted, and undone to what is read.

    Attributes:
        tables: those of the store.
    """

    __slots__ = ("_statements", "connection", "dialect", "seals", "tables")

    def __init__(
        self, connection: Connection, statements: Statements, dialect: "generic.Dialect", seals: Seals
    ) -> None:
        self.connection, self.dialect, self.seals = connection, dialect, seals
        self._statements, self.tables = statements, statements.tables

    def execute(self, statement: Any, parameters: Any = None) -> Any:
        """Any statement, through SQLAlchemy."""
        return self.connection.execute(statement, parameters)

    def rows(self, make: Make, values: Values, *arguments: Any) -> list[Any]:
        """The rows of the prepared select that `make(tables, *arguments)` returns."""
        return self._queried(Query(make, values, arguments))()

    def asked(self, inquiry: Inquiry[T]) -> Callable[[], T]:
        """Send what an inquiry wants to know; what is returned waits for the answer and concludes the inquiry."""
        try:
            rows = self._queried(next(inquiry))
        except StopIteration as end:  # it knew
            known: T = end.value
            return lambda: known
        return lambda: concluded(inquiry, rows())

    @contextmanager
    def pipeline(self) -> Iterator[None]:
        """Send what is sent within it without waiting for answers; the first error is raised at the end, or before."""
        driver: Any = self.connection.connection.dbapi_connection
        with ExitStack() as stack:
            self._tried("", stack.enter_context, driver.pipeline())
            yield
            self._tried("", stack.close)

    def change(self, make: Make, rows: Sequence[Values], *arguments: Any) -> None:
        """Run the prepared statement that `make(tables, *arguments)` returns once for each of the rows."""
        prepared = self._statements.get((make, *arguments), self.connection.dialect)
        if len(rows) == 1:
            self._sent("execute", prepared.text, prepared.parameters(rows[0])).close()
        elif rows:
            self._sent("executemany", prepared.text, [prepared.parameters(row) for row in rows]).close()

    def changed(self, make: Make, values: Values, *arguments: Any) -> bool:
        """Run the prepared update that `make(tables, *arguments)` returns; whether its condition held for any row."""
        prepared = self._statements.get((make, *arguments), self.connection.dialect)
        cursor = self._sent("execute", prepared.text, prepared.parameters(values))
        try:
            return bool(cursor.rowcount)
        finally:
            cursor.close()

    def send(self, text: str) -> None:
        """A statement without parameters or results, as it is."""
        self._sent("execute", text).close()

    def script(self, text: str) -> None:
        """`send` for sqlite3, which carries out just the beginning of some statements that have no results."""
        self._sent("executescript", text).close()

    def insert_new(self, table: Any, rows: Sequence[Values]) -> None:
        """Insert rows; one whose key exists stays as it is."""
        self.dialect.insert_new(self, table, self.seals.closed(table, rows))

    def insert_or_replace(self, table: Any, rows: Sequence[Values]) -> None:
        """Insert rows; one whose key exists is overwritten."""
        self.dialect.insert_or_replace(self, table, self.seals.closed(table, rows))

    def opened(self, table: Any, rows: Iterable[Any], **given: Any) -> Iterator[Any]:
        """Rows of contents as they were inserted; see `Seals.opened`."""
        return self.seals.opened(table, rows, **given)

    def _queried(self, query: Query) -> Callable[[], list[Any]]:
        prepared = self._statements.get((query.make, *query.arguments), self.connection.dialect)
        cursor = self._sent("execute", prepared.text, prepared.parameters(query.values))

        def rows() -> list[Any]:
            try:
                return [prepared.row(raw) for raw in self._tried(prepared.text, cursor.fetchall)]
            finally:
                cursor.close()

        return rows

    def _sent(self, method: str, text: str, *parameters: Any) -> Any:
        cursor = self._tried(text, self.connection.connection.cursor)
        try:
            self._tried(text, getattr(cursor, method), text, *parameters)
        except BaseException:
            cursor.close()
            raise
        return cursor

    def _tried(self, text: str, call: Callable[..., Any], *arguments: Any) -> Any:
        """Call the driver; its errors become SQLAlchemy's, as from everywhere else."""
        dialect = self.connection.dialect
        try:
            return call(*arguments)
        except dialect.loaded_dbapi.Error as exc:
            lost = dialect.is_disconnect(exc, self.connection.connection.dbapi_connection, None)
            if lost:
                self.connection.invalidate(exc)
            raise DBAPIError.instance(
                text, None, exc, dialect.loaded_dbapi.Error, connection_invalidated=lost, dialect=dialect
            ) from exc
