"""Checkpoints and writes, read: synchronous functions on an open session.

They know rows, not LangGraph's objects: decoding happens outside the transaction.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any, NamedTuple, cast

from sqlalchemy import Row, Select, and_, null, select, tuple_, type_coerce, union_all

from threadloom.checkpoints.cache import Cache, Ledger
from threadloom.checkpoints.elements import chunks, load_elements
from threadloom.checkpoints.query import Inquiry, Query, at, named
from threadloom.checkpoints.records import Cell, Filter, Place, Stored, body_of, keys_of
from threadloom.checkpoints.session import Session
from threadloom.checkpoints.tables import Tables
from threadloom.checkpoints.tree import TREE

Rows = Sequence[Any]


class Key(NamedTuple):
    """Of the value of a channel."""

    thread_id: str
    ns: str
    channel: str
    version: str


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
    parts = load_elements(None, {place.thread_id: trees(chain(values, pending))}, cache)
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
        *named(tables.checkpoints, "thread_id", "ns", *(["checkpoint_id"] if by_id else []))
    )
    top = (query if by_id else query.order_by(column.checkpoint_id.desc()).limit(1)).cte("top")
    epoch = select(tables.threads.c.epoch).where(*named(tables.threads, "thread_id")).scalar_subquery()
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
        *named(tables.writes, "thread_id", "ns"),
        written.checkpoint_id == select(top.c.checkpoint_id).scalar_subquery(),
    )
    return union_all(checkpoint, pending)


def load_checkpoint(
    session: Session, place: Place, checkpoint_id: str | None, cache: Cache, ledger: Ledger
) -> Stored | None:
    """The checkpoint with this id, or the latest, whole; what is read is remembered."""
    checkpoints = session.tables.checkpoints
    query = select(checkpoints).where(*at(checkpoints, place))
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


def load_latest(session: Session, thread_ids: Iterable[str], cache: Cache) -> list[Stored]:
    """The latest root checkpoint of each of these threads that has one, in a few statements for all of them."""
    checkpoints, threads = session.tables.checkpoints, session.tables.threads.c
    column = checkpoints.c
    query = select(checkpoints).join(
        session.tables.threads,
        and_(column.thread_id == threads.thread_id, column.ns == "", column.checkpoint_id == threads.head),
    )
    found = (session.execute(query.where(threads.thread_id.in_(chunk))) for chunk in chunks(thread_ids))
    return _load(session, [*session.opened(checkpoints, chain.from_iterable(found))], cache)


def _load(session: Session, rows: Rows, cache: Cache) -> list[Stored]:
    """The values and pending writes of checkpoints, in a few statements for all of them."""
    keys = [[Key(row.thread_id, row.ns, *key) for key in keys_of(body_of(row).versions)] for row in rows]
    values = load_values(session, dict.fromkeys(chain.from_iterable(keys)))
    pending = _load_writes(session, [(row.thread_id, row.ns, row.checkpoint_id) for row in rows])
    documents: dict[str, list[bytes]] = defaultdict(list)
    for one in chain(values.values(), *pending.values()):
        documents[one.thread_id] += trees([one])
    parts = load_elements(session, documents, cache) or {}
    return [
        Stored(
            row,
            [values[key] for key in wanted if key in values],
            pending[row.thread_id, row.ns, row.checkpoint_id],
            parts,
        )
        for row, wanted in zip(rows, keys, strict=True)
    ]


def trees(rows: Iterable[Any]) -> list[bytes]:
    """The documents, of those of values or writes, that refer to elements."""
    return [row.data for row in rows if row.type == TREE]


def load_values(session: Session, keys: Iterable[Key]) -> dict[Key, Cell]:
    """The values with these keys, as far as they are not empty."""
    values = session.tables.values
    table = values.c
    query = _select(table.thread_id, table.ns, table.channel, table.version, table.type, table.data)
    place, among = (table.thread_id, table.ns, table.channel, table.version), session.dialect.among
    rows = chain.from_iterable(session.execute(query.where(among(place, chunk))) for chunk in chunks(keys))
    return {Key(*row[:4]): Cell(row[0], *row[2:]) for row in session.opened(values, rows)}


def stored_keys(session: Session, place: Place, keys: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of these versions of channels that have a value."""
    table = session.tables.values.c
    query = _select(table.channel, table.version).where(*at(session.tables.values, place))
    names, among = (table.channel, table.version), session.dialect.among
    rows = (session.execute(query.where(among(names, chunk))) for chunk in chunks(keys))
    return {(row.channel, row.version) for row in chain.from_iterable(rows)}


def _load_writes(session: Session, places: Iterable[tuple[str, str, str]]) -> dict[tuple[str, str, str], list[Any]]:
    """The writes of checkpoints in the order in which LangGraph applies them (`writes_sort_key`).

    A checkpoint is named by its thread, namespace and id.
    """
    writes = session.tables.writes
    column = writes.c
    query = select(writes).order_by(column.task_path, column.task_id, column.idx)
    place = column.thread_id, column.ns, column.checkpoint_id
    found = defaultdict(list)
    for chunk in chunks(places):
        for row in session.opened(writes, session.execute(query.where(session.dialect.among(place, chunk)))):
            found[row.thread_id, row.ns, row.checkpoint_id].append(row)
    return found


def _select(*columns: Any) -> Select[Any]:
    """`select` with one type for rows of any width: checkers hold rows of different widths for different types."""
    statement: Select[Any] = cast("Any", select(*columns))
    return statement
