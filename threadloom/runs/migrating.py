"""Bringing a stored thread to today's graph: a new checkpoint beside the old ones, from which the run goes on.

Ids of tasks are hashes of the checkpoint, the node and what starts it, and LangGraph files everything under them: what
finished tasks wrote, questions and their handles, what subgraphs have stored. So a new checkpoint has other tasks, and
all of that is filed anew, under the ids that LangGraph itself gives to the tasks of the new checkpoint.

The checkpoint of the root graph is stored last. Until then the thread is as it was, and what was stored for it already
is under ids that nobody knows: whoever is killed here has changed nothing.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple, cast
from uuid import UUID, uuid5

from langchain_core.runnables import RunnableConfig
from langgraph.channels import DeltaChannel
from langgraph.checkpoint.base import BaseCheckpointSaver, Checkpoint, CheckpointTuple, PendingWrite
from langgraph.checkpoint.base.id import uuid6
from langgraph.types import Interrupt

from threadloom.checkpoints.guard import FOLLOWS
from threadloom.errors import UsageError
from threadloom.runs.due import INTERRUPT, NO_TASK, RESUME, Due, due, interrupt_id, place_of, step_of, task_ns
from threadloom.runs.fingerprint import Graph, compiled, fingerprint, state_channels, subgraphs
from threadloom.runs.migrations import Draft, Migration, MigrationError
from threadloom.runs.verdict import Saver, config_of, inner_tuples, judge, kept_ns, kept_tuples, starts, tasks_today

RECORD = "migrated"  # in the metadata of the new checkpoint


@dataclass(frozen=True)
class Migrated:
    """What became of a thread.

    Args:
        thread_id, checkpoint_id: the thread, and its latest checkpoint now.
        applied: the migrations that changed something, each in a line; none when there was nothing to change.
        handles: the new handle of each open question, by its old one.
    """

    thread_id: str
    checkpoint_id: str
    applied: tuple[str, ...] = ()
    handles: Mapping[str, str] = field(default_factory=dict)


def migrate(saver: Saver, graph: Graph, thread_id: str, migrations: Sequence[Migration]) -> Migrated:
    """Bring a thread of an older graph to today's, unless it is there already; its history stays.

    Args:
        saver: where the thread is.
        graph: its graph of today, compiled or not.
        thread_id: which thread; one of the graph to which the migrations apply.
        migrations: what became of that graph, in order. None are needed where only the ways between nodes are others.

    Raises:
        UsageError: there is no such thread.
        MigrationError: the thread would not go on after these migrations either, or cannot be migrated.
        StaleThreadError: a run took the thread further meanwhile, or another process migrated it; nothing was changed.
    """
    stored = saver.get_tuple(config_of(thread_id))
    if stored is None:
        raise UsageError(f"no thread {thread_id!r} in this database")
    today = compiled(graph)
    recorded = _recorded(stored)
    root = _planned(_Plan(saver, today, tuple(migrations)), stored)
    if root.same:
        return Migrated(thread_id, stored.checkpoint["id"], (), recorded)
    layers = [*_answerable(root)]
    verdict = judge(_Layers(layers), today, thread_id)
    if not verdict.resumes:
        raise MigrationError(
            f"thread {thread_id!r} would not go on after these migrations: {'; '.join(verdict.problems)}"
        )
    applied = tuple(line for layer in layers for line in layer.applied)
    moved = _moved_handles(layers)
    handles = moved | {old: moved[new] for old, new in recorded.items() if new in moved}
    record = {"from": stored.checkpoint["id"], "graph": fingerprint(today).digest, "applied": [*applied]}
    for layer in layers:
        cast("Any", layer.new.metadata)[RECORD] = record | {"handles": handles}
        _store(saver, layer)
    return Migrated(thread_id, layers[-1].new.checkpoint["id"], applied, handles)


async def amigrate(saver: Saver, graph: Graph, thread_id: str, migrations: Sequence[Migration]) -> Migrated:
    """`migrate` for event loops, in a worker thread."""
    return await asyncio.to_thread(migrate, saver, graph, thread_id, migrations)


class _Filed(NamedTuple):
    """A task before and after."""

    old: Due
    old_id: str
    new: Any


@dataclass(frozen=True)
class _Layer:
    """A checkpoint of a graph or subgraph, and the one that takes its place."""

    old: CheckpointTuple
    new: CheckpointTuple
    tasks: tuple[_Filed, ...]
    applied: tuple[str, ...]
    inner: tuple["_Layer", ...]

    @property
    def same(self) -> bool:
        """Whether nothing of it is different."""
        return self.old.checkpoint["id"] == self.new.checkpoint["id"]


@dataclass(frozen=True)
class _Plan:
    """What is needed to plan a layer.

    Args:
        saver: where the thread is.
        graph: today's graph or subgraph.
        migrations: all of them.
        within: where in the graph this is.
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


