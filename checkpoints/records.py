"""From LangGraph's objects to rows and back: pure planning, no I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

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
from langgraph.checkpoint.serde.base import SerializerProtocol
from sqlalchemy import Row

from threadloom.checkpoints.codec import UnknownTypeError
from threadloom.checkpoints.errors import InvalidRequestError, UnrestorableValueError, UnsavableValueError

DELTA_COUNTERS = "counters_since_delta_snapshot"


class Place(NamedTuple):
    """A thread and a namespace in it: the root graph is "", a subgraph "node:task-id" and so on, joined by "|"."""

    thread_id: str
    ns: str


@dataclass(frozen=True)
class Stored:
    """A checkpoint as read: its row, the rows of its channel values and those of its pending writes in order."""

    row: Row[Any]
    values: Sequence[Row[Any]]
    writes: Sequence[Row[Any]]


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

    `created` is in UTC; `checkpoints` counts those of every namespace.
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


def checkpoint_id_of(config: Mapping[str, Any]) -> str | None:
    """The checkpoint id in a config, or of a bare checkpoint."""
    if "configurable" in config:
        config = config["configurable"]
        return config.get("checkpoint_id") or None
    return config.get("id")


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
    serde: SerializerProtocol,
    config: RunnableConfig,
    checkpoint: Checkpoint,
    metadata: CheckpointMetadata,
) -> dict[str, Any]:
    """The row of a checkpoint, without its channel values."""
    notes: Mapping[str, Any] = get_checkpoint_metadata(config, metadata)
    rest = {k: v for k, v in checkpoint.items() if k not in ("channel_values", "channel_versions")}
    return {
        **place_of(config)._asdict(),
        "checkpoint_id": checkpoint["id"],
        "parent_id": checkpoint_id_of(config),
        "run_id": _if(str, notes.get("run_id")),
        "source": _if(str, notes.get("source")),
        "step": _if(int, notes.get("step")),
        "ts": checkpoint["ts"],
        "channel_versions": checkpoint["channel_versions"],
        "replayed": sorted(set(notes.get(DELTA_COUNTERS, ())) - set(checkpoint["channel_values"])),
        "metadata": encode(serde, "the metadata", notes)[1],
        "checkpoint": encode(serde, "the checkpoint", rest)[1],
    }


def value_rows(
    serde: SerializerProtocol, place: Place, values: Mapping[str, Any], versions: ChannelVersions
) -> list[dict[str, Any]]:
    """One row for each channel that has a new version and is not empty."""
    return [
        {**place._asdict(), "channel": channel, "version": str(version)} | _encoded(serde, channel, values[channel])
        for channel, version in versions.items()
        if channel in values
    ]


def write_rows(
    serde: SerializerProtocol,
    config: RunnableConfig,
    writes: Sequence[tuple[str, Any]],
    task_id: str,
    task_path: str,
) -> list[dict[str, Any]]:
    """One row for each write of a task; LangGraph's own channels (errors, interrupts, …) have negative indexes."""
    checkpoint_id = checkpoint_id_of(config)
    if checkpoint_id is None:
        raise InvalidRequestError('the config of a write names no checkpoint: pass "checkpoint_id"')
    key = {**place_of(config)._asdict(), "checkpoint_id": checkpoint_id, "task_id": task_id, "task_path": task_path}
    return [
        {**key, "idx": WRITES_IDX_MAP.get(channel, idx), "channel": channel} | _encoded(serde, channel, value)
        for idx, (channel, value) in enumerate(writes)
    ]


def tuple_of(serde: SerializerProtocol, stored: Stored) -> CheckpointTuple:
    """The checkpoint as LangGraph wants it; raises UnrestorableValueError for a value that cannot be revived."""
    row, place = stored.row, Place(stored.row.thread_id, stored.row.ns)
    checkpoint: Checkpoint = decode(serde, place.thread_id, "the checkpoint", "msgpack", row.checkpoint)
    checkpoint["channel_versions"] = row.channel_versions
    checkpoint["channel_values"] = {v.channel: value_of(serde, place, v) for v in stored.values}
    return CheckpointTuple(
        config=config_of(place, row.checkpoint_id),
        checkpoint=checkpoint,
        metadata=metadata_of(serde, row),
        parent_config=config_of(place, row.parent_id) if row.parent_id else None,
        pending_writes=[write_of(serde, place, w) for w in stored.writes],
    )


def metadata_of(serde: SerializerProtocol, row: Row[Any]) -> CheckpointMetadata:
    """The metadata of a checkpoint's row."""
    metadata: CheckpointMetadata = decode(serde, row.thread_id, "the metadata", "msgpack", row.metadata)
    return metadata


def value_of(serde: SerializerProtocol, place: Place, row: Row[Any]) -> Any:
    """The object in a row of a value or a write."""
    return decode(serde, place.thread_id, f"channel {row.channel!r}", row.type, row.data)


def write_of(serde: SerializerProtocol, place: Place, row: Row[Any]) -> PendingWrite:
    """A stored write as (task id, channel, value)."""
    return (row.task_id, row.channel, value_of(serde, place, row))


def summary_of(serde: SerializerProtocol, row: Row[Any]) -> ThreadSummary:
    """A row of the listing of threads."""
    created = datetime.fromisoformat(row.ts).astimezone(UTC)
    return ThreadSummary(
        row.thread_id, row.checkpoint_id, created, row.step, row.source, metadata_of(serde, row), row.total
    )


def encode(serde: SerializerProtocol, what: str, value: Any) -> tuple[str, bytes]:
    """Bytes and their kind; raises UnsavableValueError that names channel, class and remedy."""
    try:
        return serde.dumps_typed(value)
    except UnknownTypeError as exc:
        raise UnsavableValueError(
            f"{what} holds a {exc.module}.{exc.name}, which could not be restored: it {exc.reason}. {_remedy(exc)}"
        ) from exc
    except (TypeError, ValueError) as exc:
        raise UnsavableValueError(
            f"{what} holds a value that cannot be saved: {exc}. "
            "Convert it to plain data, a dataclass or a pydantic model"
        ) from exc


def decode(serde: SerializerProtocol, thread_id: str, what: str, kind: str, data: bytes) -> Any:
    """The object; raises UnrestorableValueError that names thread, channel and class."""
    where = f"thread {thread_id!r}, {what}"
    try:
        return serde.loads_typed((kind, data))
    except UnknownTypeError as exc:
        raise UnrestorableValueError(
            f"{where}: a stored {exc.module}.{exc.name} cannot be restored: it {exc.reason}. {_remedy(exc)}"
        ) from exc
    except (ValueError, NotImplementedError) as exc:
        raise UnrestorableValueError(f"{where}: the stored bytes cannot be read ({exc})") from exc


def _remedy(exc: UnknownTypeError) -> str:
    if "allow-list" in exc.reason:
        return f"Create the saver with SQLSaver(..., allow=[{exc.name}])"
    return "Define it at the top level of a module, so that its fields alone rebuild it, or store plain data"


def _encoded(serde: SerializerProtocol, channel: str, value: Any) -> dict[str, Any]:
    kind, data = encode(serde, f"channel {channel!r}", value)
    return {"type": kind, "data": data}


def _if(kind: type, value: Any) -> Any:
    return value if isinstance(value, kind) else None
