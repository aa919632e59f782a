"""Leases: a thread has one owner at a time, for a time that the database's clock measures.

The owner renews its lease while it works. One that is not renewed, since the process is dead, frozen or cut off, can
be taken by anybody; with it the fence changes, and what the former owner still stores is refused.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import or_, select, update

from threadloom.checkpoints.elements import enter_thread, new_number
from threadloom.checkpoints.session import Session
from threadloom.runs.errors import ThreadBusyError

if TYPE_CHECKING:
    from threadloom.checkpoints import SQLSaver

LENGTH = 15_000
"""Ms for which a lease is taken, unless told otherwise."""


class Holder(NamedTuple):
    """Who has a lease, and for how many ms more unless it is renewed."""

    owner: str
    ms_left: int


def take(session: Session, thread_id: str, owner: str, length: int) -> int | Holder:
    """Take the lease of a thread for `length` ms; returns its fence, or who has it."""
    enter_thread(session, thread_id, "lead")
    threads, now, fence = session.tables.threads, session.dialect.now(), new_number()
    free = or_(threads.c.leased_until.is_(None), threads.c.leased_until <= now)
    taken = update(threads).where(threads.c.thread_id == thread_id, free)
    if session.execute(taken.values(fence=fence, owner=owner, leased_until=now + length)).rowcount:
        return fence
    left = select(threads.c.owner, threads.c.leased_until - now).where(threads.c.thread_id == thread_id)
    return Holder(*session.execute(left).one())


def renew(session: Session, thread_id: str, fence: int, length: int) -> bool:
    """Have it for `length` ms from now on; False: it is lost."""
    threads = session.tables.threads
    own = threads.c.thread_id == thread_id, threads.c.fence == fence
    return bool(
        session.execute(update(threads).where(*own).values(leased_until=session.dialect.now() + length)).rowcount
    )


def release(session: Session, thread_id: str, fence: int) -> None:
    """Give it back; whatever of its owner is still at work stores nothing any more."""
    threads = session.tables.threads
    own = threads.c.thread_id == thread_id, threads.c.fence == fence
    session.execute(update(threads).where(*own).values(fence=None, owner=None, leased_until=None))


def this_process() -> str:
    """What an owner is called: host and process id."""
    return f"{socket.gethostname()}/{os.getpid()}"


@contextmanager
def held(saver: "SQLSaver", thread_id: str) -> Iterator["SQLSaver"]:
    """Have the lease of a thread for something short; gives the saver that stores under it.

    Raises ThreadBusyError when somebody else has it.
    """
    fence = saver.database.write(take, thread_id, this_process(), LENGTH)
    if isinstance(fence, Holder):
        raise ThreadBusyError(thread_id, None, fence.owner)
    try:
        yield saver.fenced(fence)
    finally:
        saver.database.write(release, thread_id, fence)
