"""An open database: its engine, its transactions, its worker threads, and the one place where driver errors end."""

import asyncio
import random
import re
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any, Concatenate, Literal, NamedTuple, ParamSpec, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from threadloom.checkpoints import keyring, schema
from threadloom.checkpoints.commits import SharedCommits
from threadloom.checkpoints.connections import Connections, LoopPool, Pool
from threadloom.checkpoints.dialects import dialect_named
from threadloom.checkpoints.dialects.generic import POOL_SIZE, Dialect
from threadloom.checkpoints.encryption import Encryption
from threadloom.checkpoints.errors import (
    CheckpointError,
    ClosedError,
    DatabaseUnavailableError,
    DatabaseURLError,
    InvalidRequestError,
    MissingDriverError,
    UnsupportedDatabaseError,
)
from threadloom.checkpoints.query import Inquiry
from threadloom.checkpoints.seals import Seals
from threadloom.checkpoints.session import Session, Statements
from threadloom.checkpoints.tables import SCHEMA_VERSION, Tables

P = ParamSpec("P")
T = TypeVar("T")

ATTEMPTS = 6  # of a transaction that the database undid


class Step(NamedTuple):
    """Something to do with the database.

    Args:
        mode: "read" and "write" are transactions; "alone" is a single statement, which is one by itself; "ask" is an
            inquiry, which may share a transaction with others.
        work: a storage function.
    """

    mode: Literal["alone", "ask", "read", "write"]
    work: Callable[[Session], Any]


# What a method of the saver does, written once for both of its sides: it yields steps, is sent what they returned, and
# returns the result of the method.
Plan = Generator[Step, Any, T]