def _planned(plan: _Plan, stored: CheckpointTuple) -> _Layer:
    """The layer that takes the place of a stored checkpoint: the same one where nothing is different."""
    if stored.checkpoint["v"] < 4:
        raise MigrationError("this thread was stored by an old LangGraph; let its run go on for a step first")
    draft = Draft(_whole(plan, stored), state_channels(plan.graph), plan.saver.get_next_version)
    applied = []
    for migration in plan.here:
        before, draft.changed = draft.changed, False
        migration.apply(draft)
        applied += [migration.line] if draft.changed else []
        draft.changed |= before
    if not draft.changed and place_of(stored)[1] == plan.ns:
        layer = _laid(plan, stored, draft, (), stored.checkpoint["id"])
        if _nothing_moved(layer):
            return layer
    return _laid(plan, stored, draft, tuple(applied), _id_after(stored))


def _nothing_moved(layer: _Layer) -> bool:
    """Whether a layer with the id of the old one will do."""
    asked = {question.id for questions in _questions(layer.old) for question in questions}
    moved = {handle for inner in _walk(layer) if inner is not layer for handle in _recorded(inner.old)}
    ids = all(task.old_id == task.new.id for task in layer.tasks)
    return ids and all(inner.same for inner in layer.inner) and not asked & moved


def _recorded(stored: CheckpointTuple) -> Mapping[str, str]:
    """The handles that the migration moved which made a checkpoint."""
    return cast("Any", stored.metadata).get(RECORD, {}).get("handles", {})  # type: ignore[no-any-return]


def _laid(plan: _Plan, stored: CheckpointTuple, draft: Draft, applied: tuple[str, ...], checkpoint_id: str) -> _Layer:
    """The layer with a checkpoint of this id."""
    new = _new_tuple(plan, stored, draft, checkpoint_id)
    today = {task.path[:2]: task for task in tasks_today(plan.saver, plan.graph, new)}
    tasks, inner = [], []
    written = {write[0] for write in stored.pending_writes or ()}
    for name in subgraphs(plan.graph):
        before = _node_before(plan, name)
        ns, memory = kept_ns(plan.ns, name), kept_tuples(plan.saver, stored, before)
        inner += [_planned(_inner_plan(plan, before, name, ns, layer, new), layer) for layer in memory]
    for old in due(stored, _starts_before(plan)):
        found = [(task_id, layer) for task_id, layer in inner_tuples(plan.saver, stored, old) if task_id]
        old_id = next(iter([*(written & {*old.ids}), *(task_id for task_id, _ in found)]), None)
        if old_id is None:  # it has not begun
            continue
        task = today.get(_path_now(plan, old))
        if task is None:
            raise MigrationError(f"{_place(plan)}node {old.node} is next, and would not be after these migrations")
        tasks.append(_Filed(old, old_id, task))
        ns = task_ns(plan.ns, task.name, task.id)
        inner += [_planned(_inner_plan(plan, old.node, task.name, ns, layer, new), layer) for _, layer in found]
    writes = draft.writes
    if checkpoint_id != stored.checkpoint["id"]:
        writes = [*_refiled(plan, stored, writes, {task.old_id: task.new.id for task in tasks})]
    return _Layer(stored, new._replace(pending_writes=writes), tuple(tasks), applied, tuple(inner))


