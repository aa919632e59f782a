"""A circuit breaker: an endpoint that keeps failing is left alone for a while, so that nobody waits for it in vain."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from time import monotonic

from langchain_core.exceptions import ModelAPIError, ModelConnectionError, ModelTimeoutError

from threadloom.models.errors import CircuitOpenError

FAILURES = 5
SECONDS = 30.0
_SIGNS = (ModelTimeoutError, ModelConnectionError, ModelAPIError)
"""Of an endpoint in trouble. One that refuses a request or limits its rate is well."""


class Breaker:
    """Thread-safe. After `failures` in a row nothing is let through for `seconds`, then one call as a trial."""

    def __init__(
        self, failures: int = FAILURES, seconds: float = SECONDS, clock: Callable[[], float] = monotonic
    ) -> None:
        self._limit, self._pause, self._clock = failures, seconds, clock
        self._failed = 0
        self._until = 0.0
        self._lock = Lock()

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Around one call: raises CircuitOpenError instead of making it, else counts how it ends."""
        self._admit()
        try:
            yield
        except _SIGNS:
            self._count(failed=True)
            raise
        except Exception:
            self._count(failed=False)
            raise
        else:
            self._count(failed=False)

    def _admit(self) -> None:
        with self._lock:
            wait = self._until - self._clock()
            if self._failed >= self._limit and wait > 0:
                raise CircuitOpenError(f"not asked: it failed {self._failed} times in a row; next try in {wait:.0f} s")
            self._until = self._clock() + self._pause  # while a trial is under way, nobody else joins it

    def _count(self, *, failed: bool) -> None:
        with self._lock:
            self._failed = self._failed + 1 if failed else 0
            self._until = self._clock() + self._pause
