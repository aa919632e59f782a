"""Elements in the database: stored when they are not yet, read when they are not remembered, deleted when unused."""

import secrets
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Any, Literal, TypeVar

from sqlalchemy import bindparam, func, select, update

from threadloom.checkpoints.cache import Cache
from threadloom.checkpoints.errors import LeaseLostError, ThreadDeletedError, UnrestorableValueError
from threadloom.checkpoints.session import Session
from threadloom.checkpoints.tables import Tables
from threadloom.checkpoints.tree import Element, Elements, references_in, remember

T = TypeVar("T")

# Bound parameters per statement: far below the 32,766 of SQLite and the 65,535 of PostgreSQL.
CHUNK = 400


Lock = Literal["share", "lead", "own"]


def enter_thread(
    session: Session, thread_id: str, lock: Lock, *, known: bool = False, fence: int | None = None
) -> tuple[int, str | None]:
    """Begin to store in a thread; returns its epoch, which stays as it is until the transaction ends, and its head.

    Until then nobody deletes anything of the thread. Whoever stores a checkpoint enters, so that a thread which cannot
    be locked has none.

    Args:
        session, thread_id: where.
        lock: "share" it with others, "lead" to move its head, which others do not until the transaction ends, or "own"
            it to delete: then nobody else stores anything.
        known: it was there before, so that it was deleted if it is not.
        fence: that of the lease under which this happens, if there is one.

    Raises:
        ThreadDeletedError: it was.
        LeaseLostError: somebody else has the lease, or the thread was deleted with it.
    """
    while not (found := session.rows(_locked, {"thread_id": thread_id}, lock)):
        if known:
            raise ThreadDeletedError(thread_id)
        if fence is not None:
            raise LeaseLostError(thread_id)
        # And look again: another may have started it, or even deleted it since. Never an epoch that it had before.
        unset = dict.fromkeys(("head", "fence", "owner", "leased_until"))
        session.insert_new(session.tables.threads, [{"thread_id": thread_id, "epoch": new_number(), **unset}])
    if fence not in (None, found[0].fence):
        raise LeaseLostError(thread_id)
    return found[0].epoch, found[0].head


def _locked(tables: Tables, lock: Lock) -> Any:
    threads = tables.threads.c
    query = select(threads.epoch, threads.head, threads.fence).where(threads.thread_id == bindparam("thread_id"))
    # PostgreSQL tells the three apart; elsewhere whoever leads waits for those who share.
    return query.with_for_update(read=lock == "share", key_share=lock != "own")


def renew_thread(session: Session, thread_id: str) -> None:
    """Give a thread of which something was deleted another epoch, and the head that it has now."""
    threads, checkpoints = session.tables.threads, session.tables.checkpoints.c
    head = select(func.max(checkpoints.checkpoint_id)).where(checkpoints.thread_id == thread_id, checkpoints.ns == "")
    changed = update(threads).where(threads.c.thread_id == thread_id)
    session.execute(changed.values(epoch=new_number(), head=head.scalar_subquery()))


def epoch_of(session: Session, thread_id: str) -> int | None:
    """The epoch of a thread, which changes when anything of it is deleted; None when it was never written to."""
    threads = session.tables.threads
    epoch: int | None = session.execute(select(threads.c.epoch).where(threads.c.thread_id == thread_id)).scalar()
    return epoch


def load_elements(session: Session | None, documents: Mapping[str, Iterable[bytes]], cache: Cache) -> Elements | None:
    """All elements below some documents of threads: remembered ones, and the others in one statement for each level.

    One that makes whole lists of messages by itself needs none of those below it. Without a session, only what is
    remembered; None if that is not all.
    """
    found: Elements = {}
    wanted = {(thread_id, digest) for thread_id, own in documents.items() for digest in _references(thread_id, own)}
    while wanted:
        missing = []
        for thread_id, digest in wanted:
            element: Element | None = cache.get(digest)
            if element is None:
                missing.append((thread_id, digest))
            else:
                found[digest] = element
        if missing and session is None:
            return None
        for digest, inner, data in _read(session, missing):
            found[digest] = Element(data, references_in(data) if inner else ())
            remember(cache, digest, found[digest])
        # One that is missing in the database too is left for the decoder to complain about.
        below = ((thread_id, found[digest]) for thread_id, digest in wanted if digest in found)
        wanted = {
            (thread_id, digest)
            for thread_id, element in below
            if element.mould is None
            for digest in element.references
            if digest not in found
        }
    return found


def _read(session: Session | None, keys: Iterable[tuple[str, bytes]]) -> Iterator[tuple[bytes, bool, bytes]]:
    if session is None:
        return
    table = session.tables.elements.c
    query = select(table.thread_id, table.digest, table.inner, table.data)
    for chunk in chunks(sorted(keys)):  # few threads at a time: each is looked into for each of the digests
        threads, digests = ({*column} for column in zip(*chunk, strict=True))
        rows = session.execute(query.where(table.thread_id.in_(threads), table.digest.in_(digests)))
        for row in session.opened(session.tables.elements, rows):
            yield row.digest, row.inner, row.data


def lock_thread(session: Session, thread_id: str) -> bool:
    """Wait until nobody stores in a thread; until the transaction ends nobody will. False: it has no checkpoints."""
    threads = session.tables.threads
    query = select(threads.c.epoch).where(threads.c.thread_id == thread_id)
    return session.execute(query.with_for_update()).scalar() is not None


def live_elements(session: Session, thread_id: str, documents: Iterable[bytes]) -> set[bytes]:
    """The digests of all elements below some documents of a thread.

    Raises UnrestorableValueError when one of them is damaged, so that nobody knows what it refers to.
    """
    table = session.tables.elements
    inner = select(*session.seals.columns(table)).where(table.c.thread_id == thread_id, table.c.inner)
    live: set[bytes] = set()
    wanted = _references(thread_id, documents)
    while wanted:
        live |= wanted
        rows = chain.from_iterable(session.execute(inner.where(table.c.digest.in_(chunk))) for chunk in chunks(wanted))
        wanted = _references(thread_id, (row.data for row in session.opened(table, rows))) - live
    return live


def _references(thread_id: str, documents: Iterable[bytes]) -> set[bytes]:
    try:
        return {digest for document in documents for digest in references_in(document)}
    except ValueError as exc:
        raise UnrestorableValueError(
            f"thread {thread_id!r}: what refers to its elements is damaged ({exc}); see `threadloom db verify`"
        ) from exc


def new_number() -> int:
    """One that was never used in this thread, and never will be again: an epoch or a fence."""
    return secrets.randbits(62)


def chunks(items: Iterable[T]) -> Iterator[list[T]]:
    """Lists of at most CHUNK items."""
    iterator = iter(items)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk
