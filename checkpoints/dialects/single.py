"""Storing on PostgreSQL by one statement, which is a transaction by itself: one round trip instead of seven.

What such a statement does depends on what it finds: it changes the row of the thread, or locks it, only if that has
the epoch, the fence and the head that are expected, and everything else only if there is that row. A statement that
waits for the lock sees the row as it is then (READ COMMITTED). Where nothing was stored, the same is tried in a
transaction, which finds out why.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ARRAY,
    Boolean,
    Integer,
    LargeBinary,
    Text,
    and_,
    bindparam,
    column,
    exists,
    func,
    or_,
    select,
    update,
    values,
)
from sqlalchemy.dialects.postgresql import insert

from threadloom.checkpoints.dialects.protocols import Put, Session, Writes
from threadloom.checkpoints.dialects.types import escaped
from threadloom.checkpoints.query import Inquiry, Query

if TYPE_CHECKING:
    from threadloom.checkpoints.tables import Tables

FEW = 3  # rows that are sent as such; more go as arrays, for psycopg takes 20 µs for three rows and 60 for arrays
# Of the tables, the columns that differ between rows, and the types of their arrays.
_ELEMENTS = {"digest": LargeBinary, "inner": Boolean, "data": LargeBinary}
_VALUES = {"channel": Text, "version": Text, "type": Text, "data": LargeBinary}
_WRITES = {"idx": Integer, "channel": Text, "type": Text, "data": LargeBinary}


def put_checkpoint(session: Session, put: Put) -> Inquiry[int | None]:
    """Store a checkpoint; returns the epoch of its thread, None: nothing was stored."""
    start, follow = put.knowledge.epoch is None, put.follows
    guard = "start" if start else "follow" if follow else "pass" if put.row["ns"] else "lead"
    tables, closed = session.tables, session.seals.closed
    [row] = closed(tables.checkpoints, [put.row])
    known = dict(row) | _thread(put)
    parts = _filled("elements", _ELEMENTS, closed(tables.elements, put.element_rows()), known)
    cells = _filled("values", _VALUES, closed(tables.values, put.values), known)
    carries, leased = put.carries and bool(put.row["parent_id"]), put.fence is not None
    found = yield Query(_checkpoint, known, (guard, carries, leased, parts, cells))
    return found[0].epoch if found else None


def put_writes(session: Session, put: Writes) -> Inquiry[int | None]:
    """Store writes if all are special or none is; returns the epoch of their thread, None: nothing was stored."""
    rows = list({row["idx"]: row for row in put.rows}.values())  # of special ones the last counts
    if len({row["idx"] < 0 for row in rows}) != 1:
        return None
    guard, leased = "start" if put.knowledge.epoch is None else "pass", put.fence is not None
    tables, closed = session.tables, session.seals.closed
    known = dict(rows[0]) | _thread(put)
    parts = _filled("elements", _ELEMENTS, closed(tables.elements, put.element_rows()), known)
    written = _filled("writes", _WRITES, closed(tables.writes, rows), known)
    found = yield Query(_pending, known, (guard, rows[0]["idx"] < 0, leased, parts, written))
    return found[0].epoch if found else None


def _thread(put: Put | Writes) -> dict[str, Any]:
    epoch = put.knowledge.epoch
    return {"epoch": put.fresh if epoch is None else epoch, "fence": put.fence}


def _filled(
    table: str, columns: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], known: dict[str, Any]
) -> int | None:
    """Add rows to the values of a statement's parameters; returns how many, None for arrays of any length."""
    if len(rows) <= FEW:
        for number, row in enumerate(rows):
            known |= {f"{table}_{name}_{number}": _sent(row[name], kind) for name, kind in columns.items()}
        return len(rows)
    known |= {f"{table}_{name}": [_sent(row[name], kind) for row in rows] for name, kind in columns.items()}
    return None


def _sent(value: Any, kind: type[Any]) -> Any:
    return escaped(value) if kind is Text else value


def _given(table: str, columns: Mapping[str, Any], count: int | None) -> Any:
    """The rows that `_filled` added, to select from."""
    if count is None:
        arrays = [bindparam(f"{table}_{name}", type_=ARRAY(kind)) for name, kind in columns.items()]
        return func.unnest(*arrays).table_valued(*columns, name=table).render_derived()
    rows = [
        tuple([bindparam(f"{table}_{name}_{number}", type_=kind()) for name, kind in columns.items()])
        for number in range(count)
    ]
    return values(*(column(name, kind) for name, kind in columns.items()), name=table).data(rows)


