"""Checkpoints made by hand, without a graph."""

from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, empty_checkpoint

from threadloom.checkpoints import Encryption
from threadloom.checkpoints.tables import Tables

TABLES = Tables()
_KEYS = {"now": bytes(range(32)), "before": bytes(range(32, 64))}
KEYS, BEFORE = Encryption(_KEYS), Encryption(_KEYS, current="before")


def config(thread_id: str = "t", ns: str = "", **more: Any) -> RunnableConfig:
    return {"configurable": {"thread_id": thread_id, "checkpoint_ns": ns, **more}}


def put(
    saver: BaseCheckpointSaver[str],
    at: RunnableConfig,
    values: dict[str, Any] | None = None,
    checkpoint_id: str | None = None,
    **metadata: Any,
) -> RunnableConfig:
    """Store a checkpoint with these channel values as a child of `at`."""
    checkpoint = empty_checkpoint()
    checkpoint["id"] = checkpoint_id or checkpoint["id"]
    checkpoint["channel_values"] = values or {}
    checkpoint["channel_versions"] = {channel: saver.get_next_version(None, None) for channel in values or {}}
    notes: Any = {"source": "update", "step": 0} | metadata
    return saver.put(at, checkpoint, notes, checkpoint["channel_versions"])
