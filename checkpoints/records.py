"""From LangGraph's objects to rows and back: pure planning, no I/O."""

import zlib
from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

import ormsgpack
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    PendingWrite,
    get_checkpoint_metadata,
)
from sqlalchemy import Row

from threadloom.checkpoints.errors import InvalidRequestError, UnrestorableValueError
from threadloom.checkpoints.tree import Elements
from threadloom.checkpoints.underway import Passage
from threadloom.checkpoints.values import Codec

WINDOW = 10  # bits: how far back deflating looks is 2 to the power of this, in bytes
DELTA_COUNTERS = "counters_since_delta_snapshot"


class Place(NamedTuple):
    """A thread and a namespace in it: the root graph is "", a subgraph "node:task-id" and so on, joined by "|"."""

    thread_id: str
    ns: str


class Body(NamedTuple):
    """What a checkpoint's row holds besides its keys, as one blob.

    Args:
        versions: the version of each channel; with the channel it is the key into the table of values.
        replayed: channels whose value is not stored but rebuilt from the writes of ancestors (LangGraph's
            DeltaChannel).
        metadata: encoded.
        rest: encoded: everything of the checkpoint but its id, channel values and versions.
    """

    versions: dict[str, Any]
    replayed: list[str]
    metadata: bytes
    rest: bytes

    def pack(self) -> bytes:
        """As it is stored: deflated, to half its size in 5 µs, since versions are long and much alike.

        Raises InvalidRequestError when the name of a channel is no text.
        """
        try:
            data = ormsgpack.packb(tuple(self))
        except TypeError as exc:
            raise InvalidRequestError(f"the name or version of a channel cannot be stored ({exc})") from exc
        squeezing = zlib.compressobj(1, zlib.DEFLATED, -WINDOW, 2)
        return squeezing.compress(data) + squeezing.flush()


class Cell(NamedTuple):
    """The value of a channel at a version, as stored; without a type when the channel is empty."""

    thread_id: str
    channel: str
    version: str
    type: str
    data: bytes


@dataclass(frozen=True)
class Stored:
    """A checkpoint as read: its row, its channel values and the rows of its pending writes in order.

    `elements` are those that values and writes refer to, and may be more.
    """

    row: Any
    values: Sequence[Cell]
    writes: Sequence[Any]
    elements: Elements


@dataclass(frozen=True)
class Filter:
    """Which checkpoints to list; None means any."""

    thread_id: str | None = None
    ns: str | None = None
    checkpoint_id: str | None = None
    before: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


class ThreadSummary(NamedTuple):
    """A thread as a listing shows it; the fields after the id describe the latest checkpoint of the root graph.

    `created` is in UTC; `checkpoints` counts those of every namespace; `metadata` is empty where it cannot be read, as
    whoever reads the checkpoint is told.
    """

    thread_id: str
    checkpoint_id: str
    created: datetime
    step: int | None
    source: str | None
    metadata: CheckpointMetadata
    checkpoints: int


def place_of(config: RunnableConfig) -> Place:
    """The place that a config addresses; raises InvalidRequestError when it names no thread."""
    configurable = config.get("configurable", {})
    if configurable.get("thread_id") is None:
        raise InvalidRequestError('the config names no thread: pass {"configurable": {"thread_id": "…"}}')
    return Place(str(configurable["thread_id"]), configurable.get("checkpoint_ns") or "")


def passage_of(config: RunnableConfig, metadata: CheckpointMetadata) -> Passage:
    """Whose checkpoint it is that is to be stored."""
    notes: Mapping[str, Any] = get_checkpoint_metadata(config, metadata)
    return Passage(place_of(config).thread_id, _if(str, notes.get("run_id")))


def checkpoint_id_of(config: Mapping[str, Any]) -> str | None:
    """The checkpoint id in a config, or of a bare checkpoint: LangGraph's own, or the inside of a config."""
    if "configurable" in config:
        config = config["configurable"]
        return config.get("checkpoint_id") or None
    return config.get("checkpoint_id") or config.get("id")


def filter_of(
    config: RunnableConfig | None, metadata: Mapping[str, Any] | None, before: Mapping[str, Any] | None
) -> Filter:
    """The arguments of `list` as one value."""
    until = checkpoint_id_of(before) if before else None
    if config is None:
        return Filter(before=until, metadata=metadata or {})
    ns = config.get("configurable", {}).get("checkpoint_ns")
    return Filter(place_of(config).thread_id, ns, checkpoint_id_of(config), until, metadata or {})


def config_of(place: Place, checkpoint_id: str) -> RunnableConfig:
    """The config that addresses one checkpoint."""
    return {
        "configurable": {"thread_id": place.thread_id, "checkpoint_ns": place.ns, "checkpoint_id": checkpoint_id},
    }


def checkpoint_row(
    codec: Codec,
    config: RunnableConfig,
    checkpoint: Checkpoint,
    metadata: CheckpointMetadata,
) -> tuple[dict[str, Any], bool]:
    """The row of a checkpoint, without its channel values, and whether any of these is rebuilt from ancestors."""
    notes: Mapping[str, Any] = get_checkpoint_metadata(config, metadata)
    rest = {k: v for k, v in checkpoint.items() if k not in ("id", "channel_values", "channel_versions")}
    replayed = sorted(set(notes.get(DELTA_COUNTERS, ())) - set(checkpoint["channel_values"]))
    row = {
        **place_of(config)._asdict(),
        "checkpoint_id": checkpoint["id"],
        "parent_id": checkpoint_id_of(config),
        "run_id": _if(str, notes.get("run_id")),
        "source": _if(str, notes.get("source")),
        "step": _if(int, notes.get("step")),
        "ts": checkpoint["ts"],
        "body": Body(
            versions=checkpoint["channel_versions"],
            replayed=replayed,
            metadata=codec.pack("the metadata", notes),
            rest=codec.pack("the checkpoint", rest),
        ).pack(),
    }
    return row, bool(replayed)


