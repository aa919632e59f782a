"""Leases: a thread has one owner at a time, for a time that the database's clock measures.

The owner renews its lease while it works. One that is not renewed, since the process is dead, frozen or cut off, can
be taken by anybody; with it the fence changes, and what the former owner still stores is refused.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import BigInteger, bindparam, insert, null, or_, select, update

from threadloom.checkpoints.dialects.generic import Dialect
from threadloom.checkpoints.elements import enter_thread, new_number
from threadloom.checkpoints.session import Session
from threadloom.checkpoints.tables import Tables
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
    return take_entered(session, thread_id, owner, length)


def begin(session: Session, thread_id: str, owner: str, length: int) -> int:
    """Begin a thread, which is new, with its lease; returns the fence."""
    fence = new_number()
    row = {"thread": thread_id, "epoch_of": new_number(), "new": fence, "by": owner, "length": length}
    session.change(_begin, [row], session.dialect)
    return fence


def _begin(tables: Tables, dialect: Dialect) -> Any:
    until = dialect.now() + bindparam("length", type_=BigInteger)
    leased = {"fence": bindparam("new"), "owner": bindparam("by"), "leased_until": until}
    return insert(tables.threads).values(thread_id=bindparam("thread"), epoch=bindparam("epoch_of"), **leased)


def take_entered(session: Session, thread_id: str, owner: str, length: int) -> int | Holder:
    """`take` in a thread that this transaction has entered to lead."""
    fence, now = new_number(), session.dialect.now()
    if session.changed(_take, {"thread": thread_id, "new": fence, "by": owner, "length": length}, session.dialect):
        return fence
    threads = session.tables.threads
    left = select(threads.c.owner, threads.c.leased_until - now).where(threads.c.thread_id == thread_id)
    return Holder(*session.execute(left).one())


def _take(tables: Tables, dialect: Dialect) -> Any:
    threads, now = tables.threads, dialect.now()
    free = or_(threads.c.leased_until.is_(None), threads.c.leased_until <= now)
    taken = update(threads).where(threads.c.thread_id == bindparam("thread"), free)
    return taken.values(fence=bindparam("new"), owner=bindparam("by"), leased_until=now + bindparam("length"))


def renew(session: Session, thread_id: str, fence: int, length: int) -> bool:
    """Have it for `length` ms from now on; False: it is lost."""
    threads = session.tables.threads
    own = threads.c.thread_id == thread_id, threads.c.fence == fence
    return bool(
        session.execute(update(threads).where(*own).values(leased_until=session.dialect.now() + length)).rowcount
    )


def release(session: Session, thread_id: str, fence: int) -> bool:
    """Give it back; whatever of its owner is still at work stores nothing any more. False: it was lost before."""
    return session.changed(_release, {"thread": thread_id, "held": fence})


def _release(tables: Tables) -> Any:
    threads = tables.threads
    own = threads.c.thread_id == bindparam("thread"), threads.c.fence == bindparam("held")
    return update(threads).where(*own).values(fence=null(), owner=null(), leased_until=null())


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
