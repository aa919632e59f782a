"""A session with an MCP server, on an event loop of its own: any thread can use it, and waits as long as it likes."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from mcp import Client

R = TypeVar("R")
GRACE = 2.0
"""Seconds beyond those that the client itself waits."""
END_SECONDS = 6.0
"""For a program to end by itself, and again when it is made to: the SDK's own patience, and some."""


class Session:
    """Connects at once, in `connect` seconds; each answer may take `answer`. Raises TimeoutError, or what kept it."""

    def __init__(
        self, opened: "Callable[[], AbstractAsyncContextManager[Client]]", connect: float, answer: float
    ) -> None:
        self._seconds = answer
        self._loop = asyncio.new_event_loop()
        # A daemon: a program that forgets to close must still be able to end.
        self._thread = threading.Thread(target=self._loop.run_forever, name="mcp", daemon=True)
        self._thread.start()
        self._ready: Future[Client] = Future()
        self._closing = asyncio.Event()
        self._life = asyncio.run_coroutine_threadsafe(self._live(opened), self._loop)
        either: list[Future[Any]] = [self._ready, self._life]
        wait(either, connect, FIRST_COMPLETED)
        if not self._ready.done():
            error = self._life.exception(0) if self._life.done() else TimeoutError()
            self.close()
            raise error or ConnectionError("closed")

    def run(self, question: "Callable[[Client], Coroutine[Any, Any, R]]") -> R:
        """The answer to a question. Raises TimeoutError, or what the client raises."""
        future = asyncio.run_coroutine_threadsafe(question(self._ready.result()), self._loop)
        try:
            return future.result(self._seconds + GRACE)
        finally:
            future.cancel()

    def close(self) -> None:
        """End the session and its thread; who still waits for an answer gets an error. Call it once."""
        self._loop.call_soon_threadsafe(self._closing.set)
        wait([self._life], END_SECONDS)
        wait([asyncio.run_coroutine_threadsafe(self._cancel_others(), self._loop)], END_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(END_SECONDS)
        if not self._thread.is_alive():
            self._loop.close()

    async def _live(self, opened: "Callable[[], AbstractAsyncContextManager[Client]]") -> None:
        # Entered and left in one task, as the SDK's cancel scopes demand.
        async with opened() as client:
            self._ready.set_result(client)
            await self._closing.wait()

    async def _cancel_others(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
