"""What LangGraph's DeltaChannel is rebuilt from: the writes of ancestors since the nearest stored value, and it.

The way back is read in strides, each by two statements: ancestors with their writes, and what is stored of their
versions of the channels. A channel stores its value every 100 steps unless told otherwise: one stride, mostly.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby
from typing import Any

from sqlalchemy import and_, func, literal, null, select, type_coerce, union_all

from threadloom.checkpoints.cache import Cache
from threadloom.checkpoints.elements import load_elements
from threadloom.checkpoints.loading import CheckpointRow, Key, WriteRow, load_values, trees
from threadloom.checkpoints.query import at
from threadloom.checkpoints.records import Cell, Place, body_of
from threadloom.checkpoints.session import Session
from threadloom.checkpoints.tree import Elements

FIRST_STRIDE, LONGEST_STRIDE = 128, 512  # ancestors; MySQL goes no further than 1,000 in one statement


@dataclass
class _Ancestor:
    row: CheckpointRow
    versions: Mapping[str, Any]
    writes: list[WriteRow] = field(default_factory=list)


def load_delta_history(
    session: Session, place: Place, checkpoint_id: str | None, channels: Sequence[str], cache: Cache
) -> tuple[dict[str, tuple[list[Any], Cell | None]], Elements]:
    """For each channel the writes since its nearest stored value among the ancestors, oldest first, and that value.

    And the elements of all of them.
    """
    line: list[_Ancestor] = []
    seeds: dict[str, tuple[int, Cell]] = {}
    for stride in _strides(session, place, checkpoint_id, channels):
        wanted = [channel for channel in channels if channel not in seeds]
        keys = {Key(*place, c, str(one.versions[c])): None for one in stride for c in wanted if c in one.versions}
        values = load_values(session, keys)
        for depth, one in enumerate(stride, len(line)):
            for channel in wanted:
                if value := values.get(Key(*place, channel, str(one.versions.get(channel)))):
                    seeds.setdefault(channel, (depth, value))
        line += stride
        if len(seeds) == len(set(channels)):
            break
    result = {}
    for channel in channels:
        depth, seed = seeds.get(channel, (len(line), None))
        since = [w for one in reversed(line[: depth + 1]) for w in one.writes if w.channel == channel]
        result[channel] = (since, seed)
    rows = chain.from_iterable([*since, *([seed] if seed else [])] for since, seed in result.values())
    return result, load_elements(session, {place.thread_id: trees(rows)}, cache) or {}


def _strides(
    session: Session, place: Place, checkpoint_id: str | None, channels: Sequence[str]
) -> Iterator[list[_Ancestor]]:
    """The ancestors of a checkpoint (or of the latest), nearest first, with their writes to the channels."""
    length = FIRST_STRIDE
    while channels:
        stride = _stride(session, place, checkpoint_id, channels, length)
        yield stride
        if len(stride) < length:
            return
        checkpoint_id, length = stride[-1].row.checkpoint_id, min(2 * length, LONGEST_STRIDE)


def _stride(
    session: Session, place: Place, checkpoint_id: str | None, channels: Sequence[str], length: int
) -> list[_Ancestor]:
    checkpoints, writes = session.tables.checkpoints, session.tables.writes
    found = session.execute(_query(session, place, checkpoint_id, channels, length)).all()
    tops = [CheckpointRow(*place, row.id, row.about, row.data) for row in found if row.task_path is None]
    line = {row.checkpoint_id: _Ancestor(row, body_of(row).versions) for row in session.opened(checkpoints, tops)}
    # A checkpoint that was deleted may have left writes.
    pending = (row for row in found if row.task_path is not None and row.id in line)
    for checkpoint, own in groupby(pending, key=lambda row: row.id):
        rows = (WriteRow(place.thread_id, w.task_id, w.channel, w.about, w.data, w.task_path, w.idx) for w in own)
        line[checkpoint].writes += session.opened(writes, rows, ns=place.ns, checkpoint_id=checkpoint)
    return list(line.values())


def _query(session: Session, place: Place, checkpoint_id: str | None, channels: Sequence[str], length: int) -> Any:
    """So many ancestors (without a task path), and their writes in the order in which LangGraph applies them."""
    checkpoints, writes = session.tables.checkpoints, session.tables.writes
    own, written = checkpoints.c, writes.c
    latest = select(func.max(own.checkpoint_id)).where(*at(checkpoints, place)).scalar_subquery()
    start = select(own.parent_id.label("id"), literal(1).label("depth")).where(
        *at(checkpoints, place), own.checkpoint_id == (checkpoint_id or latest)
    )
    line = start.cte("line", recursive=True)
    parent = and_(*at(checkpoints, place), own.checkpoint_id == line.c.id)
    older = select(own.parent_id, line.c.depth + 1).join_from(line, checkpoints, parent).where(line.c.depth < length)
    line = line.union_all(older)
    ancestors = select(
        line.c.depth,
        own.checkpoint_id.label("id"),
        own.parent_id.label("about"),
        *(type_coerce(null(), written[name].type).label(name) for name in ("task_id", "task_path", "idx", "channel")),
        own.body.label("data"),
    ).join_from(line, checkpoints, and_(*at(checkpoints, place), own.checkpoint_id == line.c.id))
    pending = (
        select(
            line.c.depth,
            written.checkpoint_id,
            written.type,
            written.task_id,
            written.task_path,
            written.idx,
            written.channel,
            written.data,
        )
        .join_from(line, writes, and_(*at(writes, place), written.checkpoint_id == line.c.id))
        .where(written.channel.in_(channels))
    )
    both = union_all(ancestors, pending).subquery()
    return select(both).order_by(both.c.depth, both.c.task_path, both.c.task_id, both.c.idx)
