"""Reads a database against today's code: which values would not be restored, what is missing, damaged or of no use.

Every row and every element is read once, in small pages, each in a transaction of its own, so the work is linear in
what is stored and nobody waits for it. In memory are the digests of one thread at a time, and which of them refer to
which.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal, NamedTuple, cast

from sqlalchemy import Row, Select, Table, func, select, tuple_

from threadloom.checkpoints.codec import Reader, StrictSerializer, UnknownTypeError
from threadloom.checkpoints.elements import epoch_of
from threadloom.checkpoints.engine import Database
from threadloom.checkpoints.errors import (
    DamagedElementError,
    EncryptionError,
    MissingKeyError,
    NotEncryptedError,
    UnrestorableValueError,
)
from threadloom.checkpoints.query import at
from threadloom.checkpoints.records import Place, body_of, keys_of
from threadloom.checkpoints.session import Session
from threadloom.checkpoints.tables import Tables
from threadloom.checkpoints.tree import DICT, LIST, REFERENCE, TREE, references_in

PAGE = 64  # rows

Kind = Literal["unrestorable", "missing", "damaged", "unreferenced"]


class Problem(NamedTuple):
    """Something that is wrong with a thread.

    Args:
        kind: "unrestorable": a class is not allowed, or is no longer what it was; "missing": an element that a value
            refers to; "damaged": bytes are not what was stored; "unreferenced": elements to which nothing refers, one
            problem for all of a thread.
        reason: what is wrong, in words.
        type_name: the class as "module.name", if that is what is wrong.
        ns, checkpoint_id, channel: where. A value that several checkpoints share is named with the oldest. Without a
            channel, the checkpoint itself or its metadata is concerned, or, as the reason then says, what a run noted:
            its row, an effect, a question or the answer of a model.
    """

    thread_id: str
    kind: Kind
    reason: str
    type_name: str = ""
    ns: str = ""
    checkpoint_id: str = ""
    channel: str = ""


class _Fault(NamedTuple):
    kind: Kind
    type_name: str
    reason: str


def problems(database: Database, tables: Tables, serde: StrictSerializer, thread_id: str | None) -> Iterator[Problem]:
    """What is wrong with one thread or all, found as the caller goes on.

    A value is listed once for each class in it that cannot be restored. What was stored meanwhile may be looked at or
    not; what is deleted meanwhile is no problem.
    """
    if thread_id is not None:
        yield from _Thread(database, tables, serde, thread_id).problems()
        return
    found = None
    while (found := database.read(next_name, "thread_id", None, found)) is not None:
        yield from _Thread(database, tables, serde, found).problems()


class _Thread:
    """One thread: its elements are looked at first, then everything that refers to them."""

    def __init__(self, database: Database, tables: Tables, serde: StrictSerializer, thread_id: str) -> None:
        self._database, self._tables = database, tables
        self._serde, self._thread_id = serde, thread_id
        self._sizes: dict[bytes, int] = {}
        self._below: dict[bytes, Sequence[bytes]] = {}
        self._broken: dict[bytes, _Fault] = {}
        # The faults of each element to which something leads and of those below it.
        self._verdicts: dict[bytes, Mapping[_Fault, None]] = {}
        self._incomplete = False

    def problems(self) -> Iterator[Problem]:
        epoch = self._database.read(epoch_of, self._thread_id)
        elements = self._tables.elements
        query = _elements(self._tables, self._thread_id)
        for row in _walk(self._database, query, [elements.c.digest]):
            self._learn(row)
        ns = None
        while (ns := self._database.read(next_name, "ns", self._thread_id, ns)) is not None:
            for problem in self._in_namespace(Place(self._thread_id, ns)):
                if problem.kind != "missing" or self._database.read(epoch_of, self._thread_id) == epoch:
                    yield problem
        unused = self._sizes.keys() - self._verdicts.keys()
        # What is below an element that cannot be read is not known to be of no use.
        if unused and not self._incomplete and self._database.read(epoch_of, self._thread_id) == epoch:
            size = sum(self._sizes[digest] for digest in unused)
            reason = f"{len(unused)} elements, {size} bytes, to which nothing refers; pruning the thread deletes them"
            yield Problem(self._thread_id, "unreferenced", reason)
        yield from self._of_runs()

    def _in_namespace(self, place: Place) -> Iterator[Problem]:
        checkpoints, writes = self._tables.checkpoints, self._tables.writes
        for row in _walk(self._database, _documents(checkpoints, place), [checkpoints.c.checkpoint_id]):
            for fault in self._faults_of_body(row):
                yield self._problem(place, fault, row.checkpoint_id)
        oldest: Mapping[tuple[str, str], str] | None = None
        values = self._tables.values.c
        for row in _walk(self._database, _documents(self._tables.values, place), [values.channel, values.version]):
            for fault in self._faults_of(self._tables.values, row):
                oldest = self._oldest(place) if oldest is None else oldest
                yield self._problem(place, fault, oldest.get((row.channel, row.version), ""), row.channel)
        key = [writes.c.checkpoint_id, writes.c.task_id, writes.c.idx]
        for row in _walk(self._database, _documents(writes, place), key):
            for fault in self._faults_of(writes, row):
                yield self._problem(place, fault, row.checkpoint_id, row.channel)

    def _of_runs(self) -> Iterator[Problem]:
        """What is wrong with what runs noted, which refers to no elements; each row is told by its key."""
        for table in self._tables.affairs:
            query = _select(*table.columns).where(table.c.thread_id == self._thread_id)
            key = [column for column in table.primary_key if column.name != "thread_id"]
            for row in _walk(self._database, query, key):
                opened, fault = self._opened(table, row)
                if opened:
                    _, fault = _tried(self._serde, "msgpack", opened.body)
                if fault:
                    place = ", ".join(str(getattr(row, column.name)) for column in key)
                    reason = f"{table.name.rpartition('threadloom_')[2]} {place}: {fault.reason}"
                    checkpoint_id = getattr(row, "checkpoint_id", "")
                    yield self._problem(Place(self._thread_id, ""), fault._replace(reason=reason), checkpoint_id)

    def _faults_of_body(self, row: Row[Any]) -> Iterator[_Fault]:
        opened, fault = self._opened(self._tables.checkpoints, row)
        if fault:
            yield fault
            return
        try:
            body = body_of(opened)
        except UnrestorableValueError as exc:
            yield _Fault("damaged", "", str(exc))
            return
        for what, data in (("the metadata", body.metadata), ("the checkpoint", body.rest)):
            _, fault = _tried(self._serde, "msgpack", data)
            if fault:
                yield fault._replace(reason=f"{what}: {fault.reason}")

    def _problem(self, place: Place, fault: _Fault, checkpoint_id: str, channel: str = "") -> Problem:
        return Problem(self._thread_id, fault.kind, fault.reason, fault.type_name, place.ns, checkpoint_id, channel)

    def _oldest(self, place: Place) -> Mapping[tuple[str, str], str]:
        """The oldest checkpoint with each (channel, version)."""
        found: dict[tuple[str, str], str] = {}
        checkpoints = self._tables.checkpoints
        query = _select(*self._database.seals.columns(checkpoints)).where(*at(checkpoints, place))
        for row in _walk(self._database, query, [checkpoints.c.checkpoint_id]):
            opened, _ = self._opened(checkpoints, row)
            with suppress(UnrestorableValueError):  # which is a problem of its own
                for key in keys_of(body_of(opened).versions) if opened else ():
                    found.setdefault(key, row.checkpoint_id)
        return found

    def _opened(self, table: Table, row: Row[Any]) -> tuple[Any, _Fault | None]:
        """A row as it was before it was sealed, or why it cannot be opened."""
        try:
            [opened] = self._database.seals.opened(table, [row], thread_id=self._thread_id)
        except DamagedElementError:
            self._incomplete = True
            return None, _Fault("damaged", "", "an element of it is not what was stored; restore it from a backup")
        except EncryptionError as exc:
            self._incomplete = True
            kind: Kind = "unrestorable" if isinstance(exc, MissingKeyError | NotEncryptedError) else "damaged"
            return None, _Fault(kind, "", str(exc))
        return opened, None

    def _faults_of(self, table: Table, row: Row[Any]) -> Mapping[_Fault, None]:
        """What is wrong with the document of a value or a write, or below it."""
        opened, closed = self._opened(table, row)
        if closed:
            return {closed: None}
        references, fault = _tried(self._serde, row.type, opened.data)
        self._incomplete |= fault is not None and fault.kind == "damaged"
        return self._united(fault, references)

    def _united(self, fault: _Fault | None, references: Sequence[bytes]) -> Mapping[_Fault, None]:
        found = {fault: None} if fault else {}
        for digest in references:
            found |= self._verdict(digest)
        return found

    def _verdict(self, digest: bytes) -> Mapping[_Fault, None]:
        if digest not in self._verdicts:
            if digest not in self._sizes:
                self._look_again(digest)
            fault = self._broken.get(digest)
            self._incomplete |= fault is not None and fault.kind != "unrestorable"
            self._verdicts[digest] = self._united(fault, self._below.get(digest, ()))
        return self._verdicts[digest]

    def _look_again(self, digest: bytes) -> None:
        """An element that was not there may have been stored since."""
        row = self._database.read(_element, self._thread_id, digest)
        if row is None:
            self._broken[digest] = _Fault("missing", "", "an element of it is missing; restore it from a backup")
        else:
            self._learn(row)

    def _learn(self, row: Row[Any]) -> None:
        self._sizes[row.digest] = len(row.data)
        opened, closed = self._opened(self._tables.elements, row)
        if closed:
            self._broken[row.digest] = closed
            return
        references, fault = _tried(self._serde, TREE if row.inner else "msgpack", opened.data)
        if references:
            self._below[row.digest] = references
        if fault:
            self._broken[row.digest] = fault


class _Prover(Reader):
    """Reads a document without the elements that it refers to: it can be restored if it and each of them can."""

    def revive(self, code: int, data: bytes) -> Any:
        """The object for an extension; None for an element."""
        if code in (LIST, DICT):
            return self.unpack(data, self.revive)
        return None if code == REFERENCE else super().revive(code, data)


def _tried(serde: StrictSerializer, kind: str, data: bytes) -> tuple[Sequence[bytes], _Fault | None]:
    """The digests in a document, and why it cannot be restored, if it cannot."""
    references: Sequence[bytes] = ()
    try:
        if kind == TREE:
            references = references_in(data)
        if kind in (TREE, "msgpack"):
            _Prover(serde).read(data)
        else:
            serde.loads_typed((kind, data))
    except UnknownTypeError as exc:
        return references, _Fault("unrestorable", f"{exc.module}.{exc.name}", f"it {exc.reason}")
    except (ValueError, NotImplementedError) as exc:
        return references, _Fault("damaged", "", f"the stored bytes cannot be read ({exc})")
    return references, None


def _walk(database: Database, query: Select[Any], key: Sequence[Any]) -> Iterator[Row[Any]]:
    """The rows of a query in the order of a key that is unique among them, page by page."""
    after: tuple[Any, ...] | None = None
    while rows := database.read(_page, query, key, after):
        yield from rows
        after = tuple(getattr(rows[-1], column.name) for column in key)


def _page(
    session: Session, query: Select[Any], key: Sequence[Any], after: tuple[Any, ...] | None
) -> Sequence[Row[Any]]:
    if after is not None:  # the first condition is for MySQL, which finds no beginning in an index by the second
        query = query.where(key[0] >= after[0], tuple_(*key) > after)
    rows: Sequence[Row[Any]] = session.execute(query.order_by(*key).limit(PAGE)).all()
    return rows


def next_name(session: Session, name: str, thread_id: str | None, after: str | None) -> str | None:
    """The thread id or namespace that follows: one look into the index of each table."""
    found = []
    for table in (*session.tables.contents, *session.tables.affairs):
        if name in table.c:
            query = select(func.min(table.c[name]))
            query = query if thread_id is None else query.where(table.c.thread_id == thread_id)
            found.append(session.execute(query if after is None else query.where(table.c[name] > after)).scalar())
    return min((item for item in found if item is not None), default=None)


def _elements(tables: Tables, thread_id: str) -> Select[Any]:
    table = tables.elements.c
    return _select(table.digest, table.inner, table.data).where(table.thread_id == thread_id)


def _element(session: Session, thread_id: str, digest: bytes) -> Row[Any] | None:
    query = _elements(session.tables, thread_id).where(session.tables.elements.c.digest == digest)
    row: Row[Any] | None = session.execute(query).one_or_none()
    return row


def _documents(table: Any, place: Place) -> Select[Any]:
    return _select(*table.columns).where(*at(table, place))


def _select(*columns: Any) -> Select[Any]:
    statement: Select[Any] = cast("Any", select(*columns))
    return statement
