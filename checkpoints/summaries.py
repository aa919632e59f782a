"""Threads as a listing shows them."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from sqlalchemy import and_, func, select, tuple_

from threadloom.checkpoints.elements import CHUNK, chunks
from threadloom.checkpoints.errors import BrokenSealError, NotEncryptedError
from threadloom.checkpoints.session import Session

FIRST, MOST = 100, 1600  # checkpoints that are looked at together, more and more as threads have many

Key = tuple[str, str, str]
"""Checkpoint id, thread id and namespace."""


def load_threads(session: Session, limit: int, before: tuple[str, str] | None) -> list[Any]:
    """The latest root checkpoint of each thread, newest first, with `total`, its number of checkpoints.

    `before` is the (checkpoint id, thread id) after which the listing continues.
    """
    found: list[Any] = []
    last, size = (*before, "") if before else None, FIRST
    while len(found) < limit:
        # A part of the index and then what is in it, not one join of all: for that PostgreSQL expects so few rows that
        # it reads and sorts everything before the first page, 350 ms for 100,000 threads.
        keys = _newest(session, last, size)
        found += _heads(session, keys, limit - len(found))
        if len(keys) < size:
            break
        last, size = keys[-1], min(2 * size, MOST)
    return found


def _newest(session: Session, before: Key | None, size: int) -> list[Key]:
    """The keys of the next checkpoints of all threads and namespaces, newest first."""
    column = session.tables.checkpoints.c
    order = (column.checkpoint_id, column.thread_id, column.ns)
    query = select(*order)
    if before:  # the first condition is for MySQL, which finds no beginning in an index by the second
        query = query.where(column.checkpoint_id <= before[0], tuple_(*order) < before)
    return [(row[0], row[1], row[2]) for row in session.execute(query.order_by(*(c.desc() for c in order)).limit(size))]


def _heads(session: Session, keys: Sequence[Key], most: int) -> list[Any]:
    """The rows of those of these checkpoints that are the latest of their threads, in the same order."""
    checkpoints, threads = session.tables.checkpoints, session.tables.threads.c
    root, every = checkpoints.c, checkpoints.alias()
    total = select(func.count()).where(every.c.thread_id == root.thread_id).scalar_subquery()
    query = (
        select(*session.seals.columns(checkpoints), root.ts, root.step, root.source, total.label("total"))
        .select_from(session.tables.threads)
        .join(checkpoints, and_(root.thread_id == threads.thread_id, root.ns == "", root.checkpoint_id == threads.head))
    )
    tops: dict[str, str] = {}
    for checkpoint_id, thread_id, ns in keys:
        if not ns:
            tops.setdefault(thread_id, checkpoint_id)
    found: dict[str, Any] = {}
    names, first = [*tops], min(most, CHUNK)
    for chunk in (names[:first], *chunks(names[first:])):  # the newest of all are the latest of theirs, mostly
        if len(found) >= most:
            break
        rows = session.execute(query.where(threads.thread_id.in_(chunk)))
        found |= {row.thread_id: _opened(session, row) for row in rows if row.checkpoint_id == tops[row.thread_id]}
    return [found[thread_id] for thread_id in tops if thread_id in found][:most]


def _opened(session: Session, row: Any) -> Any:
    """The row; one whose own seal is broken without its body, so that it keeps no other from being listed."""
    try:
        return next(session.opened(session.tables.checkpoints, [row]))
    except (BrokenSealError, NotEncryptedError) as exc:
        if exc.thread_id is None:  # it is the key
            raise
        return SimpleNamespace(**dict(zip(row._fields, row, strict=True)) | {"body": b""})


def load_names(session: Session, beginning: str, limit: int) -> list[str]:
    """The ids of threads that begin so, in order; what is to be there only when it is whole has one too."""
    thread_id = session.tables.threads.c.thread_id
    query = select(thread_id).where(thread_id >= beginning).order_by(thread_id).limit(limit)
    return [name for name in session.execute(query).scalars() if name.startswith(beginning)]
