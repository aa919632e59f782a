"""What a task of a run asks a model."""

from typing import Any

from langchain_core.runnables.config import var_child_runnable_config

from threadloom.runs.effects import CONTEXT
from threadloom.runs.recorder import Request, digest_of


def asked(prompt: str, model: str) -> Request | None:
    """The request of the task that is running, as LangChain's caches are given it; None: whoever asks is no task."""
    config: Any = var_child_runnable_config.get() or {}
    known, metadata = config.get("configurable", {}), config.get("metadata", {})
    drive, began = known.get(CONTEXT), known.get("checkpoint_map", {}).get("")
    if drive is None or drive.recorder is None or began is None:
        return None
    ns = str(known.get("checkpoint_ns", ""))
    nodes = "|".join(part.partition(":")[0] for part in ns.split("|"))
    place = f"{nodes} {metadata.get('langgraph_path')}"
    return Request(drive.recorder, known["__pregel_task_id"], began, ns, place, digest_of(prompt, model))
