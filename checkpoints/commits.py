"""Those who wait for their turn together share one transaction."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, suppress
from typing import Any

from threadloom.checkpoints.errors import ClosedError
from threadloom.checkpoints.session import Session

Work = Callable[[Session], Any]
# Does pieces of work in one transaction and returns their results; calls the function when it has begun.
Together = Callable[[Sequence[Work], Callable[[], None]], list[Any]]

LARGEST = 64  # pieces of work that share a commit


class _Job:
    """A piece of work, and what became of it."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.done = False
        self.result: Any = None
        self.error: Exception | None = None

    def end(self, result: Any, error: Exception | None) -> None:
        self.result, self.error, self.done = result, error, True

    def outcome(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.result


class _LoopJob(_Job):
    """One that an event loop waits for."""

    def __init__(self, work: Work) -> None:
        super().__init__(work)
        self._loop = asyncio.get_running_loop()
        self.ended = self._loop.create_future()

    def end(self, result: Any, error: Exception | None) -> None:
        super().end(result, error)
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        if not self.ended.done():  # the task that waited may be cancelled
            self.ended.set_result(None)


class SharedCommits:
    """A queue for what takes turns: the one writer that SQLite has, the one pipeline to a server.

    Whoever gets the turn does the work of all who wait, in one transaction, and so with one fsync (2.4 ms) and one
    journey to the server. Nobody returns before the commit that holds its work. If any of it fails, nothing of it was
    stored, and each piece gets a transaction of its own; if there is no getting in at all, all fail.

    Args:
        turn: the lock that lets one in.
        together: does the work.
        workers: where what event loops want is done: one of its threads for all that waits.
        apart: whether work that failed together is tried again in other threads, since it may wait for long.
    """

    def __init__(
        self, turn: AbstractContextManager[Any], together: Together, workers: Executor, *, apart: bool = False
    ) -> None:
        self._turn, self._together, self._workers = turn, together, workers
        self._apart = apart
        self._waiting: deque[_Job] = deque()
        self._helping, self._asking = False, threading.Lock()

    def run(self, work: Work) -> Any:
        """Do the work and return its result, once it is stored."""
        mine = _Job(work)
        self._waiting.append(mine)
        with self._turn:
            while not mine.done:
                self._lead(mine)
        return mine.outcome()

    async def arun(self, work: Work) -> Any:
        """`run` for event loops; raises ClosedError when the workers have gone home."""
        mine = _LoopJob(work)
        with self._asking:  # of two loops neither relies on help that the other asked for in vain
            if not self._helping:
                try:
                    self._workers.submit(self._help)
                except RuntimeError as exc:
                    raise ClosedError from exc
                self._helping = True
            self._waiting.append(mine)
        await mine.ended
        return mine.outcome()

    def _help(self) -> None:
        with self._turn:
            with self._asking:
                self._helping = False  # before the last look: whoever comes after it sends for help again
            while self._waiting:
                self._lead()

    def _lead(self, mine: _Job | None = None) -> None:
        jobs = [self._waiting.popleft() for _ in range(min(LARGEST, len(self._waiting)))]
        try:
            self._carry_out(jobs)
        except BaseException:  # an interrupted leader leaves the others in the queue
            self._waiting.extendleft(job for job in reversed(jobs) if not (job.done or job is mine))
            raise

    def _carry_out(self, jobs: Sequence[_Job]) -> None:
        begun: list[bool] = []
        try:
            results = self._together([job.work for job in jobs], lambda: begun.append(True))
        except Exception as exc:  # noqa: BLE001  # it is raised where the work came from
            for job in jobs:
                if not begun or len(jobs) == 1:
                    job.end(None, exc)
                else:
                    self._retry(job)
            return
        for job, result in zip(jobs, results, strict=True):
            job.end(result, None)

    def _retry(self, job: _Job) -> None:
        if self._apart:
            with suppress(RuntimeError):  # it is being closed: then here
                self._workers.submit(self._carry_out, [job])
                return
        self._carry_out([job])
