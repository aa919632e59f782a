"""What LangGraph's DeltaChannel is rebuilt from: the writes of ancestors since the nearest stored value, and it."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from sqlalchemy import and_, func, literal, select

from threadloom.checkpoints.cache import Cache
from threadloom.checkpoints.elements import load_elements
from threadloom.checkpoints.records import Cell, Place, body_of
from threadloom.checkpoints.session import Session
from threadloom.checkpoints.storage import load_values, load_writes, stored_keys, trees
from threadloom.checkpoints.tree import Elements


def load_delta_history(
    session: Session, place: Place, checkpoint_id: str | None, channels: Sequence[str], cache: Cache
) -> tuple[dict[str, tuple[list[Any], Cell | None]], Elements]:
    """For each channel the writes since its nearest stored value among the ancestors, oldest first, and that value.

    And the elements of all of them.
    """
    line = _ancestors(session, place, checkpoint_id)
    keys = [(c, str(row.versions[c])) for row in line for c in channels if c in row.versions]
    seeds = _nearest(session, place, line, channels, keys)
    reach = max((seeds[c][0] + 1 if c in seeds else len(line) for c in channels), default=0)
    stored = load_writes(session, place, [row.checkpoint_id for row in line[:reach]], channels)
    values = load_values(session, place, [key for _, key in seeds.values()])
    result = {}
    for channel in channels:
        depth, key = seeds.get(channel, (len(line), None))
        path = reversed(line[: depth + 1])
        since = [w for row in path for w in stored[row.checkpoint_id] if w.channel == channel]
        result[channel] = (since, values[key] if key else None)
    rows = chain[Any](values.values(), *(since for since, _ in result.values()))
    return result, load_elements(session, place.thread_id, trees(rows), cache) or {}


class _Ancestor(NamedTuple):
    checkpoint_id: str
    versions: Mapping[str, Any]


def _ancestors(session: Session, place: Place, checkpoint_id: str | None) -> list[_Ancestor]:
    """The ancestors of a checkpoint (or of the latest), nearest first, in one recursive statement."""
    checkpoints = session.tables.checkpoints
    table = checkpoints.c
    latest = select(func.max(table.checkpoint_id)).where(*_at(checkpoints, place)).scalar_subquery()
    start = select(table.parent_id, literal(0).label("depth")).where(
        *_at(checkpoints, place), table.checkpoint_id == (checkpoint_id or latest)
    )
    line = start.cte("line", recursive=True)
    parent = and_(*_at(checkpoints, place), table.checkpoint_id == line.c.parent_id)
    line = line.union_all(select(table.parent_id, line.c.depth + 1).join_from(line, checkpoints, parent))
    query = select(*session.seals.columns(checkpoints)).join_from(
        line, checkpoints, and_(*_at(checkpoints, place), table.checkpoint_id == line.c.parent_id)
    )
    rows = session.opened(checkpoints, session.execute(query.order_by(line.c.depth)))
    return [_Ancestor(row.checkpoint_id, body_of(row).versions) for row in rows]


def _nearest(
    session: Session, place: Place, line: Sequence[_Ancestor], channels: Sequence[str], keys: Sequence[tuple[str, str]]
) -> dict[str, tuple[int, tuple[str, str]]]:
    """For each channel that has a stored value among the ancestors: how far up the nearest is, and its key."""
    present = stored_keys(session, place, keys)
    found: dict[str, tuple[int, tuple[str, str]]] = {}
    for depth, row in enumerate(line):
        for channel in channels:
            key = (channel, str(row.versions.get(channel)))
            if channel not in found and key in present:
                found[channel] = (depth, key)
    return found


def _at(table: Any, place: Place) -> tuple[Any, Any]:
    return table.c.thread_id == place.thread_id, table.c.ns == place.ns
