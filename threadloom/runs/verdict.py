"""Whether a stored run would go on with its graph as it is today.

LangGraph goes on with whatever fits and says nothing of the rest: a question whose node was renamed is gone, and with
it the answer; the value of a key that is not there any more is dropped. Here that is found before anything runs.
"""

import functools
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.channels import BinaryOperatorAggregate, DeltaChannel, LastValue
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple, copy_checkpoint
from langgraph.checkpoint.serde.types import _DeltaSnapshot
from langgraph.types import PregelTask, Send
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError

from threadloom.runs.changes import Difference, differences
from threadloom.runs.due import INTERRUPT, SENDS, Due, awaited, due, is_key, joined, node_of, place_of, task_ns
from threadloom.runs.errors import UnknownThreadError
from threadloom.runs.fingerprint import Fingerprint, Graph, compiled, fingerprint, state_channels, subgraphs, type_name

Saver = BaseCheckpointSaver[Any]
TYPED = (LastValue, BinaryOperatorAggregate, DeltaChannel)
"""Channels that store values of their type."""


@dataclass(frozen=True)
class Verdict:
    """Whether a thread would go on, and what is different.

    Args:
        thread_id: which thread.
        unfinished: whether there is anything to go on with.
        nodes: those that are next.
        problems: why it would not go on as its run meant it, each in a line; none when it would.
        differences: what became of its graph since; empty as well where that is not known.
        migrations: what is applied before it goes on, each in a line.
    """

    thread_id: str
    unfinished: bool
    nodes: tuple[str, ...]
    problems: tuple[str, ...]
    differences: tuple[Difference, ...]
    migrations: tuple[str, ...] = ()

    @property
    def resumes(self) -> bool:
        """Whether it would go on."""
        return not self.problems


def judge(saver: Saver, graph: Graph, thread_id: str, before: Fingerprint | None = None) -> Verdict:
    """Whether a thread would go on with a graph as it is today; nothing is stored.

    Args:
        saver: where the thread is.
        graph: its graph, compiled or not.
        thread_id: which thread.
        before: the fingerprint of the graph with which the thread was last run. Without it the checkpoints alone are
            judged, and types by the values that are there.

    Raises UnknownThreadError when there is no such thread.
    """
    stored, today = saver.get_tuple(config_of(thread_id)), compiled(graph)
    if stored is None:
        raise UnknownThreadError(f"no thread {thread_id!r} in this database")
    changed = differences(before, fingerprint(today)) if before else []
    retyped = (
        None
        if before is None
        else {(change.within, change.name) for change in changed if change.what == "key" and change.kind == "changed"}
    )
    tasks, waiting = due(stored, starts(today)), awaited(stored.checkpoint, starts(today))
    found = [] if before and not changed else [*problems(saver, today, stored, retyped)]
    return Verdict(
        thread_id=thread_id,
        unfinished=bool(tasks or waiting or stored.pending_writes),
        nodes=tuple(dict.fromkeys(task.node for task in tasks)) or tuple(waiting),
        problems=tuple(found),
        differences=tuple(changed),
    )


def config_of(thread_id: str, ns: str = "") -> RunnableConfig:
    """The config of the latest checkpoint in a namespace."""
    return RunnableConfig(configurable={"thread_id": thread_id, "checkpoint_ns": ns})


def starts(graph: Any) -> dict[str, Sequence[str]]:
    """Which channels start each node today."""
    return {name: node.triggers for name, node in graph.nodes.items()}


def tasks_today(saver: Saver, graph: Any, stored: CheckpointTuple) -> tuple[PregelTask, ...]:
    """The tasks that LangGraph itself sees at a checkpoint, whatever was written for them."""
    config = config_of(*place_of(stored)[:2])
    config["configurable"]["__pregel_checkpointer"] = _Bare(
        saver, graph, stored
    )  # as a graph gives it to its subgraphs
    return graph.get_state(config).tasks  # type: ignore[no-any-return]


class _Bare(BaseCheckpointSaver[Any]):
    """One checkpoint without what LangGraph would warn of: pending writes, and sends to nodes that are gone."""

    def __init__(self, saver: Saver, graph: Any, stored: CheckpointTuple) -> None:
        super().__init__()
        checkpoint, anywhere = copy_checkpoint(stored.checkpoint), next(iter(graph.nodes))
        if SENDS in checkpoint["channel_values"]:  # each keeps its number, from which the ids of tasks are made
            checkpoint["channel_values"][SENDS] = [
                send if getattr(send, "node", None) in graph.nodes else Send(anywhere, {})
                for send in checkpoint["channel_values"][SENDS]
            ]
        self._stored = stored._replace(checkpoint=checkpoint, pending_writes=[])
        self.get_delta_channel_history = saver.get_delta_channel_history  # type: ignore[method-assign]

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple:  # noqa: ARG002  # LangGraph's signature
        return self._stored


def inner_tuples(saver: Saver, stored: CheckpointTuple, task: Due) -> Iterator[tuple[str | None, CheckpointTuple]]:
    """What the subgraphs of a task have stored, with the task's id; None for those that keep it between tasks."""
    ns = place_of(stored)[1]
    for task_id in task.ids:
        yield from ((task_id, found) for found in _numbered(saver, stored, task_ns(ns, task.node, task_id)))
    yield from ((None, found) for found in kept_tuples(saver, stored, task.node))


def kept_tuples(saver: Saver, stored: CheckpointTuple, node: str) -> Iterator[CheckpointTuple]:
    """What the subgraphs of a node have stored if they are compiled with `checkpointer=True`, as memory of the node."""
    yield from _numbered(saver, stored, kept_ns(place_of(stored)[1], node))


