"""Rows sealed on their way into the database and opened on their way out, each for its place.

Every row of contents has one blob. What it is sealed for are its table, its keys and what else says how it is to be
read, so that none can be put in the place of another. Every insertion passes `closed`; whoever reads a blob passes its
rows through `opened`, and could not read it otherwise: a sealed blob is no MessagePack.

In plain text the only seal is the name of an element. It is looked at as well: what is remembered under a name goes to
every thread that refers to it.
"""

from collections import namedtuple
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import ormsgpack
from sqlalchemy import LargeBinary, Table, func, literal, or_

from threadloom.checkpoints.encryption import Encryption, key_id_of
from threadloom.checkpoints.errors import DamagedElementError, MissingKeyError
from threadloom.checkpoints.tables import Tables
from threadloom.checkpoints.tree import digest_of


class Sealed(NamedTuple):
    """What of a table is sealed, and for what: a name that stays when the table is renamed, and columns."""

    name: str
    blob: str
    place: tuple[str, ...]


class Seals:
    """What a store does to the blobs of its rows.

    Args:
        tables: those of the store.
        encryption: with which keys; None stores plain text.
    """

    def __init__(self, tables: Tables, encryption: Encryption | None) -> None:
        self.encryption = encryption
        self.tables: Mapping[Table, Sealed] = {
            tables.checkpoints: Sealed("checkpoints", "body", ("ns", "checkpoint_id", "parent_id")),
            tables.values: Sealed("values", "data", ("ns", "channel", "version", "type")),
            tables.writes: Sealed(
                "writes", "data", ("ns", "checkpoint_id", "task_id", "idx", "task_path", "channel", "type")
            ),
            tables.elements: Sealed("elements", "data", ("digest",)),
            tables.runs: Sealed("runs", "body", ("run_id", "graph")),
            tables.effects: Sealed("effects", "body", ("scope", "key")),
            tables.questions: Sealed("questions", "body", ("run_id", "handle", "number", "event")),
            tables.calls: Sealed("calls", "body", ("task_id", "number", "run_id", "checkpoint_id", "ns")),
        }

    @property
    def documents(self) -> tuple[Table, ...]:
        """The tables with contents that no other contents refer to."""
        return tuple(table for table, sealed in self.tables.items() if sealed.name != "elements")

    def stale(self, table: Table) -> Any:
        """An SQL condition: not sealed with the current key."""
        header = self.encryption.header if self.encryption else b""
        begins = func.substr(table.c[self.tables[table].blob], 1, len(header), type_=LargeBinary)
        # SQLite finds NULL at the beginning of what is empty.
        return or_(begins.is_(None), begins != literal(header, LargeBinary))

    def columns(self, table: Table) -> list[Any]:
        """What a query has to select so that its rows can be opened without being told more."""
        sealed = self.tables[table]
        return [table.c[name] for name in ("thread_id", *sealed.place, sealed.blob)]

    def closed(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
        """Rows as they are stored."""
        if self.encryption is None or (sealed := self.tables.get(table)) is None:
            return rows
        blob, seal = sealed.blob, self.encryption.seal
        return [
            {**row, blob: seal(row["thread_id"], _place(sealed, [row[name] for name in sealed.place]), row[blob])}
            for row in rows
        ]

    def opened(self, table: Table, rows: Iterable[Any], *, lenient: bool = False, **given: Any) -> Iterator[Any]:
        """Rows that were read, with their blobs as they were before they were sealed.

        Args:
            table, rows: what was read from where; each row with its columns by name.
            lenient: take plain rows for what they are.
            given: the columns of its place that the rows do not have.

        Raises:
            EncryptionError: a row is not sealed as it should be, or sealed though it should not; see
                `Encryption.open`.
            DamagedElementError: a plain element is not the one of its name.
        """
        sealed = self.tables[table]
        if self.encryption is None:
            return _plain(sealed, rows, given)
        return _unsealed(self.encryption, sealed, rows, given, lenient=lenient)


def _plain(sealed: Sealed, rows: Iterable[Any], given: Mapping[str, Any]) -> Iterator[Any]:
    for row in rows:
        data = getattr(row, sealed.blob)
        if (key_id := key_id_of(data)) is not None:
            raise MissingKeyError(key_id)
        _check_name(sealed, row, data, given)
        yield row


def _check_name(sealed: Sealed, row: Any, data: bytes, given: Mapping[str, Any]) -> None:
    if sealed.name == "elements" and digest_of(data) != row.digest:
        raise DamagedElementError(given.get("thread_id") or row.thread_id)


def _unsealed(
    encryption: Encryption, sealed: Sealed, rows: Iterable[Any], given: Mapping[str, Any], *, lenient: bool
) -> Iterator[Any]:
    make, at = None, 0
    for row in rows:
        if make is None:  # it takes SQLAlchemy a while to say what fields its rows have, all the same ones
            fields = row._fields
            make, at = _kind(fields), fields.index(sealed.blob)
        data = row[at]
        if not lenient or key_id_of(data) is not None:
            thread_id, *place = [given[n] if n in given else getattr(row, n) for n in ("thread_id", *sealed.place)]
            data = encryption.open(thread_id, _place(sealed, place), data)
        else:
            _check_name(sealed, row, data, given)
        yield make((*row[:at], data, *row[at + 1 :]))


def _place(sealed: Sealed, columns: Sequence[Any]) -> bytes:
    try:
        return ormsgpack.packb([sealed.name, *columns])
    except TypeError:  # a lone surrogate, which no database takes either: fail as it does there
        for column in columns:
            str(column).encode()
        raise


@lru_cache
def _kind(fields: tuple[str, ...]) -> Any:
    """What makes a row with these fields; SQLAlchemy's rows cannot be made."""
    opened: Any = namedtuple("Opened", fields)  # type: ignore[misc]  # which they are shows at run time only
    return opened._make
