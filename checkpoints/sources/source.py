"""What an import asks of a database that another saver wrote: its threads, and one thread as of one moment.

Values stay encoded, each on its own: whoever reads them decides which classes are allowed, and can say in which channel
one was that is not.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, ClassVar, NamedTuple, Self

from sqlalchemy import ColumnElement, Connection, Engine, Table, Text, cast, func, inspect, literal, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.types import NULLTYPE

from threadloom.checkpoints.dialects import dialect_named
from threadloom.checkpoints.errors import NotASourceError

PAGE = 16  # rows read ahead; one may hold a whole state

Encoded = tuple[str, bytes]
"""How a value was encoded ("msgpack", "json", …), and its bytes."""


class StoredCheckpoint(NamedTuple):
    """A checkpoint as another saver stored it.

    Args:
        rest: encoded, everything but the values of channels.
        values: by channel; those are left out that are surely what the checkpoint before, in this listing, had.
    """

    ns: str
    checkpoint_id: str
    parent_id: str | None
    rest: Encoded
    values: Mapping[str, Encoded]
    metadata: Any


class StoredWrite(NamedTuple):
    """A pending write as another saver stored it."""

    ns: str
    checkpoint_id: str
    task_id: str
    task_path: str
    idx: int
    channel: str
    value: Encoded


class Snapshot:
    """A thread at one moment, read row by row.

    Args:
        connection: in a transaction that sees one moment.
        thread_id: which thread.
        results: closes those that were not read to their end, before the connection is.
    """

    tables: ClassVar[tuple[Table, ...]]
    """That of checkpoints first, that of writes last."""

    def __init__(self, connection: Connection, thread_id: str, results: ExitStack) -> None:
        self.connection, self.thread_id, self._results = connection, thread_id, results

    def checkpoints(self) -> Iterator[StoredCheckpoint]:
        """Namespace by namespace, oldest first; raises ValueError at a row that cannot be read."""
        raise NotImplementedError

    def writes(self) -> Iterator[StoredWrite]:
        """Checkpoint by checkpoint and task by task."""
        table = self.tables[-1].c
        names = (table.checkpoint_ns, table.checkpoint_id, table.task_id, self.task_path, table.idx, table.channel)
        for row in self.stream(self.tables[-1], *names, table.type, table.data):
            ns, checkpoint_id, task_id, task_path, idx, channel, *value = row
            yield StoredWrite(ns, str(checkpoint_id), str(task_id), task_path, idx, channel, tuple(value))

    @property
    def task_path(self) -> ColumnElement[str]:
        """The column came later; where it is missing, the official savers take it for empty as well."""
        table = self.tables[-1]
        there = {column["name"] for column in inspect(self.connection).get_columns(table.name)}
        return table.c.task_path if "task_path" in there else literal("")

    def stream(self, table: Table, *columns: Any) -> Iterator[Any]:
        """The rows of the thread in the order of the table's key, read as the caller goes on."""
        query = select(*columns).where(table.c.thread_id == untyped(self.thread_id)).order_by(*table.primary_key)
        yield from self._results.enter_context(self.connection.execute(query, execution_options={"yield_per": PAGE}))


class Source:
    """An open database that another saver wrote.

    Args:
        engine: on it; disposed of in the end.
    """

    package: ClassVar[str]
    kind: ClassVar[type[Snapshot]]

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def begin(self, connection: Connection) -> None:
        """Begin a transaction that sees one moment."""
        raise NotImplementedError

    def check(self) -> None:
        """Raise NotASourceError unless the tables are there."""
        with self._connection() as connection:
            there = inspect(connection)
            for table in self.kind.tables:
                if not there.has_table(table.name):
                    raise NotASourceError(f"{self.name}: no {self.package} database, it has no table {table.name}")
                missing = {c.name for c in table.c} - {c["name"] for c in there.get_columns(table.name)} - {"task_path"}
                if missing:
                    raise NotASourceError(
                        f"{self.name}: its table {table.name} has no {', '.join(sorted(missing))}, as {self.package} "
                        "of today would; open it with that once to bring it up to date (a shallow saver's cannot be)"
                    )

    @property
    def name(self) -> str:
        """The path of the file, or the URL without its password."""
        url = self._engine.url
        return str(url.database).removeprefix("file:") if url.query.get("uri") else url.render_as_string()

    def count(self, thread_ids: list[str] | None = None) -> int:
        """How many checkpoints there are, in all threads or in these."""
        table = self.kind.tables[0].c
        query = select(func.count()).select_from(self.kind.tables[0])
        with self._connection() as connection:
            if thread_ids is None:
                return connection.execute(query).scalar_one()
            return sum(connection.execute(query.where(table.thread_id == untyped(t))).scalar_one() for t in thread_ids)

    def threads(self, beginning: str = "") -> Iterator[str]:
        """The ids of threads, of those that begin so; read one by one, so that a million take no room."""
        thread_id = self.kind.tables[0].c.thread_id
        query = select(thread_id).order_by(thread_id).limit(1)
        if beginning:
            query = query.where(func.substr(cast(thread_id, Text), 1, len(beginning)) == beginning)
        found: str | None = None
        while True:
            with self._connection() as connection:
                following = query if found is None else query.where(thread_id > untyped(found))
                found = connection.execute(following).scalar()
            if found is None:
                return
            yield str(found)

    @contextmanager
    def snapshot(self, thread_id: str) -> Iterator[Snapshot]:
        """One thread, as of now however long reading takes."""
        with self._connection() as connection, ExitStack() as results:
            yield self.kind(connection, thread_id, results)

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """A transaction that sees one moment."""
        try:
            with self._engine.connect() as connection:
                self.begin(connection)
                yield connection
        except SQLAlchemyError as exc:
            raise dialect_named(self._engine.url.get_backend_name()).explain(exc, self._engine.url) from exc

    def close(self) -> None:
        """Close it."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def untyped(value: Any) -> ColumnElement[Any]:
    """A parameter whose type the database finds out from what it is compared with."""
    return literal(value, NULLTYPE)


def as_dict(value: Any) -> dict[str, Any]:
    """What has to be a dict, or None for an empty one."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError("it is no checkpoint")
    return value


def as_id(value: Any) -> str | None:
    """An id that may be missing."""
    return None if value is None else str(value)