def _new_tuple(plan: _Plan, stored: CheckpointTuple, draft: Draft, checkpoint_id: str) -> CheckpointTuple:
    thread_id, _, old_id = place_of(stored)
    same = checkpoint_id == old_id
    checkpoint = cast(
        "Checkpoint",
        {
            **stored.checkpoint,
            "id": checkpoint_id,
            "ts": stored.checkpoint["ts"] if same else datetime.now(UTC).isoformat(),
            "channel_values": draft.values,
            "channel_versions": draft.versions,
            "versions_seen": draft.seen,
            "updated_channels": stored.checkpoint.get("updated_channels")
            if same
            else None,  # a hint; None to look at all
        },
    )
    metadata: Any = {
        key: value for key, value in stored.metadata.items() if key not in (RECORD, "counters_since_delta_snapshot")
    }
    metadata |= {"source": "update", "step": step_of(stored) + (0 if same else 1), "parents": dict(plan.parents)}
    config = config_of(thread_id, plan.ns)
    config["configurable"]["checkpoint_id"] = checkpoint_id
    return CheckpointTuple(config, checkpoint, metadata, None, [])


def _id_after(stored: CheckpointTuple) -> str:
    """A new id. It is greater than the old one, since the greatest is the latest, also where clocks are behind."""
    old, new = stored.checkpoint["id"], str(uuid6(clock_seq=step_of(stored) + 1))
    return new if new > old else str(UUID(int=UUID(old).int + (1 << 80)))


def _whole(plan: _Plan, stored: CheckpointTuple) -> CheckpointTuple:
    """The checkpoint with the values in it of DeltaChannels, which are rebuilt from the writes of ancestors."""
    counted: Any = cast("Any", stored.metadata).get("counters_since_delta_snapshot") or {}
    values = dict(stored.checkpoint["channel_values"])
    for key in counted:
        if key in values:
            continue
        channel = plan.graph.channels.get(_key_now(plan, key))
        if not isinstance(channel, DeltaChannel):
            raise MigrationError(f"{_place(plan)}key {key} was a DeltaChannel, and cannot be rebuilt without one")
        history = plan.saver.get_delta_channel_history(config=stored.config, channels=[key])[key]
        rebuilt = channel.from_checkpoint(history["seed"] if "seed" in history else channel.ValueType())
        rebuilt.replay_writes(history["writes"])
        values[key] = rebuilt.get()
    return stored._replace(checkpoint=cast("Checkpoint", {**stored.checkpoint, "channel_values": values}))


def _starts_before(plan: _Plan) -> dict[str, list[str]]:
    """The channels that start each node today, also by the names that both had before."""
    found: dict[str, list[str]] = {}
    for name, channels in starts(plan.graph).items():
        found.setdefault(name, []).extend(channels)
        for migration in reversed(plan.here):
            name, channels = migration.inverse.node(name), [*map(migration.inverse.channel, channels)]  # noqa: PLW2901
        found[name] = [*channels]
    return found


def _path_now(plan: _Plan, task: Due) -> tuple[str, str | int]:
    kind, what = task.path
    return (kind, _node_now(plan, what)) if isinstance(what, str) else (kind, what)


def _node_now(plan: _Plan, name: str) -> str:
    for migration in plan.here:
        name = migration.node(name)
    return name


def _key_now(plan: _Plan, key: str) -> str:
    for migration in plan.here:
        key = migration.channel(key)
    return key


def _node_before(plan: _Plan, name: str) -> str:
    for migration in reversed(plan.here):
        name = migration.inverse.node(name)
    return name


def _inner_plan(plan: _Plan, before: str, name: str, ns: str, stored: CheckpointTuple, outer: CheckpointTuple) -> _Plan:
    """The plan of what the subgraph of a node has stored, for a namespace."""
    graph = subgraphs(plan.graph).get(name)
    if graph is None:
        raise MigrationError(f"{_place(plan)}node {before} was in the middle of a subgraph, and has none now")
    number = place_of(stored)[1].rpartition("|")[2]
    parents = {**plan.parents, plan.ns: outer.checkpoint["id"]}
    within = f"{plan.within}|{name}" if plan.within else name
    return replace(plan, graph=graph, within=within, ns=f"{ns}|{number}" if number.isdigit() else ns, parents=parents)


def _refiled(
    plan: _Plan, stored: CheckpointTuple, writes: Sequence[PendingWrite], ids: Mapping[str, str]
) -> Iterator[PendingWrite]:
    """The pending writes under the new ids of their tasks."""
    # LangGraph keeps the input of DeltaChannels as writes of a task of this name; here it is in their values.
    given = str(uuid5(UUID(stored.checkpoint["id"]), "__input__"))
    for task_id, channel, value in writes:
        if task_id == given:
            continue
        if task_id != NO_TASK and task_id not in ids:
            raise MigrationError(
                f"{_place(plan)}what a @task or an error handler wrote is stored, and cannot be moved; "
                "let this run end with the older graph"
            )
        yield ids.get(task_id, task_id), channel, value


