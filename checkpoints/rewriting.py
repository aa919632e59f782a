"""What a thread holds, once more under the current key: for a copy of the thread, and when keys change.

An element is named with the key that seals it, and by the thread that it is in. So another key or another thread means
other names, and other references in all that refers to it, from the elements that refer to none upwards.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Table, select, tuple_

from threadloom.checkpoints.elements import chunks
from threadloom.checkpoints.encryption import Encryption
from threadloom.checkpoints.records import element_rows
from threadloom.checkpoints.session import Session
from threadloom.checkpoints.tree import TREE, Element, Elements, digest_of, references_in, renamed

PAGE = 100  # rows that are rewritten at a time

Found = dict[bytes, bytes]
"""Elements by their names in the source."""


class Rewriting:
    """From one thread to another, or to itself.

    Args:
        encryption: what seals and names from now on; None for plain text.
        source, target: thread ids.
        lenient: plain text is taken for what it is.
    """

    def __init__(self, encryption: Encryption | None, source: str, target: str, *, lenient: bool = False) -> None:
        self._key = encryption.naming_key(target) if encryption else b""
        self._source, self._target, self._lenient = source, target, lenient
        self._names: dict[bytes, bytes] = {}

    def forget(self) -> None:
        """Take no element for stored: some were deleted, or were never committed."""
        self._names.clear()

    def rewritten(self, session: Session, table: Table, rows: Iterable[Any]) -> list[dict[str, Any]]:
        """Rows of the source as rows of the target, where the elements that they refer to are stored already."""
        renewed, parts = self.renewed(*self.read(session, table, rows))
        session.insert_new(session.tables.elements, element_rows(self._target, parts))
        return renewed

    def read(self, session: Session, table: Table, rows: Iterable[Any]) -> tuple[list[dict[str, Any]], Found]:
        """Rows of the source in the clear, and the elements below them that have no new names yet."""
        opened = [row._asdict() for row in session.opened(table, rows, lenient=self._lenient)]
        return opened, self._below(session, {digest for row in opened for digest in _digests(row)})

    def renewed(self, rows: list[dict[str, Any]], found: Found) -> tuple[list[dict[str, Any]], Elements]:
        """What was read as rows of the target, and the elements found.

        Each comes after those that it refers to, in an order that depends on the values alone.
        """
        parts: Elements = {}
        for row in rows:
            for digest in (digests := _digests(row)):
                self._rename(digest, found, parts)
            if digests:
                row["data"] = renamed(row["data"], self._names)
        return [{**row, "thread_id": self._target} for row in rows], parts

    def _below(self, session: Session, wanted: set[bytes]) -> Found:
        found: Found = {}
        wanted = wanted - self._names.keys()
        while wanted:
            for row in self._read(session, wanted):
                found[row.digest] = row.data
            below = {digest for upper in wanted & found.keys() for digest in references_in(found[upper])}
            wanted = below - found.keys() - self._names.keys()
        return found

    def _read(self, session: Session, digests: Iterable[bytes]) -> Iterator[Any]:
        table = session.tables.elements
        query = select(*session.seals.columns(table)).where(table.c.thread_id == self._source)
        for chunk in chunks(digests):
            rows = session.execute(query.where(table.c.digest.in_(chunk)))
            yield from session.opened(table, rows, lenient=self._lenient)

    def _rename(self, digest: bytes, found: Found, parts: Elements) -> bytes:
        if digest not in self._names and digest in found:  # one that is missing stays missing
            data = found[digest]
            below = [self._rename(each, found, parts) for each in references_in(data)]
            data = renamed(data, self._names) if below else data
            self._names[digest] = name = digest_of(data, self._key)
            parts[name] = Element(data, below)
        return self._names.get(digest, digest)


def _digests(row: dict[str, Any]) -> list[bytes]:
    return references_in(row["data"]) if row.get("type") == TREE else []


def page(
    session: Session, table: Table, thread_id: str, after: Sequence[Any] | None, *conditions: Any, lock: bool = True
) -> tuple[list[Any], Sequence[Any] | None]:
    """The next rows of a thread in the order of their keys, locked; and the last key, None at the end."""
    key = [column for column in table.primary_key if column.name != "thread_id"]
    query = select(table).where(table.c.thread_id == thread_id, *conditions)
    if after is not None:  # the first condition is for MySQL, which finds no beginning in an index by the second
        query = query.where(key[0] >= after[0], tuple_(*key) > after)
    query = query.order_by(*key).limit(PAGE)
    rows = session.execute(query.with_for_update() if lock else query).all()
    last = tuple(getattr(rows[-1], column.name) for column in key) if len(rows) == PAGE else None
    return [*rows], last
