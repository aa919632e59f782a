"""Writers that wait for their turn together share one commit."""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import Connection

Work = Callable[[Connection], Any]
Commit = Callable[[Work], Any]

LARGEST = 64  # pieces of work that share a commit


class _Job:
    """A piece of work, and what became of it."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.done = False
        self.result: Any = None
        self.error: Exception | None = None


class SharedCommits:
    """A queue for the one writer that SQLite takes at a time.

    Whoever gets the turn does the work of all who wait, in one transaction, and so with one fsync (2.4 ms). Nobody
    returns before the commit that holds its work. If any of it fails, nothing of it was stored, and each
    piece gets a transaction of its own; if there is no getting in at all, all fail.

    Args:
        turn: the lock that lets one writer in.
    """

    def __init__(self, turn: AbstractContextManager[Any]) -> None:
        self._turn = turn
        self._waiting: deque[_Job] = deque()

    def run(self, work: Work, commit: Commit) -> Any:
        """Do the work and return its result, once it is stored.

        Args:
            work: what to do with a connection.
            commit: does a piece of work in a transaction of its own, commits it and returns its result.
        """
        mine = _Job(work)
        self._waiting.append(mine)
        with self._turn:
            while not mine.done:
                jobs = [self._waiting.popleft() for _ in range(min(LARGEST, len(self._waiting)))]
                try:
                    _lead(jobs, commit)
                finally:  # an interrupted leader leaves the others in the queue
                    self._waiting.extendleft(job for job in reversed(jobs) if not (job.done or job is mine))
        if mine.error is not None:
            raise mine.error
        return mine.result


def _lead(jobs: Sequence[_Job], commit: Commit) -> None:
    begun = False

    def work(connection: Connection) -> list[Any]:
        nonlocal begun
        begun = True
        return [job.work(connection) for job in jobs]

    try:
        results = commit(work)
    except Exception as exc:  # noqa: BLE001  # it is raised where the work came from
        for job in jobs:
            if begun and len(jobs) > 1:
                _lead([job], commit)
            else:
                job.error, job.done = exc, True
        return
    for job, result in zip(jobs, results, strict=True):
        job.result, job.done = result, True
