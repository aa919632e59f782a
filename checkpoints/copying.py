"""Copying a thread with its whole history."""

from sqlalchemy import insert, literal, select

from threadloom.checkpoints.elements import enter_thread, renew_thread
from threadloom.checkpoints.errors import ThreadExistsError
from threadloom.checkpoints.pruning import delete_thread
from threadloom.checkpoints.rewriting import Rewriting, page
from threadloom.checkpoints.session import Session


def copy_thread(session: Session, source: str, target: str) -> None:
    """Copy everything of a thread, whole history included, to a thread that must not exist yet.

    A thread without checkpoints is not there: nothing is copied.
    """
    there = _has_checkpoints(session, source)
    for thread_id in sorted({source, target}) if there else ():  # in order: two who lock the same never deadlock
        enter_thread(session, thread_id, "own")
    if _has_checkpoints(session, target):
        raise ThreadExistsError(f"thread {target!r} already has checkpoints; choose a new id or delete it first")
    if not there:  # no rows of threads are made for the locks
        return
    delete_thread(session, target)  # writes without a checkpoint may be there
    enter_thread(session, target, "own")
    if encryption := session.seals.encryption:
        _rewrite(session, Rewriting(encryption, source, target), source)
    else:
        _duplicate(session, source, target)
    renew_thread(session, target)


def _has_checkpoints(session: Session, thread_id: str) -> bool:
    checkpoints = session.tables.checkpoints.c
    return bool(session.execute(select(checkpoints.ns).where(checkpoints.thread_id == thread_id).limit(1)).first())


def _rewrite(session: Session, rewriting: Rewriting, source: str) -> None:
    """Copy what is sealed for its thread."""
    for table in session.seals.documents:
        if table in session.tables.affairs:
            continue
        after, more = None, True
        while more:
            rows, after = page(session, table, source, after)
            session.insert_new(table, rewriting.rewritten(session, table, rows))
            more = after is not None


def _duplicate(session: Session, source: str, target: str) -> None:
    for table in session.tables.contents:
        copied = [literal(target, c.type) if c.name == "thread_id" else c for c in table.columns]
        rows = select(*copied).where(table.c.thread_id == source)
        session.execute(insert(table).from_select(list(table.columns), rows))
