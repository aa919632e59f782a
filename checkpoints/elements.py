"""Elements in the database: stored when they are not yet, read when they are not remembered, deleted when unused."""

import secrets
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import TypeVar

from sqlalchemy import Connection, delete, select, update

from threadloom.checkpoints.cache import Cache, Ledger
from threadloom.checkpoints.dialects import dialect_of
from threadloom.checkpoints.tables import channel_values, elements, threads, writes
from threadloom.checkpoints.tree import TREE, Element, Elements, references_in, remember

T = TypeVar("T")

# Bound parameters per statement: far below the 32,766 of SQLite and the 65,535 of PostgreSQL.
CHUNK = 400


class Receipt:
    """What a transaction stored, for the ledger to learn once it is committed."""

    def __init__(self, thread_id: str, epoch: int, digests: Collection[bytes]) -> None:
        self._learnt = thread_id, epoch, digests

    def note_in(self, ledger: Ledger) -> None:
        """Note it."""
        ledger.learn(*self._learnt)


def store_elements(
    connection: Connection, thread_id: str, epoch: int, parts: Elements, ledger: Ledger
) -> Receipt | None:
    """Store those elements that a thread, which was entered, does not have as far as the ledger knows."""
    if not parts:
        return None
    # In order of their keys, so that two who insert the same ones wait for each other, never both at once.
    missing = sorted(ledger.unknown(thread_id, epoch, parts))
    if missing:
        rows = [
            {"thread_id": thread_id, "digest": d, "inner": bool(parts[d].references), "data": parts[d].data}
            for d in missing
        ]
        dialect_of(connection).insert_new(connection, elements, rows)
    return Receipt(thread_id, epoch, missing)


def enter_thread(connection: Connection, thread_id: str, *, alone: bool = False) -> int:
    """Begin to store in a thread; returns its epoch, which stays as it is until the transaction ends.

    Until then nobody deletes anything of the thread, and if `alone` nobody else stores checkpoints or elements in it.
    Whoever stores a checkpoint enters, so that a thread which cannot be locked has none.
    """
    query = select(threads.c.epoch).where(threads.c.thread_id == thread_id).with_for_update(read=not alone)
    while (epoch := connection.execute(query).scalar()) is None:
        start_thread(connection, thread_id)  # and look again: another may have started it, or even deleted it since
    return int(epoch)


def start_thread(connection: Connection, thread_id: str) -> None:
    """Give a thread an epoch unless it has one; never one that it had before, should it have been deleted."""
    dialect_of(connection).insert_new(connection, threads, [{"thread_id": thread_id, "epoch": _new_epoch()}])


def load_elements(connection: Connection, thread_id: str, documents: Iterable[bytes], cache: Cache) -> Elements:
    """All elements below some documents: remembered ones, and the others in one statement for each level."""
    found: Elements = {}
    wanted = {digest for document in documents for digest in references_in(document)}
    while wanted:
        missing = []
        for digest in wanted:
            element: Element | None = cache.get(digest)
            if element is None:
                missing.append(digest)
            else:
                found[digest] = element
        for digest, inner, data in _read(connection, thread_id, missing):
            found[digest] = Element(data, references_in(data) if inner else ())
            remember(cache, digest, found[digest])
        # One that is missing in the database too is left for the decoder to complain about.
        below = (found[digest].references for digest in wanted if digest in found)
        wanted = {digest for references in below for digest in references} - found.keys()
    return found


def _read(connection: Connection, thread_id: str, digests: Iterable[bytes]) -> Iterator[tuple[bytes, bool, bytes]]:
    table = elements.c
    query = select(table.digest, table.inner, table.data).where(table.thread_id == thread_id)
    for chunk in chunks(digests):
        yield from (tuple(row) for row in connection.execute(query.where(table.digest.in_(chunk))))


def lock_thread(connection: Connection, thread_id: str) -> bool:
    """Wait until nobody stores in a thread; until the transaction ends nobody will. False: it has no checkpoints."""
    query = select(threads.c.epoch).where(threads.c.thread_id == thread_id)
    return connection.execute(query.with_for_update()).scalar() is not None


def collect_garbage(connection: Connection, thread_id: str) -> int:
    """Delete the elements of a locked thread to which nothing leads any more; returns how many.

    Reads the documents of the thread's values, writes and nodes, and the digests of all its elements.
    """
    unused = _digests(connection, thread_id) - _used(connection, thread_id)
    for chunk in chunks(unused):
        connection.execute(delete(elements).where(elements.c.thread_id == thread_id, elements.c.digest.in_(chunk)))
    if unused:
        connection.execute(update(threads).where(threads.c.thread_id == thread_id).values(epoch=_new_epoch()))
    return len(unused)


def _digests(connection: Connection, thread_id: str) -> set[bytes]:
    return set(connection.execute(select(elements.c.digest).where(elements.c.thread_id == thread_id)).scalars())


def _used(connection: Connection, thread_id: str) -> set[bytes]:
    inner = select(elements.c.digest, elements.c.data).where(elements.c.thread_id == thread_id, elements.c.inner)
    below = {digest: references_in(data) for digest, data in connection.execute(inner)}
    used: set[bytes] = set()
    wanted = set(_roots(connection, thread_id))
    while wanted:
        used |= wanted
        wanted = {digest for upper in wanted for digest in below.get(upper, ())} - used
    return used


def _roots(connection: Connection, thread_id: str) -> Iterator[bytes]:
    for table in (channel_values, writes):
        query = select(table.c.data).where(table.c.thread_id == thread_id, table.c.type == TREE)
        for document in connection.execute(query).scalars():
            yield from references_in(document)


def _new_epoch() -> int:
    return secrets.randbits(62)


def chunks(items: Iterable[T]) -> Iterator[list[T]]:
    """Lists of at most CHUNK items."""
    iterator = iter(items)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk
