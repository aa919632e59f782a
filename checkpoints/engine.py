"""An open database: its engine, its transactions, its worker threads, and the one place where driver errors end."""

import asyncio
import re
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from threadloom.checkpoints import storage
from threadloom.checkpoints.dialects import sqlite as dialect
from threadloom.checkpoints.errors import (
    ClosedError,
    DatabaseURLError,
    InvalidRequestError,
    SchemaVersionError,
    UnsupportedDatabaseError,
)
from threadloom.checkpoints.tables import SCHEMA_VERSION

P = ParamSpec("P")
T = TypeVar("T")

DRIVER = "pysqlite"  # SQLAlchemy's name for the sqlite3 of the standard library


class Database:
    """One database for any number of threads and event loops; creates its tables on first use.

    Args:
        target: an SQLAlchemy URL, which is opened and closed here, or an engine, which stays the caller's.

    Raises:
        DatabaseURLError, UnsupportedDatabaseError: at once; what the file is shows on first use.
    """

    def __init__(self, target: str | URL | Engine) -> None:
        if isinstance(target, Engine):
            self._url = _supported(target.url)
            self._engine = dialect.adopt_engine(target)
            self._dispose: Callable[[], object] = lambda: None
        else:
            self._url, self._engine = _opened(target)
            # Also called when the database is garbage, so that a forgotten close leaks no connection.
            self._dispose = weakref.finalize(self, self._engine.dispose)
        self._lock = threading.Lock()
        self._alone = dialect.is_memory(self._url)
        self._ready = False
        self._closed = False
        # Its own threads: the event loop's default executor may be full of graph nodes that wait for something.
        self._workers = ThreadPoolExecutor(max_workers=8, thread_name_prefix="threadloom-checkpoints")

    def read(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a storage function in a transaction that only reads."""
        self.setup()
        with self._transaction(write=False) as connection:
            return work(connection, *args, **kwargs)

    def write(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a storage function in a transaction that writes; all of it is stored or nothing."""
        self.setup()
        with self._transaction(write=True) as connection:
            return work(connection, *args, **kwargs)

    async def offload(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a synchronous method in a worker thread, from any event loop."""
        if self._closed:
            raise ClosedError
        return await asyncio.get_running_loop().run_in_executor(self._workers, lambda: call(*args, **kwargs))

    def setup(self) -> None:
        """Create the tables unless they exist; safe when many processes start at once.

        Raises:
            SchemaVersionError: a newer release wrote this database.
        """
        if self._closed:
            raise ClosedError
        if not self._ready:
            version = self._found_version() or self._create()
            if version > SCHEMA_VERSION:
                raise SchemaVersionError(
                    f"{self._url.render_as_string()}: written by a newer Threadloom (schema {version}, "
                    f"this one knows {SCHEMA_VERSION}); upgrade threadloom to open it"
                )
            self._ready = True

    def close(self) -> None:
        """Close the connections that were opened here and end the worker threads."""
        self._closed = True
        self._workers.shutdown()
        self._dispose()

    def _found_version(self) -> int | None:
        with self._transaction(write=False) as connection:
            return storage.schema_version(connection)

    def _create(self) -> int:
        with self._translated(), self._lock:
            dialect.prepare(self._engine)
        with self._transaction(write=True) as connection:
            return storage.create_schema(connection)

    @contextmanager
    def _transaction(self, *, write: bool) -> Iterator[Connection]:
        # Writers of one process queue here, in turn; SQLite's own queue is polling, and unfair. A database in memory
        # has one connection for all threads, so there readers queue as well.
        turn = self._lock if write or self._alone else nullcontext()
        with self._translated(), turn, self._engine.connect() as connection, connection.begin():
            dialect.begin(connection, write=write)
            yield connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as exc:
            raise dialect.explain(exc, self._url) from exc
        except UnicodeEncodeError as exc:
            raise InvalidRequestError(
                f"{exc.object!r} is not valid Unicode text (it holds a lone surrogate); use another id or name"
            ) from exc


def _opened(target: str | URL) -> tuple[URL, Engine]:
    try:
        url = _supported(make_url(target))
        return url, dialect.open_engine(url)
    except (ArgumentError, ValueError) as exc:
        shown = re.sub(r":[^:/]*@", ":***@", str(target))  # it may hold a password
        raise DatabaseURLError(f"the database URL {shown!r} cannot be read; write it like sqlite:///runs.db") from exc


def _supported(url: URL) -> URL:
    if url.drivername not in ("sqlite", f"sqlite+{DRIVER}"):
        raise UnsupportedDatabaseError(
            f"{url.render_as_string()}: {url.drivername} is not supported, sqlite only so far; use sqlite:///file.db"
        )
    return url
