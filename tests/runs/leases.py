"""Leases of processes that are killed, which end when the test says so.

A short one would be waited for, and on a busy machine it would end under those who are only slow.
"""

from threadloom.checkpoints.session import Session
from threadloom.runs.runner import Runner

LONG = 600.0  # seconds: as long as the machine may be busy


def end_leases(runner: Runner) -> None:
    """Those of this database, as if they had run out."""
    runner.saver.database.write(_end)


def _end(session: Session) -> None:
    threads = session.tables.threads
    taken = threads.update().where(threads.c.leased_until.is_not(None))
    session.execute(taken.values(leased_until=session.dialect.now() - 1))
