"""Bringing a stored thread to today's graph: a new checkpoint after the old ones, from which the run goes on.

The checkpoint of the root graph is stored last. Until then the thread is as it was, and what was stored for it already
is under ids that nobody knows: whoever is killed here has changed nothing.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple
from langgraph.types import Interrupt

from threadloom.checkpoints.guard import FOLLOWS
from threadloom.runs.due import INTERRUPT, RESUME, interrupt_id, place_of, task_ns
from threadloom.runs.errors import MigrationError, UnknownThreadError
from threadloom.runs.fingerprint import Graph, compiled, fingerprint
from threadloom.runs.layers import RECORD, Layer, Plan, planned, questions, recorded
from threadloom.runs.migrations import ChangedType, Migration
from threadloom.runs.verdict import Saver, config_of, problems


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
        UnknownThreadError: there is no such thread.
        MigrationError: the thread would not go on after these migrations either, or cannot be migrated.
        StaleThreadError: a run took the thread further meanwhile, or another process migrated it; nothing was changed.
    """
    stored, layers = _checked(saver, graph, thread_id, migrations)
    if not layers:
        return Migrated(thread_id, stored.checkpoint["id"], (), recorded(stored))
    moved = _moved_handles(layers)
    handles = moved | {old: moved[new] for old, new in recorded(stored).items() if new in moved}
    applied = tuple(line for layer in layers for line in layer.applied)
    for layer in layers:
        cast("Any", layer.new.metadata)[RECORD] = {
            "from": stored.checkpoint["id"],
            "graph": fingerprint(compiled(graph)).digest,
            "applied": [*applied],
            "handles": handles,
        }
        _store(saver, layer)
    return Migrated(thread_id, layers[-1].new.checkpoint["id"], applied, handles)


def try_out(saver: Saver, graph: Graph, thread_id: str, migrations: Sequence[Migration]) -> tuple[str, ...]:
    """What `migrate` would apply, each in a line, without storing any of it; raises as it does."""
    _, layers = _checked(saver, graph, thread_id, migrations)
    return tuple(line for layer in layers for line in layer.applied)


def _checked(
    saver: Saver, graph: Graph, thread_id: str, migrations: Sequence[Migration]
) -> tuple[CheckpointTuple, list[Layer]]:
    """The latest checkpoint, and the layers that are to be stored after it, the root last; none if it may stay."""
    stored = saver.get_tuple(config_of(thread_id))
    if stored is None:
        raise UnknownThreadError(f"no thread {thread_id!r} in this database")
    today = compiled(graph)
    root = planned(Plan(saver, today, tuple(migrations)), stored)
    layers = [*_answerable(root)]
    converted = {(migration.within, migration.key) for migration in migrations if isinstance(migration, ChangedType)}
    reasons = "; ".join(problems(_Planned(saver, layers), today, layers[-1].new if layers else stored, converted))
    if reasons:
        raise MigrationError(f"thread {thread_id!r} would not go on after these migrations: {reasons}")
    return stored, [] if root.same else layers


async def amigrate(saver: Saver, graph: Graph, thread_id: str, migrations: Sequence[Migration]) -> Migrated:
    """`migrate` for event loops, in a worker thread."""
    return await asyncio.to_thread(migrate, saver, graph, thread_id, migrations)


def _answerable(root: Layer) -> Iterator[Layer]:
    """The layers that are to be stored, inner ones first, their questions under the handles that answer them now."""
    handles = {old: new for layer in root.walk() for old, new in _handles(layer)}
    # Of those, a subgraph with a memory may have moved some before its migration was cut off.
    handles |= {
        old: handles[new] for layer in root.walk() for old, new in recorded(layer.old).items() if new in handles
    }
    for layer in root.walk():
        if not layer.same:
            writes = [
                (task, channel, _asked(value, handles) if channel == INTERRUPT else value)
                for task, channel, value in layer.new.pending_writes or ()
            ]
            yield replace(layer, new=layer.new._replace(pending_writes=writes))


def _handles(layer: Layer) -> Iterator[tuple[str, str]]:
    """The handles of all questions that the tasks of a layer may have asked, old and new."""
    (_, old_ns, _), (_, new_ns, _) = place_of(layer.old), place_of(layer.new)
    for old, old_id, new in layer.tasks:
        places = task_ns(old_ns, old.node, old_id), task_ns(new_ns, new.name, new.id)
        given = [value for task, name, value in layer.old.pending_writes or () if (task, name) == (old_id, RESUME)]
        for answered in range(sum(len(answers) if isinstance(answers, list) else 1 for answers in given) + 1):
            yield interrupt_id(places[0], answered), interrupt_id(places[1], answered)


def _asked(asking: Any, handles: Mapping[str, str]) -> Any:
    """Questions under their new handles; raises MigrationError for one that no layer has asked."""
    asked = []
    for question in asking:
        if question.id not in handles:
            raise MigrationError(
                f"question {question.id} was asked by a graph that is not known here; it cannot be moved"
            )
        asked.append(Interrupt(question.value, handles[question.id], response_schema=question.response_schema))
    return type(asking)(asked)


def _moved_handles(layers: Sequence[Layer]) -> dict[str, str]:
    """The handles of the open questions, new by old."""
    return {
        was.id: now.id
        for layer in layers
        for before, after in zip(questions(layer.old), questions(layer.new), strict=True)
        for was, now in zip(before, after, strict=True)
    }


class _Planned(BaseCheckpointSaver[Any]):
    """The thread as it would be with these layers."""

    def __init__(self, saver: Saver, layers: Sequence[Layer]) -> None:
        super().__init__()
        self._saver = saver
        self._tuples = {place_of(layer.new)[1]: layer.new for layer in layers}
        self.get_delta_channel_history = saver.get_delta_channel_history  # type: ignore[method-assign]

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        return self._tuples.get(config["configurable"].get("checkpoint_ns", "")) or self._saver.get_tuple(config)


def _store(saver: Saver, layer: Layer) -> None:
    """Store a layer's writes, then its checkpoint."""
    thread_id, ns, _ = place_of(layer.new)
    paths = {task.new.id: _path_text(task.new.path) for task in layer.tasks}
    writes: dict[str, list[tuple[str, Any]]] = {}
    for task_id, channel, value in layer.new.pending_writes or ():
        writes.setdefault(task_id, []).append((channel, value))
    for task_id, theirs in writes.items():
        saver.put_writes(layer.new.config, theirs, task_id, paths.get(task_id, ""))
    config, versions = config_of(thread_id, ns), layer.new.checkpoint["channel_versions"]
    if place_of(layer.old)[1] == ns:
        before = layer.old.checkpoint["channel_versions"]
        versions = {channel: version for channel, version in versions.items() if before.get(channel) != version}
        config["configurable"] |= {"checkpoint_id": layer.old.checkpoint["id"], FOLLOWS: not ns}
    saver.put(config, layer.new.checkpoint, layer.new.metadata, versions)


def _path_text(path: Sequence[Any]) -> str:
    """The path of a task as LangGraph writes it, by which writes are ordered."""
    return "~" + ", ".join(f"{part:010d}" if isinstance(part, int) else str(part) for part in path)
