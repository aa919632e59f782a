"""Going on from any checkpoint of a thread, with another state, in the thread itself or in a new one."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import Checkpoint, CheckpointMetadata
from langgraph.checkpoint.base.id import uuid6
from langgraph.errors import InvalidUpdateError

from threadloom.checkpoints import SQLSaver
from threadloom.checkpoints.errors import ThreadExistsError
from threadloom.checkpoints.importing import temporary_name
from threadloom.errors import UsageError
from threadloom.runs.errors import ThreadBusyError
from threadloom.runs.lease import held
from threadloom.runs.record import ENDED, Records
from threadloom.runs.snapshot import Snapshot, snapshot

OWN = {"source", "step", "parents", "run_id", "writes", "counters_since_delta_snapshot"}
"""Metadata that LangGraph writes for each checkpoint anew."""


def fork(
    graph: Any,
    thread_id: str,
    checkpoint_id: str | None = None,
    values: Mapping[str, Any] | None = None,
    *,
    as_node: str | None = None,
    to: str | None = None,
) -> RunnableConfig:
    """Make a checkpoint after or beside an older one, from which `graph.invoke(None, config)` goes on.

    A new thread has the history up to the checkpoint and the fork, and is there whole or not at all. In the thread
    itself, what came after the checkpoint stays as a branch that was left.

    Args:
        graph: compiled with an `SQLSaver`.
        thread_id, checkpoint_id: from where; None for the latest.
        values: what to write into the state, through its reducers, as if a node had returned it. None changes nothing.
        as_node: which node; the one that wrote last unless told otherwise.
        to: the id of a new thread; None for the thread itself.

    Returns the config of the fork: thread and checkpoint.

    Raises:
        UsageError: there is no such checkpoint, key or node, or more than one node could have written.
        ThreadBusyError: it would be in the thread itself, and its run has not ended, or somebody has its lease.
        ThreadExistsError: the new thread is there already.
    """
    saver: SQLSaver = graph.checkpointer
    origin = snapshot(saver, thread_id, checkpoint_id)
    _check(graph, values, as_node)
    if to is None:
        with held(saver, thread_id) as fenced:
            _check_ended(saver, thread_id)
            return _update(graph.copy(update={"checkpointer": fenced}), origin, thread_id, values, as_node)
    if next(saver.timeline(to, limit=1), None):
        raise ThreadExistsError(f"thread {to!r} is in the database already; give the fork another name")
    name = temporary_name(to)
    try:
        saver.copy_thread(thread_id, name)
        place = _update(graph, origin, name, values, as_node)["configurable"]
        saver.cut_back(name, origin.checkpoint_id, keep=place["checkpoint_id"])
        saver.copy_thread(name, to)
    finally:
        saver.delete_thread(name)
    return RunnableConfig(configurable={**place, "thread_id": to})


def _check_ended(saver: SQLSaver, thread_id: str) -> None:
    """Raises ThreadBusyError: a run that has not ended would still wait, or be gone on with, where the thread left."""
    newest = saver.database.read(Records(lambda: saver.codec).newest, thread_id)
    if newest.status and newest.status not in ENDED:
        status = "lost" if newest.status == "running" else newest.status  # the lease is ours
        remedy = "fork it into a new thread, or resume or cancel the run first"
        raise ThreadBusyError(thread_id, newest.run_id, status, remedy)


def _check(graph: Any, values: Mapping[str, Any] | None, as_node: str | None) -> None:
    """Raises UsageError for what the graph does not have; LangGraph would ignore a key that it does not know."""
    keys = [key for key in graph.stream_channels_list if not key.startswith("__")]
    if unknown := [key for key in values or () if key not in keys]:
        raise UsageError(f"the state has no {', '.join(unknown)}; it has: {', '.join(keys)}")
    nodes = [node for node in graph.nodes if not node.startswith("__")]
    if as_node is not None and as_node not in nodes:
        raise UsageError(f"the graph has no node {as_node!r}; it has: {', '.join(nodes)}")
    if as_node is not None and values is None:
        raise UsageError(f"nothing is to be written as {as_node}; give values too")


def _update(
    graph: Any, origin: Snapshot, thread_id: str, values: Mapping[str, Any] | None, as_node: str | None
) -> RunnableConfig:
    place = {"thread_id": thread_id, "checkpoint_ns": "", "checkpoint_id": origin.checkpoint_id}
    metadata = {key: value for key, value in origin.metadata.items() if key not in OWN}
    config = RunnableConfig(configurable=place, metadata=metadata)
    if values is None:
        return _copied(graph.checkpointer, config)
    try:
        made: RunnableConfig = graph.update_state(config, dict(values), as_node=as_node)
    except InvalidUpdateError as exc:
        if "Ambiguous" not in str(exc):
            raise UsageError(f"the state cannot be changed so: {exc}") from exc
        nodes = ", ".join(node for node in graph.nodes if not node.startswith("__"))
        raise UsageError(f"several nodes may have written here; say as which one: {nodes}") from exc
    return made


def _copied(saver: SQLSaver, config: RunnableConfig) -> RunnableConfig:
    """A checkpoint once more, beside itself, without what came of it.

    As `update_state` makes one with the node "__copy__", which loses the metadata that programs put there.
    """
    stored = saver.get_tuple(config)
    if stored is None:
        raise UsageError("the checkpoint was deleted meanwhile")
    step = stored.metadata.get("step", 0)
    checkpoint: Checkpoint = {
        **stored.checkpoint,
        "id": str(uuid6(clock_seq=step)),
        "ts": datetime.now(UTC).isoformat(),
    }
    kept = {key: value for key, value in stored.metadata.items() if key != "run_id"}
    metadata = cast("CheckpointMetadata", {**kept, "source": "fork", "step": step + 1})
    place = {key: value for key, value in config["configurable"].items() if key != "checkpoint_id"}
    parent = stored.parent_config or RunnableConfig(configurable=place)
    return saver.put(parent, checkpoint, metadata, {})
