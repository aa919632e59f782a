"""Writes one thread into a file, from any database, encrypted or not."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Table

from threadloom.checkpoints import archive
from threadloom.checkpoints.elements import epoch_of
from threadloom.checkpoints.engine import Database
from threadloom.checkpoints.errors import DatabaseBusyError, InvalidRequestError
from threadloom.checkpoints.rewriting import Found, Rewriting, page
from threadloom.checkpoints.session import Session


class Exported(NamedTuple):
    """What is in a file: how many checkpoints and writes, of all namespaces, and its size in bytes."""

    thread_id: str
    checkpoints: int
    writes: int
    bytes: int


def export(database: Database, thread_id: str, path: Path) -> Exported:
    """Write a thread into a new file; in memory are the names of its elements, and a page of rows.

    Checkpoints are read before the values and writes that belong to them, so that a run which goes on meanwhile does
    no harm: what is in the file is as of some moment, with perhaps a few rows more, which nothing refers to.

    Raises:
        InvalidRequestError: there is nothing of the thread, or the file is there already.
        DatabaseBusyError: some of it was deleted meanwhile.
        OSError: the file cannot be written.
    """
    epoch, counts = database.read(epoch_of, thread_id), Counter[str]()
    if epoch is None:
        raise InvalidRequestError(f"there is no thread {thread_id!r}")
    with archive.written(path, thread_id) as file:
        for table, row in _rows(database, thread_id):
            file.add(table, row)
            counts[table] += 1
        if not counts["checkpoints"]:
            raise InvalidRequestError(f"thread {thread_id!r} has no checkpoints")
        if database.read(epoch_of, thread_id) != epoch:
            raise DatabaseBusyError(f"some of thread {thread_id!r} was deleted while it was exported; do it again")
    return Exported(thread_id, counts["checkpoints"], counts["writes"], path.stat().st_size)


def _rows(database: Database, thread_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every row of a thread with the name of its table, the elements before what refers to them."""
    rewriting = Rewriting(None, thread_id, thread_id)
    for table in database.seals.documents:
        if (name := database.seals.tables[table].name) not in archive.COLUMNS:
            continue  # what runs had to do with others stays behind, as in a copy
        after: Sequence[Any] | None = None
        while True:
            read, found, after = database.read(_page, rewriting, table, thread_id, after)
            rows, parts = rewriting.renewed(read, found)
            for digest, part in parts.items():
                yield "elements", {"digest": digest, "inner": bool(part.references), "data": part.data}
            for row in rows:
                yield name, row
            if after is None:
                break


def _page(
    session: Session, rewriting: Rewriting, table: Table, thread_id: str, after: Sequence[Any] | None
) -> tuple[list[dict[str, Any]], Found, Sequence[Any] | None]:
    rows, last = page(session, table, thread_id, after, lock=False)
    return *rewriting.read(session, table, rows), last
