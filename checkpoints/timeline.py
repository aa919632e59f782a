"""The checkpoints of a thread as a timeline shows them: when, which step, which nodes, how large; no values."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import Row, Select, select

from threadloom.checkpoints.elements import chunks
from threadloom.checkpoints.engine import Database
from threadloom.checkpoints.records import Place
from threadloom.checkpoints.session import Session
from threadloom.checkpoints.sizes import contents

PAGE = 200  # checkpoints

_PULLED = "~__pregel_pull, "  # how LangGraph begins the path of a task that an edge started; the node's name follows


class Moment(NamedTuple):
    """A checkpoint on a timeline.

    `created` is in UTC. `nodes` ran to make it, as far as their writes are stored and edges started them, not `Send`.
    `bytes` are those of its own row, not of the values that it shares with others.
    """

    checkpoint_id: str
    parent_id: str | None
    created: datetime
    step: int | None
    source: str | None
    nodes: tuple[str, ...]
    bytes: int


class Timeline:
    """Pages of a timeline, newest first, each read in a transaction of its own, so that none waits for the caller.

    Args:
        database: where from.
        place: which thread and namespace.
        before: only checkpoints older than the one with this id.
        limit: at most so many.
    """

    def __init__(self, database: Database, place: Place, before: str | None, limit: int | None) -> None:
        self._database, self._place, self._before, self._left = database, place, before, limit
        self._more = True

    def next_page(self) -> list[Moment]:
        """The next checkpoints; an empty list at the end."""
        size = PAGE if self._left is None else min(self._left, PAGE)
        if size <= 0 or not self._more:
            return []
        page = self._database.read(_load, self._place, self._before, size)
        self._more = len(page) == size
        self._before = page[-1].checkpoint_id if page else None
        self._left = None if self._left is None else self._left - len(page)
        return page


def _load(session: Session, place: Place, before: str | None, size: int) -> list[Moment]:
    checkpoints = session.tables.checkpoints
    column = checkpoints.c
    own = contents(checkpoints).label("bytes")
    query = cast(
        "Select[Any]", select(column.checkpoint_id, column.parent_id, column.ts, column.step, column.source, own)
    ).where(column.thread_id == place.thread_id, column.ns == place.ns)
    if before:
        query = query.where(column.checkpoint_id < before)
    rows = session.execute(query.order_by(column.checkpoint_id.desc()).limit(size)).all()
    nodes = _nodes(session, place, (row.parent_id for row in rows if row.parent_id))
    return [_moment(row, nodes[row.parent_id] if row.parent_id else ()) for row in rows]


def _moment(row: Row[Any], nodes: Iterable[str]) -> Moment:
    created = datetime.fromisoformat(row.ts).astimezone(UTC)
    return Moment(row.checkpoint_id, row.parent_id, created, row.step, row.source, tuple(nodes), int(row.bytes))


def _nodes(session: Session, place: Place, parent_ids: Iterable[str]) -> dict[str, dict[str, None]]:
    """The nodes that ran after each of these checkpoints, by the writes stored with it, in LangGraph's order."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for checkpoint_id, paths in load_paths(session, place, parent_ids).items():
        found[checkpoint_id] = {name: None for path in paths.values() if (name := pulled_node(path))}
    return found


def load_namespaces(session: Session, thread_id: str) -> list[str]:
    """The namespaces of a thread that have checkpoints, in order."""
    column = session.tables.checkpoints.c
    query = select(column.ns).where(column.thread_id == thread_id).distinct().order_by(column.ns)
    return [*session.execute(query).scalars()]


def load_paths(session: Session, place: Place, checkpoint_ids: Iterable[str]) -> dict[str, dict[str, str]]:
    """The paths of the tasks whose writes are stored with each of these checkpoints, by task id, in LangGraph's order.

    What was written by hand has an empty path.
    """
    column = session.tables.writes.c
    query = (
        select(column.checkpoint_id, column.task_path, column.task_id)
        .where(column.thread_id == place.thread_id, column.ns == place.ns)
        .distinct()
        .order_by(column.checkpoint_id, column.task_path, column.task_id)
    )
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for chunk in chunks(dict.fromkeys(checkpoint_ids)):
        for checkpoint_id, path, task_id in session.execute(query.where(column.checkpoint_id.in_(chunk))):
            found[checkpoint_id][task_id] = path
    return found


def pulled_node(path: str) -> str:
    """The node of a task that an edge started; empty for others."""
    return path.removeprefix(_PULLED) if path.startswith(_PULLED) else ""
