"""What is read and written, statement by statement: synchronous functions on an open connection.

They know rows, not LangGraph's objects: encoding and decoding happen outside the transaction.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, cast

from sqlalchemy import Connection, Row, Select, and_, delete, func, insert, inspect, literal, select, tuple_

from threadloom.checkpoints.cache import Cache, Ledger
from threadloom.checkpoints.dialects import dialect_of
from threadloom.checkpoints.elements import (
    Receipt,
    chunks,
    collect_garbage,
    enter_thread,
    load_elements,
    lock_thread,
    store_elements,
)
from threadloom.checkpoints.errors import MissingParentError, StaleThreadError, ThreadExistsError
from threadloom.checkpoints.records import Filter, Place, Stored
from threadloom.checkpoints.tables import (
    SCHEMA_VERSION,
    channel_values,
    checkpoints,
    elements,
    metadata,
    schema,
    threads,
    writes,
)
from threadloom.checkpoints.tree import TREE, Elements

Rows = Sequence[Row[Any]]

_NEWEST_FIRST = (checkpoints.c.checkpoint_id, checkpoints.c.thread_id, checkpoints.c.ns)


def schema_version(connection: Connection) -> int | None:
    """The version of the tables in this database; None when they are not all there yet."""
    if not inspect(connection).has_table(schema.name):
        return None
    version: int | None = connection.execute(select(schema.c.version)).scalar_one_or_none()
    return version


def create_schema(connection: Connection) -> int:
    """Create the tables unless another process just did; returns the version that is there now."""
    found = schema_version(connection)
    if found is None:
        metadata.create_all(connection)
        connection.execute(insert(schema).values(version=SCHEMA_VERSION))
    return found or SCHEMA_VERSION


def put_checkpoint(
    connection: Connection,
    row: Mapping[str, Any],
    values: Sequence[Mapping[str, Any]],
    parts: Elements,
    ledger: Ledger,
    *,
    follows: bool = False,
    carries: bool = True,
) -> Receipt | None:
    """Store a checkpoint, the channel values that are new in it and those of their elements that are new.

    Args:
        connection, row, values, parts, ledger: where and what.
        follows: it has to follow the latest checkpoint of its namespace.
        carries: it has values that its parent stored, or that are rebuilt from its ancestors.

    Raises:
        StaleThreadError: it has to follow the latest checkpoint, and does not.
        MissingParentError: somebody deleted the parent, and with it perhaps what this one carries.
    """
    epoch = enter_thread(connection, row["thread_id"], alone=follows)
    if follows:
        _check_head(connection, row)
    elif carries and row["parent_id"]:
        _check_parent(connection, row)
    receipt = store_elements(connection, row["thread_id"], epoch, parts, ledger)
    dialect = dialect_of(connection)
    if values:
        dialect.insert_or_replace(connection, channel_values, values)
    dialect.insert_or_replace(connection, checkpoints, [row])
    return receipt


def _check_head(connection: Connection, row: Mapping[str, Any]) -> None:
    head = connection.execute(select(_latest(Place(row["thread_id"], row["ns"])))).scalar()
    # The checkpoint itself is the head when the answer to its storing got lost and it is stored again.
    if head not in (row["parent_id"], row["checkpoint_id"]):
        raise StaleThreadError(row["thread_id"], row["ns"], row["parent_id"], head)


def _check_parent(connection: Connection, row: Mapping[str, Any]) -> None:
    place, parent = Place(row["thread_id"], row["ns"]), checkpoints.c.checkpoint_id == row["parent_id"]
    if connection.execute(select(literal(1)).where(*_at(checkpoints, place), parent)).first() is None:
        raise MissingParentError(*place, row["parent_id"])


def put_writes(
    connection: Connection, place: Place, rows: Sequence[Mapping[str, Any]], parts: Elements, ledger: Ledger
) -> Receipt | None:
    """Store writes of a task: a special one (negative index) replaces its predecessor, another keeps what is there."""
    receipt = None
    if parts:
        epoch = enter_thread(connection, place.thread_id)
        receipt = store_elements(connection, place.thread_id, epoch, parts, ledger)
    dialect = dialect_of(connection)
    if ordinary := [r for r in rows if r["idx"] >= 0]:
        dialect.insert_new(connection, writes, ordinary)
    if special := [r for r in rows if r["idx"] < 0]:
        dialect.insert_or_replace(connection, writes, special)
    return receipt


def load_checkpoint(connection: Connection, place: Place, checkpoint_id: str | None, cache: Cache) -> Stored | None:
    """The checkpoint with this id, or the latest."""
    query = select(checkpoints).where(*_at(checkpoints, place))
    if checkpoint_id:
        query = query.where(checkpoints.c.checkpoint_id == checkpoint_id)
    row = connection.execute(query.order_by(checkpoints.c.checkpoint_id.desc()).limit(1)).one_or_none()
    return _load(connection, [row], cache)[0] if row else None


def load_page(
    connection: Connection,
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
    query = _listed(wanted)
    if after is not None:
        query = query.where(tuple_(*_NEWEST_FIRST) < (after.checkpoint_id, after.thread_id, after.ns))
    rows = connection.execute(query.order_by(*(c.desc() for c in _NEWEST_FIRST)).limit(size)).all()
    last = rows[-1] if len(rows) == size else None
    return _load(connection, [row for row in rows if matches(row)][:most], cache), last


def _listed(wanted: Filter) -> Select[Any]:
    column = checkpoints.c
    exact = {column.thread_id: wanted.thread_id, column.ns: wanted.ns, column.checkpoint_id: wanted.checkpoint_id}
    # A first sieve that an index or the row itself can answer; equality of metadata in general is Python's.
    exact |= {column[k]: v for k, v in wanted.metadata.items() if k in ("run_id", "source") and type(v) is str}
    query = select(checkpoints).where(*(c == v for c, v in exact.items() if v is not None))
    return query.where(column.checkpoint_id < wanted.before) if wanted.before else query


def _load(connection: Connection, rows: Rows, cache: Cache) -> list[Stored]:
    """The values and pending writes of checkpoints, a few statements for each thread and namespace."""
    by_place: dict[Place, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        by_place[Place(row.thread_id, row.ns)].append(row)
    stored: dict[tuple[str, str, str], Stored] = {}
    for place, group in by_place.items():
        values = _values(connection, place, _keys(*group))
        pending = _writes(connection, place, [row.checkpoint_id for row in group])
        parts = _parts(connection, place, chain(values.values(), *pending.values()), cache)
        for row in group:
            found = [values[key] for key in _keys(row) if key in values]
            stored[place.thread_id, place.ns, row.checkpoint_id] = Stored(row, found, pending[row.checkpoint_id], parts)
    return [stored[row.thread_id, row.ns, row.checkpoint_id] for row in rows]


def _parts(connection: Connection, place: Place, rows: Iterable[Row[Any]], cache: Cache) -> Elements:
    return load_elements(connection, place.thread_id, [row.data for row in rows if row.type == TREE], cache)


def _keys(*rows: Row[Any]) -> dict[tuple[str, str], None]:
    """The (channel, version) pairs of checkpoints, each once and in order."""
    return {(channel, str(version)): None for row in rows for channel, version in row.channel_versions.items()}


def _values(connection: Connection, place: Place, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Row[Any]]:
    table = channel_values.c
    query = _select(table.thread_id, table.channel, table.version, table.type, table.data).where(
        *_at(channel_values, place)
    )
    found = (
        row
        for chunk in chunks(keys)
        for row in connection.execute(query.where(tuple_(table.channel, table.version).in_(chunk)))
    )
    return {(row.channel, row.version): row for row in found}


def _writes(
    connection: Connection, place: Place, checkpoint_ids: Iterable[str], channels: Sequence[str] = ()
) -> dict[str, list[Row[Any]]]:
    """The writes of each checkpoint in the order in which LangGraph applies them (`writes_sort_key`)."""
    query = select(writes).where(*_at(writes, place)).order_by(writes.c.task_path, writes.c.task_id, writes.c.idx)
    if channels:
        query = query.where(writes.c.channel.in_(channels))
    found = defaultdict(list)
    for chunk in chunks(checkpoint_ids):
        for row in connection.execute(query.where(writes.c.checkpoint_id.in_(chunk))):
            found[row.checkpoint_id].append(row)
    return found


def delete_thread(connection: Connection, thread_id: str) -> None:
    """Delete everything of a thread."""
    enter_thread(connection, thread_id, alone=True)  # waits also for one who is about to start the thread
    for table in (checkpoints, channel_values, writes, elements, threads):
        connection.execute(delete(table).where(table.c.thread_id == thread_id))


def copy_thread(connection: Connection, source: str, target: str) -> None:
    """Copy everything of a thread, whole history included, to a thread that must not exist yet."""
    for thread_id in sorted({source, target}):  # in order: two who lock the same wait, never both at once
        enter_thread(connection, thread_id, alone=True)
    if connection.execute(select(checkpoints.c.ns).where(checkpoints.c.thread_id == target).limit(1)).first():
        raise ThreadExistsError(f"thread {target!r} already has checkpoints; choose a new id or delete it first")
    delete_thread(connection, target)  # writes without a checkpoint may be there
    enter_thread(connection, target)
    for table in (checkpoints, channel_values, writes, elements):
        copied = [literal(target, c.type) if c.name == "thread_id" else c for c in table.columns]
        rows = select(*copied).where(table.c.thread_id == source)
        connection.execute(insert(table).from_select(list(table.columns), rows))


def keep_latest(connection: Connection, thread_id: str) -> None:
    """Delete all but the latest checkpoint of each namespace and what rebuilds its replayed channels."""
    if not lock_thread(connection, thread_id):
        return
    found = connection.execute(select(checkpoints.c.ns).where(checkpoints.c.thread_id == thread_id).distinct())
    for ns in found.scalars().all():
        history = _History(connection, Place(thread_id, ns))
        history.keep_only({max(history.rows)})
    collect_garbage(connection, thread_id)


def delete_runs(connection: Connection, run_ids: Collection[str]) -> None:
    """Delete the checkpoints of runs, except those that rebuild a replayed channel of one that stays."""
    doomed: dict[Place, set[str]] = defaultdict(set)
    query = select(checkpoints.c.thread_id, checkpoints.c.ns, checkpoints.c.checkpoint_id)
    for chunk in chunks(run_ids):
        for row in connection.execute(query.where(checkpoints.c.run_id.in_(chunk))):
            doomed[Place(row.thread_id, row.ns)].add(row.checkpoint_id)
    # In order, so that two who lock several threads wait for each other, never both at once.
    thread_ids = sorted({place.thread_id for place in doomed})
    for thread_id in thread_ids:
        lock_thread(connection, thread_id)
    for place, checkpoint_ids in doomed.items():
        history = _History(connection, place)
        history.keep_only(history.rows.keys() - checkpoint_ids)
    for thread_id in thread_ids:
        collect_garbage(connection, thread_id)


class _History:
    """The checkpoints of a namespace without their contents: who descends from whom, and which values are stored."""

    def __init__(self, connection: Connection, place: Place) -> None:
        self._connection, self._place = connection, place
        table, values = checkpoints.c, channel_values.c
        heads = _select(table.checkpoint_id, table.parent_id, table.channel_versions, table.replayed)
        found = connection.execute(heads.where(*_at(checkpoints, place)))
        self.rows = {row.checkpoint_id: row for row in found}
        keys = connection.execute(select(values.channel, values.version).where(*_at(channel_values, place)))
        self.values = {(row.channel, row.version) for row in keys}

    def keep_only(self, kept: Collection[str]) -> None:
        """Delete the other checkpoints, their writes, and the values that nobody refers to any more."""
        kept = {*kept, *(needed for checkpoint_id in kept for needed in self._rebuilt_from(checkpoint_id))}
        gone = self.rows.keys() - kept
        for table in (checkpoints, writes):
            for chunk in chunks(gone):
                self._delete(table, table.c.checkpoint_id.in_(chunk))
        self._delete_strays()
        unused = self.values - _keys(*(self.rows[checkpoint_id] for checkpoint_id in kept)).keys()
        for keys in chunks(unused):
            self._delete(channel_values, tuple_(channel_values.c.channel, channel_values.c.version).in_(keys))

    def _delete_strays(self) -> None:
        """Delete writes that arrived after their checkpoint had been deleted; younger ones may precede theirs."""
        stays, written = select(checkpoints.c.checkpoint_id), writes.c.checkpoint_id
        if self.rows:
            gone = written.not_in(stays.where(*_at(checkpoints, self._place)))
            self._delete(writes, and_(written < max(self.rows), gone))

    def _delete(self, table: Any, condition: Any) -> None:
        self._connection.execute(delete(table).where(*_at(table, self._place), condition))

    def _rebuilt_from(self, checkpoint_id: str) -> Iterator[str]:
        """The ancestors back to the nearest stored value of every replayed channel, whose writes rebuild it."""
        missing, row = set(self.rows[checkpoint_id].replayed), self.rows.get(self.rows[checkpoint_id].parent_id)
        while missing and row is not None:
            yield row.checkpoint_id
            missing -= {c for c in missing if (c, str(row.channel_versions.get(c))) in self.values}
            row = self.rows.get(row.parent_id)


def load_delta_history(
    connection: Connection, place: Place, checkpoint_id: str | None, channels: Sequence[str], cache: Cache
) -> tuple[dict[str, tuple[list[Row[Any]], Row[Any] | None]], Elements]:
    """For each channel the writes since its nearest stored value among the ancestors, oldest first, and that value.

    And the elements of all of them.
    """
    line = _ancestors(connection, place, checkpoint_id)
    keys = [(c, str(row.channel_versions[c])) for row in line for c in channels if c in row.channel_versions]
    seeds = _nearest(connection, place, line, channels, keys)
    reach = max((seeds[c][0] + 1 if c in seeds else len(line) for c in channels), default=0)
    stored = _writes(connection, place, [row.checkpoint_id for row in line[:reach]], channels)
    values = _values(connection, place, [key for _, key in seeds.values()])
    result = {}
    for channel in channels:
        depth, key = seeds.get(channel, (len(line), None))
        path = reversed(line[: depth + 1])
        since = [w for row in path for w in stored[row.checkpoint_id] if w.channel == channel]
        result[channel] = (since, values[key] if key else None)
    rows = chain(values.values(), *(since for since, _ in result.values()))
    return result, _parts(connection, place, rows, cache)


def _ancestors(connection: Connection, place: Place, checkpoint_id: str | None) -> Rows:
    """The ancestors of a checkpoint (or of the latest), nearest first, in one recursive statement."""
    table = checkpoints.c
    start = select(table.parent_id, literal(0).label("depth")).where(*_at(checkpoints, place))
    if checkpoint_id:
        start = start.where(table.checkpoint_id == checkpoint_id)
    else:
        start = start.where(table.checkpoint_id == _latest(place))
    line = start.cte("line", recursive=True)
    parent = and_(*_at(checkpoints, place), table.checkpoint_id == line.c.parent_id)
    line = line.union_all(select(table.parent_id, line.c.depth + 1).join_from(line, checkpoints, parent))
    query = _select(table.checkpoint_id, table.channel_versions).join_from(
        line, checkpoints, and_(*_at(checkpoints, place), table.checkpoint_id == line.c.parent_id)
    )
    return connection.execute(query.order_by(line.c.depth)).all()


def _latest(place: Place) -> Any:
    return select(func.max(checkpoints.c.checkpoint_id)).where(*_at(checkpoints, place)).scalar_subquery()


def _nearest(
    connection: Connection, place: Place, line: Rows, channels: Sequence[str], keys: Sequence[tuple[str, str]]
) -> dict[str, tuple[int, tuple[str, str]]]:
    """For each channel that has a stored value among the ancestors: how far up the nearest is, and its key."""
    table = channel_values.c
    query = select(table.channel, table.version).where(*_at(channel_values, place))
    present = {
        (row.channel, row.version)
        for chunk in chunks(keys)
        for row in connection.execute(query.where(tuple_(table.channel, table.version).in_(chunk)))
    }
    found: dict[str, tuple[int, tuple[str, str]]] = {}
    for depth, row in enumerate(line):
        for channel in channels:
            key = (channel, str(row.channel_versions.get(channel)))
            if channel not in found and key in present:
                found[channel] = (depth, key)
    return found


def load_threads(connection: Connection, limit: int, before: tuple[str, str] | None) -> Rows:
    """The latest root checkpoint of each thread, newest first, with `total`, its number of checkpoints.

    `before` is the (checkpoint id, thread id) after which the listing continues.
    """
    root, every = checkpoints.c, checkpoints.alias()
    newest = select(root.thread_id, func.max(root.checkpoint_id).label("checkpoint_id")).where(root.ns == "")
    heads = newest.group_by(root.thread_id).subquery()
    is_head = and_(root.thread_id == heads.c.thread_id, root.checkpoint_id == heads.c.checkpoint_id)
    total = select(func.count()).where(every.c.thread_id == root.thread_id).scalar_subquery()
    order = (root.checkpoint_id, root.thread_id)
    query = (
        _select(*order, root.ts, root.step, root.source, root.metadata, total.label("total"))
        .join_from(heads, checkpoints, is_head)
        .where(root.ns == "")
    )
    if before:
        query = query.where(tuple_(*order) < before)
    return connection.execute(query.order_by(*(c.desc() for c in order)).limit(limit)).all()


def _select(*columns: Any) -> Select[Any]:
    """`select` with one type for rows of any width: checkers hold rows of different widths for different types."""
    statement: Select[Any] = cast("Any", select(*columns))
    return statement


def _at(table: Any, place: Place) -> tuple[Any, Any]:
    return table.c.thread_id == place.thread_id, table.c.ns == place.ns
