"""A bound on waiting: work that does not end in time is left to itself.

A thread cannot be stopped. One that was left goes on until its own work ends, and what it returns is dropped.
"""

from asyncio import CancelledError
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import TypeVar

from threadloom.nodes.daemons import Daemons

T = TypeVar("T")

_DAEMONS = Daemons()


class TooSlowError(Exception):
    """The work did not end in time."""


def within(seconds: float | None, work: Callable[[], T]) -> T:
    """What `work` returns or raises, if it does so within so many seconds. Raises TooSlowError."""
    if seconds is None:
        return work()
    if seconds <= 0:
        raise TooSlowError("no time is left")
    outcome = begun(work)
    try:
        return outcome.result(seconds)
    except TimeoutError:
        if outcome.done():  # in this very moment, or the error is the work's own
            return outcome.result()
        raise too_slow(seconds) from None


def too_slow(seconds: float) -> TooSlowError:
    """The error of work that was given so many seconds."""
    return TooSlowError(f"no answer within {seconds:.3g} s")


def begun(work: Callable[[], T], outcome: Future[T] | None = None) -> Future[T]:
    """Start `work` in a thread of its own, with the caller's context: streaming and tracing go on as usual.

    Returns its outcome, the given one or a new one. Whoever waits may settle that otherwise: what the work then
    returns or raises is dropped.
    """
    outcome = Future[T]() if outcome is None else outcome

    def run() -> None:
        with suppress(InvalidStateError):  # nobody waits any more
            try:
                outcome.set_result(work())
            except InvalidStateError:
                raise
            except SystemExit as error:  # it ends this thread, and must not end the run
                outcome.set_exception(RuntimeError(f"it called sys.exit({error.code!r})"))
            except (CancelledError, GeneratorExit) as error:  # of a loop of its own: nobody cancelled the run
                outcome.set_exception(RuntimeError(f"it was cancelled: {error}" if str(error) else "it was cancelled"))
            except BaseException as error:  # noqa: BLE001 - it is raised again where somebody waits
                outcome.set_exception(error)

    _DAEMONS.do(partial(copy_context().run, run))
    return outcome
