"""The checkpoints that take the place of a stored one and of those of its subgraphs, planned and not yet stored.

Ids of tasks are hashes of the checkpoint, the node and what starts it, and LangGraph files everything under them: what
finished tasks wrote, questions and their handles, what subgraphs have stored. So a new checkpoint has other tasks, and
all of that is filed anew, under the ids that LangGraph itself gives to the tasks of the new checkpoint.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple, cast
from uuid import UUID, uuid5

from langgraph.channels import DeltaChannel
from langgraph.checkpoint.base import CheckpointTuple, PendingWrite
from langgraph.checkpoint.base.id import uuid6
from langgraph.types import PregelTask

from threadloom.runs.due import INTERRUPT, NO_TASK, Due, due, place_of, step_of, task_ns
from threadloom.runs.errors import MigrationError
from threadloom.runs.fingerprint import state_channels, subgraphs
from threadloom.runs.migrations import Draft, Migration
from threadloom.runs.verdict import Saver, config_of, inner_tuples, kept_ns, kept_tuples, starts, tasks_today

RECORD = "migrated"  # what a migration did, in the metadata of the checkpoints that it made
COUNTERS = "counters_since_delta_snapshot"  # LangGraph's metadata about DeltaChannels


class Filed(NamedTuple):
    """A task that has begun, and the one that it is at the new checkpoint."""

    old: Due
    old_id: str
    new: PregelTask


@dataclass(frozen=True)
class Layer:
    """A checkpoint of a graph or subgraph, and the one that takes its place.

    Args:
        old, new: these; the same id where nothing is different.
        tasks: those that have begun.
        applied: the migrations that changed something, each in a line.
        inner: the layers of its subgraphs.
    """

    old: CheckpointTuple
    new: CheckpointTuple
    tasks: tuple[Filed, ...]
    applied: tuple[str, ...]
    inner: tuple["Layer", ...]

    @property
    def same(self) -> bool:
        """Whether nothing of it is different."""
        return self.old.checkpoint["id"] == self.new.checkpoint["id"]

    def walk(self) -> Iterator["Layer"]:
        """All layers, inner ones first."""
        for inner in self.inner:
            yield from inner.walk()
        yield self


@dataclass(frozen=True)
class Plan:
    """What is needed to plan a layer.

    Args:
        saver: where the thread is.
        graph: today's graph or subgraph.
        migrations: all of them.
        within: where in the root graph this is.
        ns: the namespace of the new checkpoint.
        parents: the new checkpoints of the graphs around it, by namespace.
    """

    saver: Saver
    graph: Any
    migrations: tuple[Migration, ...]
    within: str = ""
    ns: str = ""
    parents: Mapping[str, str] = field(default_factory=dict)

    @property
    def here(self) -> list[Migration]:
        """The migrations of this graph."""
        return [migration for migration in self.migrations if migration.within == self.within]

    def node_now(self, name: str) -> str:
        """What a node is called today."""
        for migration in self.here:
            name = migration.node(name)
        return name

    def key_now(self, key: str) -> str:
        """What a key is called today."""
        for migration in self.here:
            key = migration.channel(key)
        return key

    def node_before(self, name: str) -> str:
        """What one of today's nodes was called."""
        for migration in reversed(self.here):
            name = migration.inverse.node(name)
        return name

    def starts_before(self) -> dict[str, list[str]]:
        """The channels that start each node today, also by the names that node and channels had."""
        found: dict[str, list[str]] = {}
        for name, channels in starts(self.graph).items():
            found.setdefault(name, []).extend(channels)
            before = [*channels]
            for migration in reversed(self.here):
                before = [migration.inverse.channel(channel) for channel in before]
            found[self.node_before(name)] = before
        return found

    def inner(self, before: str, name: str, ns: str, stored: CheckpointTuple, outer: CheckpointTuple) -> "Plan":
        """The plan for what the subgraph of a node has stored; raises MigrationError when it has none any more."""
        graph = subgraphs(self.graph).get(name)
        if graph is None:
            raise self.error(f"node {before} was in the middle of a subgraph, and has none now")
        number = place_of(stored)[1].rpartition("|")[2]  # of a subgraph that is not the first of its task
        return replace(
            self,
            graph=graph,
            within=f"{self.within}|{name}" if self.within else name,
            ns=f"{ns}|{number}" if number.isdigit() else ns,
            parents={**self.parents, self.ns: outer.checkpoint["id"]},
        )

    def error(self, text: str) -> MigrationError:
        """An error that says where it is."""
        return MigrationError(f"{self.within}: {text}" if self.within else text)


