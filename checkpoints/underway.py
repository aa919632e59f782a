"""Checkpoints on their way, for which whoever starts the next run on their thread waits.

A run that is cancelled while LangGraph waits for its last checkpoints leaves them on their way, each beginning when the
one before is stored (`AsyncPregelLoop.__aexit__`): they arrive after the run is over. A run that started meanwhile from
the checkpoint before them would be refused as overtaken, and a run that was rolled back would leave them behind. So it
is under a LangGraph server when a run interrupts another.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")

PATIENCE = 10  # seconds; after that the guard decides
TICKS = 10  # turns of the event loop, within which LangGraph begins to store the next one
REMEMBERED = 1_000  # of those whose runs were cancelled


class Passage(NamedTuple):
    """What is on its way: a checkpoint of which thread, and of which run if it has an id."""

    thread_id: str
    run_id: str | None


class Underway:
    """What a saver is storing for event loops; each sees its own."""

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[Any], Passage] = {}
        self._cancelled: deque[Passage] = deque(maxlen=REMEMBERED)  # one may follow, also when it has arrived

    async def store(self, passage: Passage, storing: Coroutine[Any, Any, T]) -> T:
        """Store a checkpoint, to the end also when whoever waits for it is cancelled."""
        task = asyncio.ensure_future(storing)
        self._tasks[task] = passage
        task.add_done_callback(self._arrived)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self._cancelled.append(passage)
            raise

    async def settled(self, concerns: Callable[[Passage], bool]) -> None:
        """Wait until nothing is on its way that concerns somebody, or for `PATIENCE`."""
        if cancelled := [passage for passage in [*self._cancelled] if concerns(passage)]:
            for passage in cancelled:
                with suppress(ValueError):  # another loop has seen to it
                    self._cancelled.remove(passage)
            await _turn()
        loop = asyncio.get_running_loop()
        until = loop.time() + PATIENCE
        while loop.time() < until:
            left = [task for task, what in [*self._tasks.items()] if task.get_loop() is loop and concerns(what)]
            if not left:
                return
            await asyncio.wait(left, timeout=until - loop.time())
            await _turn()

    def _arrived(self, task: asyncio.Task[Any]) -> None:
        del self._tasks[task]
        if not task.cancelled():
            task.exception()  # whoever was cancelled does not ask for it


async def _turn() -> None:
    for _ in range(TICKS):
        await asyncio.sleep(0)
