"""Reads a thread from a file into a database, whole or not at all.

Its rows are stored under another name first, `importing-…`, then read as `verify` reads them, and copied to their own
name in one transaction when all of them can be restored. What a killed import left is deleted by the next one of the
same thread.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from threadloom.checkpoints.archive import Archive, Row
from threadloom.checkpoints.codec import UnknownTypeError
from threadloom.checkpoints.elements import enter_thread, renew_thread
from threadloom.checkpoints.engine import Database
from threadloom.checkpoints.errors import ThreadExistsError, UnrestorableValueError
from threadloom.checkpoints.importing import Imported, beginning_of, temporary_name
from threadloom.checkpoints.records import body_of
from threadloom.checkpoints.session import Session
from threadloom.checkpoints.transfer import fault_of
from threadloom.checkpoints.tree import TREE, digest_of, renamed
from threadloom.checkpoints.verify import Problem

if TYPE_CHECKING:
    from threadloom.checkpoints.keeper import Keeper

BATCH = 200  # rows that are stored at a time
KINDS = (TREE, "msgpack", "null", "bytearray")  # how values are encoded here; LangGraph's serializer reads others too

_KINDS: dict[str, tuple[type, ...]] = {
    "step": (int, type(None)),
    "idx": (int,),
    "inner": (bool,),
    "body": (bytes,),
    "data": (bytes,),
    "digest": (bytes,),
    "parent_id": (str, type(None)),
    "run_id": (str, type(None)),
    "source": (str, type(None)),
}
"""What is in a column; text in all others."""


class Restoring:
    """The import of a file.

    Args:
        database: where to.
        saver: on that database; its serializer says what may be restored.
        path: the file.
        thread_id: what the thread is to be called; None as it was.
    """

    def __init__(self, database: Database, saver: "Keeper", path: Path, thread_id: str | None) -> None:
        self._database, self._saver = database, saver
        self._archive = Archive(path)
        self._thread_id = self._archive.thread_id if thread_id is None else thread_id
        self._name = temporary_name(self._thread_id)
        encryption = database.seals.encryption
        self._key = encryption.naming_key(self._name) if encryption else b""
        self._names: dict[bytes, bytes] = {}
        self._counts = {"checkpoints": 0, "writes": 0}
        self._problems: list[Problem] = []

    def run(self) -> Imported:
        """Bring it in; raises ThreadExistsError when there is one of that name."""
        if next(self._saver.timeline(self._thread_id, limit=1), None):
            raise ThreadExistsError(f"thread {self._thread_id!r} is in the database already; import it as another one")
        left_behind = self._saver.names(beginning_of(self._thread_id), limit=1000)
        try:
            self._store()
            self._problems += (p for p in self._saver.verify(self._name) if p.kind != "unreferenced")
            if not self._problems:
                self._saver.copy_thread(self._name, self._thread_id)
        finally:
            self._saver.delete_thread(self._name)
        for name in left_behind:
            self._saver.delete_thread(name)
        found = tuple(problem._replace(thread_id=self._thread_id) for problem in self._problems)
        counts = self._counts["checkpoints"], self._counts["writes"]
        return Imported(self._thread_id, "failed" if found else "imported", *counts, found)

    def _store(self) -> None:
        rows = self._archive.rows()
        while batch := list(islice(rows, BATCH)):
            by_table: dict[str, list[dict[str, Any]]] = defaultdict(list)
            for row in batch:
                by_table[row.table].append({"thread_id": self._name, **self._renamed(self._sound(row))})
            self._database.write(_insert, self._name, by_table)
        if not self._counts["checkpoints"]:
            raise self._archive.fault("there is no checkpoint in it")
        self._database.write(renew_thread, self._name)

    def _sound(self, row: Row) -> dict[str, Any]:
        """What is in a row; raises NotAnArchiveError when it cannot be in one."""
        for name, value in row.values.items():
            fits = type(value) in _KINDS.get(name, (str,))
            if not fits or (type(value) is int and not -(2**31) <= value < 2**31):
                raise self._archive.fault(f"a record of {row.table} in it has {value!r:.40} for {name}")
        if row.values.get("type", TREE) not in KINDS:
            raise self._archive.fault(f"a value in it is of the kind {row.values['type']!r:.40}")
        if row.table in self._counts:
            self._counts[row.table] += 1
        if row.table == "checkpoints" and (fault := self._fault_of(row.values)):
            place = {name: row.values[name] for name in ("ns", "checkpoint_id")}
            self._problems.append(Problem(self._thread_id, "damaged", fault, **place))
        return row.values

    def _fault_of(self, row: dict[str, Any]) -> str:
        """What is wrong with a checkpoint, beside what `verify` finds."""
        serde: Any = self._saver.serde
        try:
            body = body_of(SimpleNamespace(thread_id=self._thread_id, **row))
            rest = serde.loads_typed(("msgpack", body.rest))
            metadata = serde.loads_typed(("msgpack", body.metadata))
        except (UnrestorableValueError, UnknownTypeError, ValueError):
            return ""  # it does
        if not isinstance(rest, dict):
            return "it is no checkpoint"
        whole = {**rest, "id": row["checkpoint_id"], "channel_versions": body.versions}
        return fault_of(row["checkpoint_id"], whole, metadata)

    def _renamed(self, row: dict[str, Any]) -> dict[str, Any]:
        """A row with the names that elements have here; in plain text those in the file, which `verify` looks at."""
        if not self._key or "body" in row:
            return row
        if "digest" in row or row["type"] == TREE:
            try:
                row = {**row, "data": renamed(row["data"], self._names)}
            except ValueError as exc:
                raise self._archive.fault(f"what is in it cannot be read ({exc})") from exc
        if "digest" in row:
            self._names[row["digest"]] = name = digest_of(row["data"], self._key)
            row["digest"] = name
        return row


def _insert(session: Session, thread_id: str, rows: Mapping[str, Sequence[dict[str, Any]]]) -> None:
    enter_thread(session, thread_id, "own")
    for table, sealed in session.seals.tables.items():
        session.insert_new(table, rows.get(sealed.name, ()))