def keys_of(versions: Mapping[str, Any]) -> dict[tuple[str, str], None]:
    """The (channel, version) pairs, in order."""
    return {(channel, str(version)): None for channel, version in versions.items()}


def cell_of(row: Mapping[str, Any]) -> Cell:
    """The cell in the columns of a value."""
    return Cell(row["thread_id"], row["channel"], row["version"], row["type"], row["data"])


def body_of(row: Any) -> Body:
    """The body of a checkpoint's row; raises UnrestorableValueError when it is damaged."""
    try:
        return Body(*ormsgpack.unpackb(zlib.decompress(row.body, -WINDOW)))
    except (ValueError, TypeError, zlib.error) as exc:
        raise UnrestorableValueError(
            f"thread {row.thread_id!r}, checkpoint {row.checkpoint_id!r}: the stored bytes cannot be read ({exc})"
        ) from exc


def value_rows(
    codec: Codec, place: Place, values: Mapping[str, Any], versions: ChannelVersions, known: Set[bytes]
) -> tuple[list[dict[str, Any]], Elements]:
    """One row for each channel that has a new version and is not empty, and the elements that are not known."""
    elements: Elements = {}
    rows = [
        {**place._asdict(), "channel": channel, "version": str(version)}
        | codec.encode(place.thread_id, channel, values[channel], elements, known)
        for channel, version in versions.items()
        if channel in values
    ]
    return rows, elements


def write_rows(
    codec: Codec,
    config: RunnableConfig,
    writes: Sequence[tuple[str, Any]],
    task_id: str,
    task_path: str,
    known: Set[bytes],
) -> tuple[list[dict[str, Any]], Elements]:
    """One row for each write of a task, and those elements of their values that are not known.

    LangGraph's own channels (errors, interrupts, …) have negative indexes.
    """
    checkpoint_id = checkpoint_id_of(config)
    if checkpoint_id is None:
        raise InvalidRequestError('the config of a write names no checkpoint: pass "checkpoint_id"')
    key = {**place_of(config)._asdict(), "checkpoint_id": checkpoint_id, "task_id": task_id, "task_path": task_path}
    elements: Elements = {}
    rows = [
        {**key, "idx": WRITES_IDX_MAP.get(channel, idx), "channel": channel}
        | codec.encode(key["thread_id"], channel, value, elements, known)
        for idx, (channel, value) in enumerate(writes)
    ]
    return rows, elements


def element_rows(thread_id: str, elements: Elements) -> list[dict[str, Any]]:
    """The rows of elements, in order of their keys: two who insert the same wait for each other, never both at once."""
    return [
        {"thread_id": thread_id, "digest": digest, "inner": bool(element.references), "data": element.data}
        for digest, element in sorted(elements.items())
    ]


def tuple_of(codec: Codec, stored: Stored, messages: dict[bytes, Any] | None = None) -> CheckpointTuple:
    """The checkpoint as LangGraph wants it; raises UnrestorableValueError for a value that cannot be revived.

    Calls with the same `messages` share the messages that they have in common.
    """
    row, place = stored.row, Place(stored.row.thread_id, stored.row.ns)
    body = body_of(row)
    checkpoint: Checkpoint = codec.unpack(place.thread_id, "the checkpoint", body.rest)
    checkpoint["id"], checkpoint["channel_versions"] = row.checkpoint_id, body.versions
    checkpoint["channel_values"] = {v.channel: codec.decode(v, stored.elements, messages) for v in stored.values}
    return CheckpointTuple(
        config=config_of(place, row.checkpoint_id),
        checkpoint=checkpoint,
        metadata=codec.unpack(place.thread_id, "the metadata", body.metadata),
        parent_config=config_of(place, row.parent_id) if row.parent_id else None,
        pending_writes=[write_of(codec, w, stored.elements) for w in stored.writes],
    )


def metadata_of(codec: Codec, row: Any) -> CheckpointMetadata:
    """The metadata of a checkpoint's row."""
    metadata: CheckpointMetadata = codec.unpack(row.thread_id, "the metadata", body_of(row).metadata)
    return metadata


def write_of(codec: Codec, row: Any, elements: Elements) -> PendingWrite:
    """A stored write as (task id, channel, value)."""
    return (row.task_id, row.channel, codec.decode(row, elements))


def summary_of(codec: Codec, row: Row[Any]) -> ThreadSummary:
    """A row of the listing of threads."""
    created = datetime.fromisoformat(row.ts).astimezone(UTC)
    metadata: CheckpointMetadata = {}
    with suppress(UnrestorableValueError):
        metadata = metadata_of(codec, row)
    return ThreadSummary(row.thread_id, row.checkpoint_id, created, row.step, row.source, metadata, row.total)


def _if(kind: type, value: Any) -> Any:
    return value if isinstance(value, kind) else None
