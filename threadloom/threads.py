"""What a thread is and where it stands, told from its checkpoints."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from langchain_core.runnables import RunnableConfig
from langgraph.types import StateSnapshot

from threadloom.catalogue import load
from threadloom.checkpoints import SQLSaver
from threadloom.errors import UsageError

Status = Literal["done", "waiting", "failed", "unfinished"]


@dataclass(frozen=True)
class Thread:
    """One thread: its graph, where it stands, and what it waits for."""

    id: str
    graph: str
    question: str
    status: Status
    updated: datetime | None
    pending: list[dict[str, Any]] = field(default_factory=list)
    """Questions that wait for an answer."""
    error: str = ""
    values: dict[str, Any] = field(default_factory=dict, repr=False)


def compiled(name: str, saver: SQLSaver) -> Any:
    """The named graph with this saver."""
    return load(name).compile(checkpointer=saver, name=name)


def config_for(thread_id: str, graph: str = "", checkpoint: str = "") -> RunnableConfig:
    """LangGraph's config for a thread; its graph's name is kept in every checkpoint's metadata, for resume."""
    place = {"thread_id": thread_id, **({"checkpoint_id": checkpoint} if checkpoint else {})}
    return RunnableConfig(configurable=place, metadata={"graph": graph} if graph else {})


def find(saver: SQLSaver, text: str) -> str:
    """The id of the one thread that is, or begins with, `text`. Raises UsageError when none or several do."""
    if text and saver.get_tuple(config_for(text)):
        return text
    matches = [thread.thread_id for thread in saver.threads(limit=10_000) if text and thread.thread_id.startswith(text)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise UsageError(f"{text!r} fits {len(matches)} threads: {', '.join(matches[:3])}…; give more of the id")
    raise UsageError(f"no thread {text!r} in this database; `threadloom threads` lists those there are")


def describe(saver: SQLSaver, thread_id: str) -> Thread:
    """Where the thread stands now. Raises UsageError when its graph is not one of ours.

    An empty `next` does not mean finished: a process killed between two writes leaves it empty with work to do, and
    those writes pending. A graph of ours says `finished_at` in its state when it has come to its end.
    """
    latest = saver.get_tuple(config_for(thread_id))
    name = str(latest.metadata.get("graph", "")) if latest else ""
    snapshot: StateSnapshot = compiled(name, saver).get_state(config_for(thread_id))
    errors = [str(task.error) for task in snapshot.tasks if task.error]
    pending = [{"id": item.id, **item.value} for item in snapshot.interrupts]
    work_left = bool(snapshot.next or (latest and latest.pending_writes))
    finished = bool(snapshot.values.get("finished_at")) and not work_left
    return Thread(
        id=thread_id,
        graph=name,
        question=str(snapshot.values.get("question", "")),
        status="waiting" if pending else "failed" if errors else "done" if finished else "unfinished",
        updated=datetime.fromisoformat(snapshot.created_at) if snapshot.created_at else None,
        pending=pending,
        error=errors[0] if errors else "",
        values=snapshot.values,
    )
