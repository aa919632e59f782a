"""A bound on waiting: work that does not end in time is left to itself.

A thread cannot be stopped. One that was left goes on until its own work ends, and what it returns is dropped.
"""

from collections.abc import Callable
from contextvars import copy_context
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


class TooSlowError(Exception):
    """The work did not end in time."""


def within(seconds: float | None, work: Callable[[], T]) -> T:
    """What `work` returns or raises, if it does so within so many seconds. Raises TooSlowError.

    It runs in a thread of its own, with the caller's context: streaming and tracing go on as usual.
    """
    if seconds is None:
        return work()
    if seconds <= 0:
        raise TooSlowError("no time is left")
    outcome: SimpleQueue[tuple[T, None] | tuple[None, BaseException]] = SimpleQueue()

    def run() -> None:
        try:
            outcome.put((work(), None))
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that waits
            outcome.put((None, error))

    Thread(target=copy_context().run, args=(run,), daemon=True).start()
    try:
        value, error = outcome.get(timeout=seconds)
    except Empty:
        raise TooSlowError(f"no answer within {seconds:.3g} s") from None
    if error is not None:
        raise error
    return value  # type: ignore[return-value]  # without an error there is a value