def kept_ns(ns: str, node: str) -> str:
    """The namespace of a node's subgraph with a memory: without ids of tasks."""
    return "|".join([*(part.split(":")[0] for part in ns.split("|") if part), node])


def _numbered(saver: Saver, stored: CheckpointTuple, ns: str) -> Iterator[CheckpointTuple]:
    """The checkpoint of the first subgraph in a namespace, and of those after it, which have a number."""
    number = 0
    while found := saver.get_tuple(config_of(place_of(stored)[0], f"{ns}|{number}" if number else ns)):
        yield found
        number += 1


def fits(channel: Any, value: Any) -> bool:
    """Whether a value is of the type of a channel; also when that cannot be told."""
    if not isinstance(channel, TYPED) or value is ...:
        return True
    annotation: Any = channel.ValueType
    try:
        _adapter(annotation).validate_python(value, strict=True)
    except ValidationError:
        return False
    except (PydanticUserError, TypeError, NameError):  # a type that pydantic knows nothing of, or cannot look up
        return True
    return True


@functools.lru_cache(maxsize=1000)
def _adapter(annotation: Any) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(annotation, config=ConfigDict(arbitrary_types_allowed=True))
    except PydanticUserError:  # pydantic's own classes, TypedDicts and dataclasses have a config of their own
        return TypeAdapter(annotation)


def problems(
    saver: Saver, graph: Any, stored: CheckpointTuple, retyped: Set[tuple[str, str]] | None, within: str = ""
) -> Iterator[str]:
    """Why a run would not go on from a checkpoint with a graph, each in a line.

    Args:
        saver: where the checkpoint is, and those of subgraphs.
        graph: today's graph or subgraph, compiled.
        stored: the checkpoint.
        retyped: the keys, as (within, key), whose values have to be of today's type; None for all.
        within: where in the root graph it is.
    """
    place = f"{within}: " if within else ""
    lost = [*_lost_nodes(graph, stored), *_lost_keys(graph, stored, within, retyped)]
    yield from (place + problem for problem in lost)
    tasks = [task for task in due(stored, starts(graph)) if task.node in graph.nodes]
    try:
        today = {task.id for task in tasks_today(saver, graph, stored)}
    except Exception as error:  # noqa: BLE001  # whatever the schema of the user's state raises
        yield f"{place}its state does not fit any more ({type(error).__name__}: {' '.join(str(error).split())})"
        return
    writes = stored.pending_writes or ()
    having, asking = {write[0] for write in writes} - today, {write[0] for write in writes if write[1] == INTERRUPT}
    if asking and not asking & today and not lost:
        yield f"{place}what it asks belongs to none of the tasks that are next"
    for task in tasks:
        inner = [*inner_tuples(saver, stored, task)]
        if having & {*task.ids} or {task_id for task_id, _ in inner} - {None, *today}:
            yield f"{place}node {task.node} is entered another way, so that what it did and asked is not found"
        for _, found in inner:
            yield from _inner_problems(saver, graph, task.node, found, retyped, within)


def _inner_problems(
    saver: Saver, graph: Any, node: str, stored: CheckpointTuple, retyped: Any, within: str
) -> Iterator[str]:
    path, inner = f"{within}|{node}" if within else node, subgraphs(graph).get(node)
    if inner is None:
        yield f"node {path} was in the middle of a subgraph, and has none now"
    else:
        yield from problems(saver, inner, stored, retyped, path)


def _lost_nodes(graph: Any, stored: CheckpointTuple) -> Iterator[str]:
    """Nodes that are gone though something leads to them: a channel, a send, or what a finished sibling wrote."""
    leads = dict(awaited(stored.checkpoint, starts(graph)))
    sends = [*stored.checkpoint["channel_values"].get(SENDS, ())]
    for _, channel, value in stored.pending_writes or ():
        if channel == SENDS:
            sends.append(value)
        elif (node := node_of(channel)) is not None:
            leads[node] = channel
    for node in dict.fromkeys((*leads, *(getattr(send, "node", "") for send in sends))):
        if node and node not in graph.nodes:
            yield f"node {node} is gone, and the run is to go on there"
        elif node in leads and leads[node] not in graph.channels:
            yield f"node {node} waits for {joined(leads[node])}, and is started in another way now"


def _lost_keys(graph: Any, stored: CheckpointTuple, within: str, retyped: Set[tuple[str, str]] | None) -> Iterator[str]:
    """Keys with a value that are gone, or have a type now that the value is not of."""
    channels = state_channels(graph)
    for key, value in held(stored).items():
        if key not in channels:
            if key not in graph.channels:
                yield f"key {key} is gone, and holds a value"
        elif (retyped is None or (within, key) in retyped) and not fits(channels[key], value):
            yield f"key {key} holds a value of type {type(value).__name__}, and is {type_name(channels[key].ValueType)}"


def held(stored: CheckpointTuple) -> dict[str, Any]:
    """The keys of the state that hold something; with ... for what is still to be put together from writes."""
    counted: Any = stored.metadata.get("counters_since_delta_snapshot") or {}  # DeltaChannels, rebuilt from ancestors
    values = dict.fromkeys(counted, ...) | {
        key: value.value if isinstance(value, _DeltaSnapshot) else value
        for key, value in stored.checkpoint["channel_values"].items()
    }
    written = {channel: value for _, channel, value in stored.pending_writes or ()}
    return {key: value for key, value in values.items() if is_key(key) and not _empty(value)} | {
        key: ... for key, value in written.items() if is_key(key) and key not in values and not _empty(value)
    }


def _empty(value: Any) -> bool:
    return value is None or (hasattr(value, "__len__") and len(value) == 0)