def _answerable(root: _Layer) -> Iterator[_Layer]:
    """The layers that are to be stored, inner ones first, their questions under the handles that now answer them."""
    handles = {old: new for layer in _walk(root) for old, new in _handles(layer)}
    # Of those, a subgraph with a memory may have moved some before its migration was cut off.
    earlier = {
        old: handles[new] for layer in _walk(root) for old, new in _recorded(layer.old).items() if new in handles
    }
    handles = earlier | handles
    for layer in _walk(root):
        if not layer.same:
            writes = [
                (task, name, _asked(value, handles) if name == INTERRUPT else value)
                for task, name, value in layer.new.pending_writes or ()
            ]
            yield replace(layer, new=layer.new._replace(pending_writes=writes))


def _walk(layer: _Layer) -> Iterator[_Layer]:
    for inner in layer.inner:
        yield from _walk(inner)
    yield layer


def _handles(layer: _Layer) -> Iterator[tuple[str, str]]:
    """The handles of all questions that the tasks of a layer may have asked."""
    (_, old_ns, _), (_, new_ns, _) = place_of(layer.old), place_of(layer.new)
    for old, old_id, new in layer.tasks:
        answers = [value for task, name, value in layer.old.pending_writes or () if (task, name) == (old_id, RESUME)]
        for answered in range(sum(len(given) if isinstance(given, list) else 1 for given in answers) + 1):
            places = task_ns(old_ns, old.node, old_id), task_ns(new_ns, new.name, new.id)
            yield interrupt_id(places[0], answered), interrupt_id(places[1], answered)


def _asked(value: Any, handles: Mapping[str, str]) -> Any:
    """Questions under their new handles. Raises MigrationError for one that none of the layers has asked."""
    asked = []
    for question in value:
        if question.id not in handles:
            raise MigrationError(
                f"question {question.id} comes from a graph that is not known here; it cannot be moved"
            )
        asked.append(Interrupt(question.value, handles[question.id], response_schema=question.response_schema))
    return type(value)(asked)


def _moved_handles(layers: Sequence[_Layer]) -> dict[str, str]:
    """The handles of the open questions, new by old."""
    return {
        was.id: now.id
        for layer in layers
        for before, after in zip(_questions(layer.old), _questions(layer.new), strict=True)
        for was, now in zip(before, after, strict=True)
    }


def _questions(stored: CheckpointTuple) -> list[Any]:
    return [value for _, channel, value in stored.pending_writes or () if channel == INTERRUPT]


class _Layers(BaseCheckpointSaver[Any]):
    """The new checkpoints as if they were stored, to be judged."""

    def __init__(self, layers: Sequence[_Layer]) -> None:
        super().__init__()
        self._tuples = {place_of(layer.new)[1]: layer.new for layer in layers}

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        return self._tuples.get(config["configurable"].get("checkpoint_ns", ""))


def _store(saver: Saver, layer: _Layer) -> None:
    """Store a layer's writes, then its checkpoint."""
    thread_id, ns, _ = place_of(layer.new)
    paths = {task.new.id: _path_text(task.new.path) for task in layer.tasks}
    writes: dict[str, list[tuple[str, Any]]] = {}
    for task_id, channel, value in layer.new.pending_writes or ():
        writes.setdefault(task_id, []).append((channel, value))
    for task_id, theirs in writes.items():
        saver.put_writes(layer.new.config, theirs, task_id, paths.get(task_id, ""))
    config, old = config_of(thread_id, ns), layer.old.checkpoint["channel_versions"]
    versions = layer.new.checkpoint["channel_versions"]
    if place_of(layer.old)[1] == ns:
        config["configurable"] |= {"checkpoint_id": layer.old.checkpoint["id"], FOLLOWS: not ns}
        versions = {channel: version for channel, version in versions.items() if old.get(channel) != version}
    saver.put(config, layer.new.checkpoint, layer.new.metadata, versions)


def _path_text(path: Sequence[Any]) -> str:
    """The path of a task as LangGraph writes it, by which writes are ordered."""
    return "~" + ", ".join(f"{part:010d}" if isinstance(part, int) else str(part) for part in path)


def _place(plan: _Plan) -> str:
    return f"{plan.within}: " if plan.within else ""