def _checkpoint(tables: "Tables", guard: str, carries: bool, leased: bool, parts: int | None, cells: int | None) -> Any:
    row, threads = tables.checkpoints, tables.threads
    known = _known(threads, leased)
    if guard == "follow":
        known.append(or_(threads.c.head.is_not_distinct_from(bindparam("parent_id")), _heads(threads)))
    elif carries:
        parent = row.c.checkpoint_id == bindparam("parent_id")
        known.append(exists().where(_same(row, "thread_id"), _same(row, "ns"), parent))
    entered: dict[str, Any] = {
        "start": _begun(threads, "checkpoint_id", or_(threads.c.head.is_(None), _heads(threads))),
        "pass": _shared(threads, known),
    }
    head = func.greatest(threads.c.head, bindparam("checkpoint_id", type_=threads.c.head.type))
    moved = update(threads).where(*known).values(head=head).returning(threads.c.epoch)
    thread = entered.get(guard, moved).cte("thread")
    own = [bindparam(column.name, type_=column.type) for column in row.columns]
    stored = _upserted(row, select(*own).select_from(thread), [column.name for column in row.columns])
    place = {"thread_id": tables.values.c.thread_id.type, "ns": tables.values.c.ns.type}
    done = select(thread.c.epoch).add_cte(stored.cte("stored"), *_elements(tables, thread, parts))
    if cells == 0:
        return done
    return done.add_cte(_upserted(tables.values, *_rows("values", _VALUES, place, thread, cells)).cte("cells"))


def _pending(tables: "Tables", guard: str, special: bool, leased: bool, parts: int | None, count: int | None) -> Any:
    threads, writes = tables.threads, tables.writes
    entered = _begun(threads) if guard == "start" else _shared(threads, _known(threads, leased))
    thread = entered.cte("thread")
    place = {name: writes.c[name].type for name in ("thread_id", "ns", "checkpoint_id", "task_id", "task_path")}
    rows, names = _rows("writes", _WRITES, place, thread, count)
    stored = _upserted(writes, rows, names) if special else _kept(writes, rows, names)
    return select(thread.c.epoch).add_cte(stored.cte("stored"), *_elements(tables, thread, parts))


def _shared(threads: Any, known: list[Any]) -> Any:
    return select(threads.c.epoch).where(*known).with_for_update(read=True, key_share=True)


def _begun(threads: Any, head: str | None = None, allowed: Any = None) -> Any:
    """The row of a thread of which nothing is known: a new one, or the one that it has, if that is allowed."""
    given = {"thread_id": "thread_id", "epoch": "epoch"} | ({"head": head} if head else {})
    row = {name: bindparam(parameter, type_=threads.c[name].type) for name, parameter in given.items()}
    inserted = insert(threads).values(row)
    changed = {"head": inserted.excluded.head} if head else {"epoch": threads.c.epoch}
    there = inserted.on_conflict_do_update(index_elements=[threads.c.thread_id], set_=changed, where=allowed)
    return there.returning(threads.c.epoch)


def _heads(threads: Any) -> Any:
    """That the checkpoint is stored again, since the answer got lost."""
    return threads.c.head == bindparam("checkpoint_id")


def _known(threads: Any, leased: bool) -> list[Any]:
    """That the thread is as it is thought to be."""
    return [_same(threads, name) for name in ("thread_id", "epoch", *(["fence"] if leased else []))]


def _same(table: Any, name: str) -> Any:
    return table.c[name] == bindparam(name)


def _elements(tables: "Tables", thread: Any, count: int | None) -> list[Any]:
    if count == 0:
        return []
    place = {"thread_id": tables.elements.c.thread_id.type}
    return [_kept(tables.elements, *_rows("elements", _ELEMENTS, place, thread, count)).cte("parts")]


def _rows(name: str, columns: Mapping[str, Any], place: Mapping[str, Any], thread: Any, count: int | None) -> Any:
    """The rows to insert, which are none without the row of the thread, and the names of their columns."""
    given = _given(name, columns, count)
    parameters = [bindparam(column, type_=kind) for column, kind in place.items()]
    rows = select(*parameters, *(given.c[column] for column in columns)).select_from(thread.join(given, and_(True)))
    return rows, [*place, *columns]


def _kept(table: Any, rows: Any, names: Sequence[str]) -> Any:
    return insert(table).from_select(list(names), rows).on_conflict_do_nothing()


def _upserted(table: Any, rows: Any, names: Sequence[str]) -> Any:
    statement = insert(table).from_select(list(names), rows)
    rest = {c.name: statement.excluded[c.name] for c in table.columns if not c.primary_key}
    return statement.on_conflict_do_update(index_elements=list(table.primary_key.columns), set_=rest)
