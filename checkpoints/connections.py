"""Where connections come from: an engine whose driver is synchronous, or one that lives in an event loop of ours.

Measured with 64 tasks at once, a transaction that writes and one that reads each: psycopg in worker threads 730 to
1,010 pairs a second, psycopg's asynchronous side 430 to 560, asyncpg 540 to 740. So worker threads serve event loops,
and an asynchronous driver has one loop of its own, to which callers from any thread or loop come: its connections
could not leave that loop anyway.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import Protocol, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.ext.asyncio import AsyncEngine

from threadloom.checkpoints.errors import ClosedError

T = TypeVar("T")


class Connections(Protocol):
    """A source of connections."""

    def run(self, work: Callable[[Connection], T]) -> T:
        """Do something with a connection of its own; what it has not committed is rolled back."""
        ...

    def close(self) -> None:
        """Close them."""
        ...


class Pool:
    """The connections of an engine.

    Args:
        engine: what they come from.
        owned: whether to close it in the end.
    """

    def __init__(self, engine: Engine, *, owned: bool) -> None:
        self._engine, self._owned, self._open = engine, owned, True

    def run(self, work: Callable[[Connection], T]) -> T:
        """Do something with a connection of its own; what it has not committed is rolled back."""
        try:
            with self._connect() as connection:
                return work(connection)
        finally:
            if not self._open:  # it came back to a pool that nobody empties any more
                self._engine.pool.dispose()

    def close(self) -> None:
        """Close those that were opened here; one that somebody is at is closed when it comes back."""
        if self._owned:
            self._open = False
            self._engine.pool.dispose()

    def _connect(self) -> Connection:
        if not self._open:
            raise ClosedError
        return self._engine.connect()


class LoopPool:
    """The connections of an asynchronous engine, in a thread with an event loop for as long as it is open."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._loop, self._open, self._lock = asyncio.new_event_loop(), True, threading.Lock()
        self._thread = threading.Thread(target=_serve, args=(self._loop,), name="threadloom-loop", daemon=True)
        self._thread.start()

    def run(self, work: Callable[[Connection], T]) -> T:
        """Do something with a connection of its own; what it has not committed is rolled back."""
        with self._lock:  # what comes after the end would wait for a loop that stands still
            if not self._open:
                raise ClosedError
            done = asyncio.run_coroutine_threadsafe(self._run(work), self._loop)
        return done.result()

    def close(self) -> None:
        """Close them, when those who are at it have done, and end the loop."""
        with self._lock:
            self._open = False
        asyncio.run_coroutine_threadsafe(self._end(), self._loop)
        if threading.current_thread() is not self._thread:  # the garbage collector may call from there
            self._thread.join()

    async def _run(self, work: Callable[[Connection], T]) -> T:
        async with self._engine.connect() as connection:
            return await connection.run_sync(work)

    async def _end(self) -> None:
        try:
            await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}), return_exceptions=True)
            await self._engine.dispose()
        finally:
            self._loop.stop()


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        loop.close()