def planned(plan: Plan, stored: CheckpointTuple) -> Layer:
    """The layer for a stored checkpoint; raises MigrationError when it cannot be moved."""
    if stored.checkpoint["v"] < 4:
        raise plan.error("this was stored by an old LangGraph; let the run go on for a step first")
    draft = Draft(stored, state_channels(plan.graph), plan.saver.get_next_version)
    for key, value in _rebuilt(plan, stored):
        draft.add(key, value)
    draft.changed = False  # so far it is only whole
    applied = tuple(migration.line for migration in plan.here if draft.apply(migration.apply))
    if not draft.changed and place_of(stored)[1] == plan.ns:
        layer = _laid(plan, stored, draft, (), stored.checkpoint["id"])
        if _nothing_moved(layer):
            return layer
    return _laid(plan, stored, draft, applied, _id_after(stored))


def recorded(stored: CheckpointTuple) -> Mapping[str, str]:
    """The handles that the migration moved which made a checkpoint."""
    return cast("Any", stored.metadata).get(RECORD, {}).get("handles", {})  # type: ignore[no-any-return]


def questions(stored: CheckpointTuple) -> list[Any]:
    """The open questions, as a sequence for each task that asks."""
    return [value for _, channel, value in stored.pending_writes or () if channel == INTERRUPT]


def _nothing_moved(layer: Layer) -> bool:
    """Whether the tasks of a layer with the id of the old one are the old ones, and its questions have their handles.

    A subgraph with a memory is migrated where it is: killed after that, a migration leaves handles for the next one.
    """
    asked = {question.id for asking in questions(layer.old) for question in asking}
    moved = {handle for inner in layer.walk() if inner is not layer for handle in recorded(inner.old)}
    same = all(task.old_id == task.new.id for task in layer.tasks) and all(inner.same for inner in layer.inner)
    return same and not asked & moved


def _laid(plan: Plan, stored: CheckpointTuple, draft: Draft, applied: tuple[str, ...], checkpoint_id: str) -> Layer:
    """The layer whose new checkpoint has this id."""
    new = _new_tuple(plan, stored, draft, checkpoint_id)
    inner = [*_memories(plan, stored, new)]
    tasks = []
    for task, layers in _tasks(plan, stored, new):
        ns = task_ns(plan.ns, task.new.name, task.new.id)
        inner += [planned(plan.inner(task.old.node, task.new.name, ns, layer, new), layer) for layer in layers]
        tasks.append(task)
    writes = draft.writes
    if checkpoint_id != stored.checkpoint["id"]:
        writes = [*_refiled(plan, stored, writes, {task.old_id: task.new.id for task in tasks})]
    return Layer(stored, new._replace(pending_writes=writes), tuple(tasks), applied, tuple(inner))


def _memories(plan: Plan, stored: CheckpointTuple, new: CheckpointTuple) -> Iterator[Layer]:
    """The layers of subgraphs that keep what they store between tasks; some stay in their namespace."""
    for name in subgraphs(plan.graph):
        before, ns = plan.node_before(name), kept_ns(plan.ns, name)
        for layer in kept_tuples(plan.saver, stored, before):
            yield planned(plan.inner(before, name, ns, layer, new), layer)


