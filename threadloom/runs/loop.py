"""An event loop in a thread of its own, for runs that are started outside of one."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")

NODES_AT_ONCE = 64  # synchronous nodes, of all runs


class Loop:
    """Begins with the first coroutine that it is given."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._serve, name="threadloom-runs", daemon=True)

    def run(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        """Run a coroutine there."""
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._loop.set_default_executor(ThreadPoolExecutor(NODES_AT_ONCE, "threadloom-nodes"))
                self._thread.start()
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def close(self) -> None:
        """End it, once what it runs has ended."""
        if self._loop and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    @staticmethod
    def _is_over(loop: asyncio.AbstractEventLoop) -> bool:
        """Serve until it is closed, or a node means to end the program: asyncio lets that through, of any task.

        The task has it as its exception, which is how its run fails; the others go on.
        """
        try:
            loop.run_forever()
        except (SystemExit, KeyboardInterrupt):
            return False
        return True

    def _serve(self) -> None:
        loop = self._loop
        if loop is None:
            return
        try:
            while not self._is_over(loop):
                pass
            loop.run_until_complete(loop.shutdown_default_executor())
        finally:
            loop.close()
