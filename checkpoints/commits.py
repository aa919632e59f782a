"""Writers that wait for their turn together share one commit."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, suppress
from typing import Any

from threadloom.checkpoints.session import Session

Work = Callable[[Session], Any]

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
    """A queue for the one writer that SQLite takes at a time.

    Whoever gets the turn does the work of all who wait, in one transaction, and so with one fsync (2.4 ms). Nobody
    returns before the commit that holds its work. If any of it fails, nothing of it was stored, and each
    piece gets a transaction of its own; if there is no getting in at all, all fail.

    Args:
        turn: the lock that lets one writer in.
        commit: does a piece of work in a transaction of its own, commits it and returns its result.
        workers: where what event loops want is done: one of its threads for all that waits.
    """

    def __init__(self, turn: AbstractContextManager[Any], commit: Callable[[Work], Any], workers: Executor) -> None:
        self._turn, self._commit, self._workers = turn, commit, workers
        self._waiting: deque[_Job] = deque()
        self._helping = False

    def run(self, work: Work) -> Any:
        """Do the work and return its result, once it is stored."""
        mine = _Job(work)
        self._waiting.append(mine)
        with self._turn:
            while not mine.done:
                self._lead(mine)
        return mine.outcome()

    async def arun(self, work: Work) -> Any:
        """`run` for event loops."""
        mine = _LoopJob(work)
        self._waiting.append(mine)
        if not self._helping:
            self._helping = True
            self._workers.submit(self._help)
        await mine.ended
        return mine.outcome()

    def _help(self) -> None:
        with self._turn:
            self._helping = False  # before the last look: whoever comes after it sends for help again
            while self._waiting:
                self._lead()

    def _lead(self, mine: _Job | None = None) -> None:
        jobs = [self._waiting.popleft() for _ in range(min(LARGEST, len(self._waiting)))]
        try:
            self._carry_out(jobs)
        finally:  # an interrupted leader leaves the others in the queue
            self._waiting.extendleft(job for job in reversed(jobs) if not (job.done or job is mine))

    def _carry_out(self, jobs: Sequence[_Job]) -> None:
        begun = False

        def work(session: Session) -> list[Any]:
            nonlocal begun
            begun = True
            return [job.work(session) for job in jobs]

        try:
            results = self._commit(work)
        except Exception as exc:  # noqa: BLE001  # it is raised where the work came from
            for job in jobs:
                if begun and len(jobs) > 1:
                    self._carry_out([job])
                else:
                    job.end(None, exc)
            return
        for job, result in zip(jobs, results, strict=True):
            job.end(result, None)