class Database:
    """One database for any number of threads and event loops; creates its tables on first use.

    Args:
        target: an SQLAlchemy URL, which is opened and closed here, or an engine, which stays the caller's.
        tables: those of the store.
        creates: whether tables that do not exist are created on first use.
        encryption: what seals the contents of rows; None stores plain text.
        lost: called when a connection turned out to be lost. The server behind the next one may be another, which
            knows less: a replica that took over before it had everything, or a backup.

    Attributes:
        dialect: what differs between databases.
        seals: what is done to what is stored.
        doubts: how often it became doubtful whether everything is there that was stored; see `lost`.

    Raises:
        DatabaseURLError, UnsupportedDatabaseError, MissingDriverError: at once; what the database is shows on first
            use.
    """

    def __init__(
        self,
        target: str | URL | Engine,
        tables: Tables,
        *,
        creates: bool = True,
        encryption: Encryption | None = None,
        lost: Callable[[], None] = lambda: None,
    ) -> None:
        self._url, self.dialect, self._connections = _opened(target)
        self._statements, self._lost, self.doubts = Statements(tables), lost, 0
        self.seals = Seals(tables, encryption)
        if self.dialect.lacks:
            warnings.warn(f"{self._url.get_backend_name()}, by plain SQL only: {self.dialect.lacks}", stacklevel=3)
        # Also called when the database is garbage, so that a forgotten close leaks no connection.
        self._dispose = weakref.finalize(self, self._connections.close)
        self._lock = threading.Lock()
        # Its own threads: the event loop's default executor may be full of graph nodes that wait for something.
        self._workers = ThreadPoolExecutor(max_workers=POOL_SIZE, thread_name_prefix="threadloom-checkpoints")
        self._commits = SharedCommits(self._lock, self._write_all, self._workers)
        self._queues = {"write": self._commits} if self.dialect.one_writer else {}  # for event loops, by mode
        if self.dialect.has_pipeline(self._url):
            self._queues["ask"] = SharedCommits(threading.Lock(), self._ask_all, self._workers, apart=True)
        self._shared = self.dialect.is_shared(self._url)
        self._creates, self._ready = creates, False
        self._lone = self.dialect.lone_statements(self._url)
        self._closed = False

    def read(self, work: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a storage function in a transaction that only reads."""
        self.open()
        return self._do(Step("read", lambda session: work(session, *args, **kwargs)))  # type: ignore[no-any-return]

    def ask(self, work: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a storage function of a single statement that reads, which needs no transaction around it."""
        self.open()
        return self._do(Step("alone", lambda session: work(session, *args, **kwargs)))  # type: ignore[no-any-return]

    def write(self, work: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a storage function in a transaction that writes; all of it is stored or nothing."""
        self.open()
        return self._do(Step("write", lambda session: work(session, *args, **kwargs)))  # type: ignore[no-any-return]

    def follow(self, plan: Plan[T]) -> T:
        """Carry out a plan and return its result."""
        self.open()
        result = None
        try:
            while True:
                result = self._do(plan.send(result))
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]

    async def afollow(self, plan: Plan[T]) -> T:
        """`follow` for event loops: what the plan does between its steps happens there, the steps in worker threads."""
        if not self._ready:
            await self.offload(self.open)
        result = None
        try:
            while True:
                result = await self._ado(plan.send(result))
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]

    async def awrite(self, work: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`write` for event loops."""
        if not self._ready:
            await self.offload(self.open)
        return await self._ado(Step("write", lambda session: work(session, *args, **kwargs)))  # type: ignore[no-any-return]

    async def offload(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a synchronous method in a worker thread, from any event loop."""
        if self._closed:
            raise ClosedError
        try:
            called = asyncio.get_running_loop().run_in_executor(self._workers, lambda: call(*args, **kwargs))
        except RuntimeError as exc:  # it was closed meanwhile
            raise ClosedError from exc
        return await called

    def setup(self) -> int:
        """Create the tables, or bring them to today's version; returns the version they had, 0 for none.

        Safe when many processes start at once.

        Raises:
            SchemaVersionError: another release wrote this database.
            EncryptionError: it is encrypted with other keys, or not though it should be.
        """
        if self._closed:
            raise ClosedError
        found: int = self._do(Step("read", schema.version))
        if found < SCHEMA_VERSION:
            with self._translated(), self._lock:
                self._connections.run(self.dialect.prepare)
            found = self._do(Step("write", self._upgrade_alone))
        schema.check(max(found, SCHEMA_VERSION), self._url.render_as_string())
        self._admit(convert=False)
        self._ready = True
        return found

    def open(self, *, convert: bool = False) -> None:
        """Before the first use: create the tables if there are none. Whoever wants older ones converted says so.

        Args:
            convert: let plain text be there although it should be encrypted, since it is about to be.

        Raises:
            SchemaVersionError, EncryptionError: the database does not fit to what is installed, or to the keys.
        """
        if self._closed:
            raise ClosedError
        if not self._ready:
            found = self._do(Step("read", schema.version))
            if self._creates and not found:
                self.setup()
            else:
                schema.check(found, self._url.render_as_string())
                self._admit(convert=convert)
            self._ready = True

    def _admit(self, *, convert: bool) -> None:
        if self._do(Step("read", partial(keyring.lacks_key, convert=convert))):
            self._do(Step("write", keyring.note_key))

    def compact(self) -> None:
        """Give back to the disk what is in no use."""
        self.open()
        self._do(Step("alone", lambda session: self.dialect.compact(session, session.tables.every)))

    def doubt(self) -> None:
        """Take nothing for stored any more that was stored before."""
        self.doubts += 1
        self._lost()

    def close(self) -> None:
        """Close the connections that were opened here and end the worker threads."""
        self._closed = True
        self._workers.shutdown()
        # SQLite crashes when its one connection to a database in memory is closed under who is at work.
        with self._lock if self._shared else nullcontext():
            self._dispose()

    def _upgrade_alone(self, session: Session) -> int:
        with self.dialect.alone(session):
            return schema.upgrade(session)

    def _do(self, step: Step) -> Any:
        with self._translated():
            if step.mode == "write" and self.dialect.one_writer:  # its own queue is polling, and unfair
                return self._commits.run(step.work)
            # A database in memory has one connection for all threads.
            with self._lock if self._shared else nullcontext():
                return self._ask(step.work) if step.mode == "ask" else self._attempt(step.mode, step.work)

    async def _ado(self, step: Step) -> Any:
        if (queue := self._queues.get(step.mode)) is None:
            return await self.offload(self._do, step)
        if self._closed:
            raise ClosedError
        with self._translated():
            return await queue.arun(step.work)

    def _write_all(self, works: Sequence[Callable[[Session], Any]], entered: Callable[[], None]) -> list[Any]:
        def write(session: Session) -> list[Any]:
            entered()
            return [work(session) for work in works]

        return self._attempt("write", write)

    def _ask(self, inquire: Callable[[Session], Inquiry[T]]) -> T:
        return self._attempt("alone", lambda session: session.asked(inquire(session))())

    def _ask_all(self, inquire: Sequence[Callable[[Session], Inquiry[Any]]], entered: Callable[[], None]) -> list[Any]:
        if len(inquire) == 1:
            return [self._ask(inquire[0])]

        def ask(session: Session) -> list[Callable[[], Any]]:
            entered()
            return [session.asked(each(session)) for each in inquire]

        return [answer() for answer in self._attempt("pipeline", ask)]

    def _attempt(self, mode: str, work: Callable[[Session], T]) -> T:
        for attempt in range(1, ATTEMPTS):
            try:
                return self._connections.run(partial(self._transact, mode, work))
            except DBAPIError as exc:
                if exc.connection_invalidated:
                    self.doubt()
                # Nothing of it was committed, so it can be done again as a whole: `_transact` sees to that.
                if not (exc.connection_invalidated or self.dialect.is_rolled_back(exc)):
                    raise
                time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311  # so that they do not meet again
        return self._connections.run(partial(self._transact, mode, work))

    def _transact(self, mode: str, work: Callable[[Session], T], connection: Connection) -> T:
        session = Session(connection, self._statements, self.dialect, self.seals)
        if mode == "alone" and self._lone:
            return work(session)
        if mode == "pipeline":
            return self._send_all(work, session)
        self.dialect.begin(session, write=mode != "read")
        try:
            result = work(session)
        except BaseException as exc:
            self._abandon(session, exc)
            raise
        self._commit(session, mode)
        return result

    def _send_all(self, work: Callable[[Session], T], session: Session) -> T:
        try:
            with self.dialect.pipeline(session):
                result = work(session)
        except BaseException as exc:
            self._abandon(session, exc)
            raise
        return result

    def _abandon(self, session: Session, exc: BaseException) -> None:
        if not isinstance(exc, Exception):
            session.connection.invalidate()  # interrupted between two bytes, perhaps
        if session.connection.invalidated:
            return
        try:
            self.dialect.roll_back(session)
        except DBAPIError:  # what led here is what counts
            session.connection.invalidate()

    def _commit(self, session: Session, mode: str) -> None:
        try:
            self.dialect.commit(session)
        except DBAPIError as exc:
            if mode == "write" and exc.connection_invalidated:
                self.doubt()
                raise DatabaseUnavailableError(
                    f"{self._url.render_as_string()}: the connection was lost while storing; "
                    "whether this step was stored shows when the run is resumed"
                ) from exc
            self._abandon(session, exc)
            raise

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
        return self.dialect.explain(exc, self._url)


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
        loop_engine = create_async_engine(url, **options)
        event.listen(loop_engine.sync_engine, "connect", lambda connection, _: dialect.on_connect(connection))
        return LoopPool(loop_engine)
    engine = create_engine(url, **options)
    event.listen(engine, "connect", lambda connection, _: dialect.on_connect(connection))
    return Pool(engine, owned=True)
