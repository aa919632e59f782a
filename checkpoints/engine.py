"""An open database: its engine, its transactions, its worker threads, and the one place where driver errors end."""

import asyncio
import random
import re
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from threadloom.checkpoints import storage
from threadloom.checkpoints.commits import SharedCommits
from threadloom.checkpoints.connections import Connections, LoopPool, Pool
from threadloom.checkpoints.dialects import dialect_named
from threadloom.checkpoints.dialects.generic import POOL_SIZE, Dialect
from threadloom.checkpoints.errors import (
    CheckpointError,
    ClosedError,
    DatabaseUnavailableError,
    DatabaseURLError,
    InvalidRequestError,
    MissingDriverError,
    SchemaVersionError,
    UnsupportedDatabaseError,
)
from threadloom.checkpoints.tables import SCHEMA_VERSION

P = ParamSpec("P")
T = TypeVar("T")

ATTEMPTS = 6  # of a transaction that the database undid


class Database:
    """One database for any number of threads and event loops; creates its tables on first use.

    Args:
        target: an SQLAlchemy URL, which is opened and closed here, or an engine, which stays the caller's.
        lost: called when a connection turned out to be lost. The server behind the next one may be another, which
            knows less: a replica that took over before it had everything, or a backup.

    Raises:
        DatabaseURLError, UnsupportedDatabaseError, MissingDriverError: at once; what the database is shows on first
            use.
    """

    def __init__(self, target: str | URL | Engine, *, lost: Callable[[], None] = lambda: None) -> None:
        self._url, self._dialect, self._connections = _opened(target)
        self._lost = lost
        if self._dialect.lacks:
            warnings.warn(f"{self._url.get_backend_name()}, by plain SQL only: {self._dialect.lacks}", stacklevel=3)
        # Also called when the database is garbage, so that a forgotten close leaks no connection.
        self._dispose = weakref.finalize(self, self._connections.close)
        self._lock = threading.Lock()
        self._commits = SharedCommits(self._lock)
        self._shared = self._dialect.is_shared(self._url)
        self._ready = False
        self._closed = False
        # Its own threads: the event loop's default executor may be full of graph nodes that wait for something.
        self._workers = ThreadPoolExecutor(max_workers=POOL_SIZE, thread_name_prefix="threadloom-checkpoints")

    def read(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a storage function in a transaction that only reads."""
        self.setup()
        return self._read(lambda connection: work(connection, *args, **kwargs))

    def write(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a storage function in a transaction that writes; all of it is stored or nothing."""
        self.setup()
        return self._write(lambda connection: work(connection, *args, **kwargs))

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
        return self._read(storage.schema_version)

    def _create(self) -> int:
        with self._translated(), self._lock:
            self._connections.run(self._dialect.prepare)
        return self._write(self._create_alone)

    def _create_alone(self, connection: Connection) -> int:
        with self._dialect.alone(connection):
            return storage.create_schema(connection)

    def _read(self, work: Callable[[Connection], T]) -> T:
        # A database in memory has one connection for all threads.
        with self._translated(), self._lock if self._shared else nullcontext():
            return self._attempt(work, write=False)

    def _write(self, work: Callable[[Connection], T]) -> T:
        with self._translated():
            if self._dialect.one_writer:  # its own queue is polling, and unfair
                result: T = self._commits.run(work, partial(self._attempt, write=True))
                return result
            return self._attempt(work, write=True)

    def _attempt(self, work: Callable[[Connection], T], *, write: bool) -> T:
        for attempt in range(1, ATTEMPTS):
            try:
                return self._connections.run(partial(self._transact, work, write))
            except DBAPIError as exc:
                if exc.connection_invalidated:
                    self._lost()
                # Nothing of it was committed, so it can be done again as a whole: `_transact` sees to that.
                if not (exc.connection_invalidated or self._dialect.is_rolled_back(exc)):
                    raise
                time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311  # so that they do not meet again
        return self._connections.run(partial(self._transact, work, write))

    def _transact(self, work: Callable[[Connection], T], write: bool, connection: Connection) -> T:
        self._dialect.begin(connection, write=write)
        result = work(connection)
        try:
            connection.commit()
        except DBAPIError as exc:
            if write and exc.connection_invalidated:
                self._lost()
                raise DatabaseUnavailableError(
                    f"{self._url.render_as_string()}: the connection was lost while storing; "
                    "whether this step was stored shows when the run is resumed"
                ) from exc
            raise
        return result

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, UnicodeEncodeError, OSError) as exc:
            # SQLAlchemy wraps what a column's type raises.
            raise self._explain(getattr(exc, "orig", None) or exc, exc) from exc

    def _explain(self, cause: BaseException, exc: Exception) -> CheckpointError:
        if isinstance(cause, CheckpointError):
            return cause
        if isinstance(cause, UnicodeEncodeError):
            text = f"{cause.object!r} is not valid Unicode text (it holds a lone surrogate); use another id or name"
            return InvalidRequestError(text)
        return self._dialect.explain(exc, self._url)


def _opened(target: str | URL | Engine) -> tuple[URL, Dialect, Connections]:
    if isinstance(target, Engine | AsyncEngine):
        if target.dialect.is_async:
            raise UnsupportedDatabaseError("an asynchronous engine belongs to one event loop; pass its URL instead")
        dialect = dialect_named(target.dialect.name)
        return target.url, dialect, Pool(dialect.adopt_engine(target), owned=False)
    try:
        url = make_url(target)
        dialect = dialect_named(url.get_backend_name())
        return _connected(dialect.with_driver(url), dialect)
    except (ArgumentError, ValueError) as exc:
        shown = re.sub(r":[^:/]*@", ":***@", str(target))  # it may hold a password
        raise DatabaseURLError(f"the database URL {shown!r} cannot be read; write it like sqlite:///runs.db") from exc


def _connected(url: URL, dialect: Dialect) -> tuple[URL, Dialect, Connections]:
    try:
        return url, dialect, _pool(url, dialect)
    except NoSuchModuleError as exc:
        raise UnsupportedDatabaseError(f"{url.render_as_string()}: SQLAlchemy knows no {url.drivername}") from exc
    except ImportError as exc:
        remedy = f"pip install 'threadloom[{dialect.extra}]'" if dialect.extra else "install it"
        raise MissingDriverError(f"{url.render_as_string()}: its driver is missing ({exc}); {remedy}") from exc


def _pool(url: URL, dialect: Dialect) -> Connections:
    options: dict[str, Any] = dialect.engine_options(url)
    url = url.difference_update_query(["pgbouncer"])
    if url.get_dialect().is_async:
        return LoopPool(create_async_engine(url, **options))
    engine = create_engine(url, **options)
    event.listen(engine, "connect", lambda connection, _: dialect.on_connect(connection))
    return Pool(engine, owned=True)
