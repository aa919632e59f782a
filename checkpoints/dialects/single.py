"""Storing on PostgreSQL by one statement, which is a transaction by itself: one round trip instead of seven.

What such a statement does depends on what it finds: it changes the row of the thread, or locks it, only if that has
the epoch, the fence and the head that are expected, and everything else only if there is that row. A statement that
waits for the lock sees the row as it is then (READ COMMITTED). Where nothing was stored, the same is tried in a
transaction, which finds out why.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import ARRAY, Boolean, Integer, LargeBinary, Text, and_, bindparam, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from threadloom.checkpoints.dialects.protocols import Put, Session, Writes
from threadloom.checkpoints.dialects.types import escaped

if TYPE_CHECKING:
    from threadloom.checkpoints.tables import Tables

# Of the tables, the columns that differ between rows, and the types of their arrays.
_ELEMENTS = {"digest": LargeBinary, "inner": Boolean, "data": LargeBinary}
_VALUES = {"channel": Text, "version": Text, "type": Text, "data": LargeBinary}
_WRITES = {"idx": Integer, "channel": Text, "type": Text, "data": LargeBinary}


def put_checkpoint(session: Session, put: Put) -> bool:
    """Store a checkpoint in a thread whose epoch is known; False: nothing was stored."""
    guard = "follow" if put.follows else "pass" if put.row["ns"] else "lead"
    tables, closed = session.tables, session.seals.closed
    [row] = closed(tables.checkpoints, [put.row])
    values = dict(row) | {"epoch": put.knowledge.epoch, "fence": put.fence}
    values |= _columns("elements", _ELEMENTS, closed(tables.elements, put.element_rows()))
    values |= _columns("values", _VALUES, closed(tables.values, put.values))
    carries, leased = put.carries and bool(put.row["parent_id"]), put.fence is not None
    return bool(session.rows(_checkpoint, values, guard, carries, leased))


def put_writes(session: Session, put: Writes) -> bool:
    """Store writes in a thread whose epoch is known, if all are special or none is; False: nothing was stored."""
    rows = list({row["idx"]: row for row in put.rows}.values())  # of special ones the last counts
    if len({row["idx"] < 0 for row in rows}) != 1:
        return False
    tables, closed = session.tables, session.seals.closed
    values = dict(rows[0]) | {"epoch": put.knowledge.epoch, "fence": put.fence}
    values |= _columns("elements", _ELEMENTS, closed(tables.elements, put.element_rows()))
    values |= _columns("writes", _WRITES, closed(tables.writes, rows))
    return bool(session.rows(_pending, values, rows[0]["idx"] < 0, put.fence is not None))


def _columns(table: str, columns: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    return {
        f"{table}_{name}": [escaped(row[name]) if kind is Text else row[name] for row in rows]
        for name, kind in columns.items()
    }


def _unnested(table: str, columns: Mapping[str, Any]) -> Any:
    arrays = [bindparam(f"{table}_{name}", type_=ARRAY(kind)) for name, kind in columns.items()]
    return func.unnest(*arrays).table_valued(*columns, name=table).render_derived()


def _checkpoint(tables: "Tables", guard: str, carries: bool, leased: bool) -> Any:
    row, threads = tables.checkpoints, tables.threads
    known = _known(threads, leased)
    follows = or_(
        threads.c.head.is_not_distinct_from(bindparam("parent_id")), threads.c.head == bindparam("checkpoint_id")
    )
    if guard == "follow":
        known.append(follows)
    elif carries:
        parent = row.c.checkpoint_id == bindparam("parent_id")
        known.append(exists().where(_same(row, "thread_id"), _same(row, "ns"), parent))
    head = func.greatest(threads.c.head, bindparam("checkpoint_id", type_=threads.c.head.type))
    entered: Any = (
        select(threads.c.epoch).where(*known).with_for_update(read=True, key_share=True)
        if guard == "pass"
        else update(threads).where(*known).values(head=head).returning(threads.c.epoch)
    )
    thread = entered.cte("thread")
    own = [bindparam(column.name, type_=column.type) for column in row.columns]
    stored = _upserted(row, select(*own).select_from(thread), [column.name for column in row.columns])
    place = {"thread_id": tables.values.c.thread_id.type, "ns": tables.values.c.ns.type}
    return select(thread.c.epoch).add_cte(
        stored.cte("stored"),
        _elements(tables, thread).cte("parts"),
        _upserted(tables.values, *_rows("values", _VALUES, place, thread)).cte("cells"),
    )


def _pending(tables: "Tables", special: bool, leased: bool) -> Any:
    threads, writes = tables.threads, tables.writes
    entered = select(threads.c.epoch).where(*_known(threads, leased))
    thread = entered.with_for_update(read=True, key_share=True).cte("thread")
    place = {name: writes.c[name].type for name in ("thread_id", "ns", "checkpoint_id", "task_id", "task_path")}
    rows, names = _rows("writes", _WRITES, place, thread)
    stored = _upserted(writes, rows, names) if special else _kept(writes, rows, names)
    return select(thread.c.epoch).add_cte(_elements(tables, thread).cte("parts"), stored.cte("stored"))


def _known(threads: Any, leased: bool) -> list[Any]:
    """That the thread is as it is thought to be."""
    return [_same(threads, name) for name in ("thread_id", "epoch", *(["fence"] if leased else []))]


def _same(table: Any, name: str) -> Any:
    return table.c[name] == bindparam(name)


def _elements(tables: "Tables", thread: Any) -> Any:
    place = {"thread_id": tables.elements.c.thread_id.type}
    return _kept(tables.elements, *_rows("elements", _ELEMENTS, place, thread))


def _rows(name: str, columns: Mapping[str, Any], place: Mapping[str, Any], thread: Any) -> Any:
    """The rows to insert, which are none without the row of the thread, and the names of their columns."""
    arrays = _unnested(name, columns)
    parameters = [bindparam(column, type_=kind) for column, kind in place.items()]
    rows = select(*parameters, *(arrays.c[column] for column in columns)).select_from(thread.join(arrays, and_(True)))
    return rows, [*place, *columns]


def _kept(table: Any, rows: Any, names: Sequence[str]) -> Any:
    return insert(table).from_select(list(names), rows).on_conflict_do_nothing()


def _upserted(table: Any, rows: Any, names: Sequence[str]) -> Any:
    statement = insert(table).from_select(list(names), rows)
    rest = {c.name: statement.excluded[c.name] for c in table.columns if not c.primary_key}
    return statement.on_conflict_do_update(index_elements=list(table.primary_key.columns), set_=rest)
