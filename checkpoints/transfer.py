"""One thread on its way from another saver's database into ours."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, NotRequired, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import Checkpoint, CheckpointMetadata
from pydantic import AfterValidator, ConfigDict, FiniteFloat, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from threadloom.checkpoints.codec import StrictSerializer, UnknownTypeError, refused_names
from threadloom.checkpoints.errors import (
    CheckpointError,
    DatabaseError,
    InvalidRequestError,
    MissingParentError,
    UnsavableValueError,
)
from threadloom.checkpoints.legacy import read_json
from threadloom.checkpoints.records import Place, config_of
from threadloom.checkpoints.sources.numbering import Numbering, seen
from threadloom.checkpoints.sources.source import Encoded, Snapshot, StoredCheckpoint, StoredWrite
from threadloom.checkpoints.verify import Kind, Problem

if TYPE_CHECKING:
    from threadloom.checkpoints.saver import SQLSaver

Versions = dict[str, str | int | FiniteFloat]


@with_config(ConfigDict(strict=True))
class _Rest(TypedDict):
    """What has to hold for a checkpoint without its values, so that it can be stored and listed."""

    v: NotRequired[int]
    id: str
    ts: Annotated[str, AfterValidator(datetime.fromisoformat)]
    channel_versions: Versions
    versions_seen: NotRequired[dict[str, Versions]]


@with_config(ConfigDict(strict=True))
class _Metadata(TypedDict):
    counters_since_delta_snapshot: NotRequired[dict[str, Any]]


class _Step(NamedTuple):
    """The arguments of `put`."""

    config: RunnableConfig
    checkpoint: Checkpoint
    metadata: CheckpointMetadata
    new_versions: dict[str, str | int | float]


class Transfer:
    """Copies one thread. From its first problem on it is only read, to find the others.

    Args:
        thread_id: its id in the source.
        target: where it is to go.
        name: under which id; None to read it only.
    """

    def __init__(self, thread_id: str, target: "SQLSaver", name: str | None) -> None:
        self._thread_id, self._target, self._name = thread_id, target, name
        self._serde = cast("StrictSerializer", target.serde)
        self._early: list[_Step] = []
        self.problems: dict[tuple[str, str, str], Problem] = {}
        self.checkpoints = self.writes = 0

    def run(self, stored: Snapshot, progress: Callable[[], object]) -> None:
        """Copy everything."""
        try:
            for ns, checkpoints in groupby(stored.checkpoints(), key=lambda item: item.ns):
                numbering = Numbering()
                for item in checkpoints:
                    self._copy_checkpoint(item, numbering)
                    progress()
                self._put_early(ns)
            for _, writes in groupby(stored.writes(), key=lambda w: (w.ns, w.checkpoint_id, w.task_id, w.task_path)):
                self._copy_writes(list(writes))
        except ValueError as exc:  # a row that cannot be read
            if isinstance(exc, CheckpointError):
                raise
            self._note("damaged", str(exc))
        else:
            if not self.checkpoints:
                self._note("missing", "there is no checkpoint of it in the source")

    def finish(self) -> None:
        """Give it its own name, if all of it is there; raises ThreadExistsError if another has that meanwhile."""
        if self._name and not self.problems:
            with self._blaming():
                self._target.copy_thread(self._name, self._thread_id)

    def _copy_checkpoint(self, item: StoredCheckpoint, numbering: Numbering) -> None:
        self.checkpoints += 1
        at = item.ns, item.checkpoint_id
        rest = self._read(item.rest, *at)
        if fault := fault_of(item.checkpoint_id, rest, item.metadata):
            self._note("damaged", fault, *at)
            return
        ours, new = numbering.versions(rest, item.values)
        values = {channel: self._read(item.values[channel], *at, channel) for channel in new}
        checkpoint = rest | {"channel_versions": ours, "channel_values": values}
        if "versions_seen" in rest:
            checkpoint["versions_seen"] = seen(rest, ours)
        if self._name and not self.problems:
            parent = config_of(Place(self._name, item.ns), item.parent_id or "")
            step = _Step(parent, cast("Checkpoint", checkpoint), item.metadata, {**new})
            if not self._put(step):
                self._early.append(step)

    def _put(self, step: _Step) -> bool:
        """Store a checkpoint; False when it needs one that is not there (yet)."""
        try:
            with self._blaming(step.config["configurable"]["checkpoint_ns"], step.checkpoint["id"]):
                self._target.put(*step)
        except MissingParentError:
            return False
        return True

    def _put_early(self, ns: str) -> None:
        """Store those that came before their parents: the clocks of two machines may differ."""
        early = self._early
        while early and early != (left := [step for step in early if not self._put(step)]):
            early = left
        for step in early:
            reason = "a DeltaChannel of it cannot be rebuilt, since the checkpoint before it is gone"
            self._note("missing", reason, ns, step.checkpoint["id"])
        self._early = []

    def _copy_writes(self, writes: list[StoredWrite]) -> None:
        """Copy those of one task."""
        self.writes += len(writes)
        values = [(w.idx, w.channel, self._read(w.value, w.ns, w.checkpoint_id, w.channel)) for w in writes]
        if self._name and not self.problems:
            first = writes[0]
            config = config_of(Place(self._name, first.ns), first.checkpoint_id)
            with self._blaming(first.ns, first.checkpoint_id):
                self._target.put_writes_at(config, values, first.task_id, first.task_path)

    def _read(self, value: Encoded, ns: str, checkpoint_id: str, channel: str = "") -> Any:
        """The object; None when there is a problem with it."""
        kind, data = value
        try:
            if kind == "json":
                return read_json(data, self._serde.allowed)
            return self._serde.loads_typed(value)
        except UnknownTypeError as exc:
            names = refused_names(data, self._serde) if kind == "msgpack" else []
            for name, reason in names or [(f"{exc.module}.{exc.name}", exc.reason)]:
                self._note("unrestorable", f"it {reason}", ns, checkpoint_id, channel, name)
        except NotImplementedError:
            reason = f"it was stored as {kind!r}, by another serializer than LangGraph's default one"
            self._note("unrestorable", reason, ns, checkpoint_id, channel)
        except (ValueError, TypeError) as exc:
            self._note("damaged", f"the stored bytes cannot be read ({exc})", ns, checkpoint_id, channel)
        return None

    @contextmanager
    def _blaming(self, ns: str = "", checkpoint_id: str = "") -> Iterator[None]:
        """What is refused for what it is, is a problem of this thread; whatever else fails would fail for all."""
        try:
            yield
        except (UnsavableValueError, InvalidRequestError, DatabaseError) as exc:
            if isinstance(exc, DatabaseError) and type(exc) is not DatabaseError:
                raise
            self._note("unrestorable", str(exc), ns, checkpoint_id)

    def _note(
        self, kind: Kind, reason: str, ns: str = "", checkpoint_id: str = "", channel: str = "", type_name: str = ""
    ) -> None:
        problem = Problem(self._thread_id, kind, reason, type_name, ns, checkpoint_id, channel)
        self.problems.setdefault((channel, type_name, reason), problem)


_REST, _METADATA = TypeAdapter(_Rest), TypeAdapter(_Metadata)


def fault_of(checkpoint_id: str, rest: Any, metadata: Any) -> str:
    """What is wrong with a checkpoint that is stored under this id; empty when nothing is."""
    try:
        _REST.validate_python(rest)
        _METADATA.validate_python(metadata)
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]
        return f"it is no checkpoint ({'.'.join(map(str, first['loc']))}: {first['msg']})"
    return "" if rest["id"] == checkpoint_id else f"it is stored under another id than its own, {rest['id']}"