def _tasks(plan: Plan, stored: CheckpointTuple, new: CheckpointTuple) -> Iterator[tuple[Filed, list[CheckpointTuple]]]:
    """The tasks that have begun, with what their subgraphs have stored."""
    today = {task.path[:2]: task for task in tasks_today(plan.saver, plan.graph, new)}
    written = {write[0] for write in stored.pending_writes or ()}
    for old in due(stored, plan.starts_before()):
        inner = [(task_id, layer) for task_id, layer in inner_tuples(plan.saver, stored, old) if task_id]
        old_id = next((task_id for task_id in old.ids if task_id in {*written, *dict(inner)}), None)
        if old_id is None:
            continue
        kind, what = old.path
        task = today.get((kind, plan.node_now(what) if isinstance(what, str) else what))
        if task is None or task.name != plan.node_now(old.node):
            raise plan.error(f"node {old.node} is next, and would not be after these migrations")
        yield Filed(old, old_id, task), [layer for _, layer in inner]


def _new_tuple(plan: Plan, stored: CheckpointTuple, draft: Draft, checkpoint_id: str) -> CheckpointTuple:
    thread_id, _, old_id = place_of(stored)
    same = checkpoint_id == old_id
    checkpoint: Any = {
        **stored.checkpoint,
        "id": checkpoint_id,
        "ts": stored.checkpoint["ts"] if same else datetime.now(UTC).isoformat(),
        "channel_values": draft.values,
        "channel_versions": draft.versions,
        "versions_seen": draft.seen,
        "updated_channels": None,  # a hint where to look for tasks, by old names; None is to look everywhere
    }
    metadata: Any = {key: value for key, value in stored.metadata.items() if key not in (RECORD, COUNTERS)}
    metadata |= {"source": "update", "step": step_of(stored) + (not same), "parents": dict(plan.parents)}
    config = config_of(thread_id, plan.ns)
    config["configurable"]["checkpoint_id"] = checkpoint_id
    return CheckpointTuple(config, checkpoint, metadata, None, [])


def _id_after(stored: CheckpointTuple) -> str:
    """A new id. It is greater than the old one, since the greatest is the latest, also where this clock is behind."""
    old, new = stored.checkpoint["id"], str(uuid6(clock_seq=step_of(stored) + 1))
    return new if new > old else str(UUID(int=UUID(old).int + (1 << 80)))


def _rebuilt(plan: Plan, stored: CheckpointTuple) -> Iterator[tuple[str, Any]]:
    """The values of DeltaChannels, which are not stored with the checkpoint but rebuilt from writes of ancestors."""
    counted: Any = cast("Any", stored.metadata).get(COUNTERS) or {}
    for key in counted.keys() - stored.checkpoint["channel_values"].keys():
        channel = plan.graph.channels.get(plan.key_now(key))
        if not isinstance(channel, DeltaChannel):
            raise plan.error(f"key {key} was a DeltaChannel, and cannot be rebuilt without one")
        history = plan.saver.get_delta_channel_history(config=stored.config, channels=[key])[key]
        rebuilt = channel.from_checkpoint(history["seed"] if "seed" in history else channel.ValueType())
        rebuilt.replay_writes(history["writes"])
        yield key, rebuilt.get()


def _refiled(
    plan: Plan, stored: CheckpointTuple, writes: Sequence[PendingWrite], ids: Mapping[str, str]
) -> Iterator[PendingWrite]:
    """The pending writes under the new ids of their tasks."""
    # LangGraph keeps the input of a run for DeltaChannels as writes of a task of this id; it comes again with the run.
    given = str(uuid5(UUID(stored.checkpoint["id"]), "__input__"))
    for task_id, channel, value in writes:
        if task_id == given:
            continue
        if task_id != NO_TASK and task_id not in ids:
            raise plan.error(
                "what a @task or an error handler wrote is stored, and cannot be moved; let the run end with the "
                "graph that it began with"
            )
        yield ids.get(task_id, task_id), channel, value
