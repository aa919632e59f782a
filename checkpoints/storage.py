"""Checkpoints and writes, stored and read: synchronous functions on an open session.

They know rows, not LangGraph's objects: encoding and decoding happen outside the transaction.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple, cast

from sqlalchemy import Row, Select, bindparam, null, select, tuple_, type_coerce, union_all, update

from threadloom.checkpoints.cache import Cache, Knowledge, Ledger
from threadloom.checkpoints.elements import chunks, enter_thread, load_elements, new_number
from threadloom.checkpoints.errors import MissingParentError, StaleThreadError
from threadloom.checkpoints.query import Inquiry, Query
from threadloom.checkpoints.records import Cell, Filter, Place, Stored, body_of, element_rows, keys_of
from threadloom.checkpoints.session import Session
from threadloom.checkpoints.tables import Tables
from threadloom.checkpoints.tree import TREE, Elements

Rows = Sequence[Any]


@dataclass(frozen=True)
class Put:
    """A checkpoint to store.

    Args:
        place: where.
        row, values: its row, and those of the channel values that are new in it.
        elements: those of the values that are not known to be stored.
        knowledge: what that was judged by.
        follows: it has to follow the latest checkpoint of its namespace.
        carries: it has values that its parent stored, or that are rebuilt from its ancestors.
        fence: that of the lease under which it is stored, if there is one.
        fresh: the epoch of the thread if it is a new one.
    """

    place: Place
    row: Mapping[str, Any]
    values: Sequence[Mapping[str, Any]]
    elements: Elements
    knowledge: Knowledge
    follows: bool = False
    carries: bool = True
    fence: int | None = None
    fresh: int = field(default_factory=new_number)

    @property
    def fits(self) -> bool:
        """Whether a single statement may do: the thread is known, or this may start it."""
        starts = not self.place.ns and self.row["parent_id"] is None and self.fence is None
        return starts or self.knowledge.epoch is not None

    def element_rows(self) -> list[dict[str, Any]]:
        """The rows of its elements."""
        return element_rows(self.place.thread_id, self.elements)


@dataclass(frozen=True)
class Writes:
    """Writes of a task to store, and those of their elements that are not known to be stored."""

    place: Place
    rows: Sequence[Mapping[str, Any]]
    elements: Elements
    knowledge: Knowledge
    fence: int | None = None
    fresh: int = field(default_factory=new_number)

    @property
    def fits(self) -> bool:
        """Whether a single statement may do: the thread is known, or these may start it."""
        return self.fence is None or self.knowledge.epoch is not None

    def element_rows(self) -> list[dict[str, Any]]:
        """The rows of their elements."""
        return element_rows(self.place.thread_id, self.elements)


class Outcome(NamedTuple):
    """What became of it: `done`, or else nothing was stored since the thread has another epoch than was thought.

    `epoch` is the one it has, as far as it was looked at.
    """

    epoch: int | None
    done: bool = True


def put_checkpoint(session: Session, put: Put, ledger: Ledger) -> Outcome:
    """Store a checkpoint.

    Raises:
        StaleThreadError: it has to follow the latest checkpoint, and does not.
        MissingParentError: somebody deleted the parent, and with it perhaps what this one carries.
        ThreadDeletedError: somebody deleted the thread of a subgraph.
        LeaseLostError: somebody else has the lease.
    """
    place, row = put.place, put.row
    # A root checkpoint may start a thread; the ones of a subgraph go on in one.
    known = bool(place.ns) and put.knowledge.epoch is not None
    epoch, head = enter_thread(session, place.thread_id, "share" if place.ns else "lead", known=known, fence=put.fence)
    # The checkpoint itself is the head when the answer to its storing got lost and it is stored again.
    if put.follows and head not in (row["parent_id"], row["checkpoint_id"]):
        raise StaleThreadError(*place, row["parent_id"], head)
    if not _still_true(put.knowledge, epoch, ledger):
        return Outcome(epoch, done=False)
    if put.carries and not put.follows and row["parent_id"]:
        _check_parent(session, place, row["parent_id"])
    session.insert_new(session.tables.elements, put.element_rows())
    session.insert_or_replace(session.tables.values, put.values)
    session.insert_or_replace(session.tables.checkpoints, [row])
    if not place.ns and (head is None or head < row["checkpoint_id"]):
        session.change(_set_head, [{"thread": place.thread_id, "checkpoint": row["checkpoint_id"]}])
    return Outcome(epoch)


def put_checkpoint_alone(session: Session, put: Put, ledger: Ledger) -> Inquiry[Outcome]:
    """Store a checkpoint by a single statement if what is known is true; else nothing, and `put_checkpoint` may."""
    return (yield from _alone(session.dialect.put_checkpoint(session, put), put, ledger))


def put_writes_alone(session: Session, put: Writes, ledger: Ledger) -> Inquiry[Outcome]:
    """`put_checkpoint_alone` for writes."""
    return (yield from _alone(session.dialect.put_writes(session, put), put, ledger))


def _alone(inquiry: Inquiry[int | None], put: Put | Writes, ledger: Ledger) -> Inquiry[Outcome]:
    epoch = (yield from inquiry) if ledger.holds(put.knowledge) else None
    return Outcome(put.knowledge.epoch, done=False) if epoch is None else Outcome(epoch)


def put_writes(session: Session, put: Writes, ledger: Ledger) -> Outcome:
    """Store writes of a task: a special one (negative index) replaces its predecessor, another keeps what is there.

    Writes may come before the first checkpoint of their thread, but not after its deletion: nobody would delete them.

    Raises:
        ThreadDeletedError: they did.
        LeaseLostError: somebody else has the lease.
    """
    epoch, known, fence = None, put.knowledge.epoch is not None, put.fence
    # Also when all that a tree refers to is known to be stored.
    if known or fence is not None or any(row["type"] == TREE for row in put.rows):
        epoch, _ = enter_thread(session, put.place.thread_id, "share", known=known, fence=fence)
        if not _still_true(put.knowledge, epoch, ledger):
            return Outcome(epoch, done=False)
        session.insert_new(session.tables.elements, put.element_rows())
    session.insert_new(session.tables.writes, [row for row in put.rows if row["idx"] >= 0])
    session.insert_or_replace(session.tables.writes, [row for row in put.rows if row["idx"] < 0])
    return Outcome(epoch)


def _still_true(knowledge: Knowledge, epoch: int, ledger: Ledger) -> bool:
    return knowledge.epoch in (None, epoch) and ledger.holds(knowledge)


def _check_parent(session: Session, place: Place, parent_id: str) -> None:
    if not session.rows(_found, {**place._asdict(), "checkpoint_id": parent_id}):
        raise MissingParentError(*place, parent_id)


def _found(tables: Tables) -> Select[Any]:
    return select(tables.checkpoints.c.step).where(*_named(tables.checkpoints, "thread_id", "ns", "checkpoint_id"))


def _set_head(tables: Tables) -> Any:
    threads = tables.threads
    return update(threads).where(threads.c.thread_id == bindparam("thread")).values(head=bindparam("checkpoint"))


class Glance(NamedTuple):
    """A checkpoint read by one statement; not `whole` when some of it has to be read by others."""

    stored: Stored | None
    whole: bool


def glance(session: Session, place: Place, checkpoint_id: str | None, cache: Cache, ledger: Ledger) -> Inquiry[Glance]:
    """The checkpoint with this id, or the latest, as far as one statement and what is remembered go."""
    found = yield Query(_glanced, {**place._asdict(), "checkpoint_id": checkpoint_id}, (bool(checkpoint_id),))
    top = next((row for row in found if row.task_path is None), None)
    if top is None:
        if not (place.ns or checkpoint_id):
            ledger.drop(place.thread_id)  # whoever asked is about to start it anew
        return Glance(None, whole=True)
    if top.epoch is None:
        return Glance(None, whole=False)
    ledger.learn(place.thread_id, top.epoch)
    [row] = session.opened(session.tables.checkpoints, [CheckpointRow(*place, top.id, top.about, top.data)])
    cells = [cache.get(cell_key(place, key, top.epoch)) for key in keys_of(body_of(row).versions)]
    if None in cells:
        return Glance(None, whole=False)
    values = [cell for cell in cells if cell.type]
    rest = (
        WriteRow(place.thread_id, w.id, w.channel, w.about, w.data, w.task_path, w.idx) for w in found if w is not top
    )
    opened = session.opened(session.tables.writes, rest, ns=place.ns, checkpoint_id=row.checkpoint_id)
    pending = sorted(opened, key=lambda w: (w.task_path, w.task_id, w.idx))
    parts = load_elements(None, place.thread_id, trees(chain(values, pending)), cache)
    return Glance(Stored(row, values, pending, parts or {}), whole=parts is not None)


class CheckpointRow(NamedTuple):
    """A row of a checkpoint, as far as it is needed to make one."""

    thread_id: str
    ns: str
    checkpoint_id: str
    parent_id: str | None
    body: bytes


class WriteRow(NamedTuple):
    """A row of a write."""

    thread_id: str
    task_id: str
    channel: str
    type: str
    data: bytes
    task_path: str
    idx: int


def cell_key(place: Place, key: tuple[str, str], epoch: int | None) -> tuple[Any, ...]:
    """Under which a cell is remembered: a version of a channel has one value as long as nothing is deleted."""
    return (*place, *key, epoch)


def _glanced(tables: Tables, by_id: bool) -> Any:
    """A checkpoint with the epoch of its thread (without a task path), and its writes."""
    column, written = tables.checkpoints.c, tables.writes.c
    query = select(column.checkpoint_id, column.parent_id, column.body).where(
        *_named(tables.checkpoints, "thread_id", "ns", *(["checkpoint_id"] if by_id else []))
    )
    top = (query if by_id else query.order_by(column.checkpoint_id.desc()).limit(1)).cte("top")
    epoch = select(tables.threads.c.epoch).where(*_named(tables.threads, "thread_id")).scalar_subquery()
    checkpoint = select(
        top.c.checkpoint_id.label("id"),
        top.c.parent_id.label("about"),
        type_coerce(null(), written.channel.type).label("channel"),
        type_coerce(null(), written.task_path.type).label("task_path"),
        null().label("idx"),
        top.c.body.label("data"),
        epoch.label("epoch"),
    )
    pending = select(
        written.task_id, written.type, written.channel, written.task_path, written.idx, written.data, null()
    ).where(
        *_named(tables.writes, "thread_id", "ns"),
        written.checkpoint_id == select(top.c.checkpoint_id).scalar_subquery(),
    )
    return union_all(checkpoint, pending)


def load_checkpoint(
    session: Session, place: Place, checkpoint_id: str | None, cache: Cache, ledger: Ledger
) -> Stored | None:
    """The checkpoint with this id, or the latest, whole; what is read is remembered."""
    checkpoints = session.tables.checkpoints
    query = select(checkpoints).where(*_at(checkpoints, place))
    if checkpoint_id:
        query = query.where(checkpoints.c.checkpoint_id == checkpoint_id)
    rows = session.execute(query.order_by(checkpoints.c.checkpoint_id.desc()).limit(1))
    row = next(session.opened(checkpoints, rows), None)
    if row is None:
        return None
    [stored] = _load(session, [row], cache)
    threads = session.tables.threads.c
    epoch = session.execute(select(threads.epoch).where(threads.thread_id == place.thread_id)).scalar()
    if epoch is not None:
        remember_cells(cache, place, epoch, stored.values, keys_of(body_of(row).versions))
        ledger.learn(place.thread_id, epoch, stored.elements)
    return stored


def remember_cells(
    cache: Cache, place: Place, epoch: int | None, cells: Iterable[Cell], keys: Iterable[tuple[str, str]]
) -> None:
    """Keep the values of these versions of channels at hand; those without a value are empty."""
    found = {cell.channel: cell for cell in cells}
    for channel, version in keys:
        cell = found.get(channel) or Cell(place.thread_id, channel, version, "", b"")
        cache.put(cell_key(place, (channel, version), epoch), cell, len(cell.data))


def load_page(
    session: Session,
    wanted: Filter,
    after: Row[Any] | None,
    cache: Cache,
    *,
    size: int,
    matches: Callable[[Row[Any]], bool],
    most: int | None,
) -> tuple[list[Stored], Row[Any] | None]:
    """Look at the next `size` checkpoints, newest first, and load those that match, `most` at most.

    Returns them with the last row looked at, which continues the listing as `after`; None at the end.
    """
    column = session.tables.checkpoints.c
    order = (column.checkpoint_id, column.thread_id, column.ns)
    query = _listed(session.tables, wanted)
    if after is not None:
        query = query.where(tuple_(*order) < (after.checkpoint_id, after.thread_id, after.ns))
    found = session.execute(query.order_by(*(c.desc() for c in order)).limit(size))
    rows = [*session.opened(session.tables.checkpoints, found)]
    last = rows[-1] if len(rows) == size else None
    return _load(session, [row for row in rows if matches(row)][:most], cache), last


def _listed(tables: Tables, wanted: Filter) -> Select[Any]:
    column = tables.checkpoints.c
    exact = {column.thread_id: wanted.thread_id, column.ns: wanted.ns, column.checkpoint_id: wanted.checkpoint_id}
    # A first sieve that an index or the row itself can answer; equality of metadata in general is Python's.
    exact |= {column[k]: v for k, v in wanted.metadata.items() if k in ("run_id", "source") and type(v) is str}
    query = select(tables.checkpoints).where(*(c == v for c, v in exact.items() if v is not None))
    return query.where(column.checkpoint_id < wanted.before) if wanted.before else query


def _load(session: Session, rows: Rows, cache: Cache) -> list[Stored]:
    """The values and pending writes of checkpoints, a few statements for each thread and namespace."""
    by_place: dict[Place, list[Any]] = defaultdict(list)
    for row in rows:
        by_place[Place(row.thread_id, row.ns)].append(row)
    stored: dict[tuple[str, str, str], Stored] = {}
    for place, group in by_place.items():
        keys = [keys_of(body_of(row).versions) for row in group]
        values = load_values(session, place, {key: None for of_one in keys for key in of_one})
        pending = load_writes(session, place, [row.checkpoint_id for row in group])
        parts = load_elements(session, place.thread_id, trees(chain(values.values(), *pending.values())), cache)
        for row, wanted in zip(group, keys, strict=True):
            found = [values[key] for key in wanted if key in values]
            stored[place.thread_id, place.ns, row.checkpoint_id] = Stored(
                row, found, pending[row.checkpoint_id], parts or {}
            )
    return [stored[row.thread_id, row.ns, row.checkpoint_id] for row in rows]


def trees(rows: Iterable[Any]) -> list[bytes]:
    """The documents, of those of values or writes, that refer to elements."""
    return [row.data for row in rows if row.type == TREE]


def load_values(session: Session, place: Place, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Cell]:
    """The values of these versions of channels, as far as they are not empty."""
    values = session.tables.values
    table = values.c
    query = _select(table.thread_id, table.channel, table.version, table.type, table.data).where(*_at(values, place))
    rows = (session.execute(query.where(tuple_(table.channel, table.version).in_(chunk))) for chunk in chunks(keys))
    opened = session.opened(values, chain.from_iterable(rows), ns=place.ns)
    return {(row.channel, row.version): Cell(*row) for row in opened}


def stored_keys(session: Session, place: Place, keys: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of these versions of channels that have a value."""
    table = session.tables.values.c
    query = _select(table.channel, table.version).where(*_at(session.tables.values, place))
    rows = (session.execute(query.where(tuple_(table.channel, table.version).in_(chunk))) for chunk in chunks(keys))
    return {(row.channel, row.version) for row in chain.from_iterable(rows)}


def load_writes(session: Session, place: Place, checkpoint_ids: Iterable[str]) -> dict[str, list[Any]]:
    """The writes of each checkpoint in the order in which LangGraph applies them (`writes_sort_key`)."""
    writes = session.tables.writes
    query = select(writes).where(*_at(writes, place)).order_by(writes.c.task_path, writes.c.task_id, writes.c.idx)
    found = defaultdict(list)
    for chunk in chunks(checkpoint_ids):
        for row in session.opened(writes, session.execute(query.where(writes.c.checkpoint_id.in_(chunk)))):
            found[row.checkpoint_id].append(row)
    return found


def _select(*columns: Any) -> Select[Any]:
    """`select` with one type for rows of any width: checkers hold rows of different widths for different types."""
    statement: Select[Any] = cast("Any", select(*columns))
    return statement


def _at(table: Any, place: Place) -> tuple[Any, Any]:
    return table.c.thread_id == place.thread_id, table.c.ns == place.ns


def _named(table: Any, *names: str) -> list[Any]:
    """Conditions on columns, each equal to the parameter of its name."""
    return [table.c[name] == bindparam(name) for name in names]
