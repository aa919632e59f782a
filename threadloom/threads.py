"""What a thread is and where it stands, told from its checkpoints."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple
from langgraph.types import StateSnapshot

from threadloom.catalogue import GRAPHS, load
from threadloom.checkpoints import SQLSaver
from threadloom.checkpoints.importing import is_unfinished
from threadloom.errors import UsageError
from threadloom.runs.pending import look
from threadloom.runs.record import ENDED, Record, Records
from threadloom.state.answers import ANSWERS

Status = Literal["done", "waiting", "failed", "unfinished", "foreign", "running", "lost", "paused", "cancelled"]
"""`lost` was running, and its process is gone; `unfinished`, of a thread that no Runner has made, is one or the other;
`foreign` is of a graph that is not in the catalogue."""


@dataclass(frozen=True)
class Thread:
    """One thread: its graph, where it stands, and what it waits for."""

    id: str
    graph: str
    question: str
    """What it was asked last."""
    status: Status
    updated: datetime | None
    pending: list[dict[str, Any]] = field(default_factory=list)
    """Questions that wait for an answer."""
    error: str = ""
    values: dict[str, Any] = field(default_factory=dict, repr=False)
    run_id: str = ""
    """Of its last run, if a Runner made it and nobody else has gone on since."""

    @property
    def answer(self) -> str:
        """Its result as Markdown; there is one when it is done."""
        return GRAPHS[self.graph].answer(self.values)


@dataclass(frozen=True)
class Step:
    """One checkpoint of a thread; `next` is None where the graph is not known."""

    id: str
    created: str
    step: int
    source: str
    next: tuple[str, ...] | None
    values: dict[str, Any] = field(repr=False)


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
    """Where the thread stands now.

    An empty `next` does not mean finished: a process killed between two writes leaves it empty with work to do, and
    those writes pending. A graph of ours says `finished_at` in its state when it has come to its end.
    """
    latest = saver.get_tuple(config_for(thread_id))
    metadata: dict[str, Any] = {**latest.metadata} if latest else {}
    name = str(metadata.get("graph") or metadata.get("graph_id", ""))  # the latter from a LangGraph server
    if name not in GRAPHS or is_unfinished(thread_id):  # half of an import is no thread of ours yet
        updated = datetime.fromisoformat(latest.checkpoint["ts"]) if latest else None
        return Thread(id=thread_id, graph=name, question="", status="foreign", updated=updated)
    flow = compiled(name, saver)
    snapshot: StateSnapshot = flow.get_state(config_for(thread_id))
    errors = [str(task.error) for task in snapshot.tasks if task.error]
    pending = [_asked(item.id, item.value) for item in snapshot.interrupts]
    work_left = bool(snapshot.next or (latest and latest.pending_writes))
    finished = bool(snapshot.values.get("finished_at")) and not work_left
    found = Thread(
        id=thread_id,
        graph=name,
        question=GRAPHS[name].asked(snapshot.values),
        status="waiting" if pending else "failed" if errors else "done" if finished else "unfinished",
        updated=datetime.fromisoformat(snapshot.created_at) if snapshot.created_at else None,
        pending=pending,
        error=errors[0] if errors else "",
        values=snapshot.values,
    )
    record = latest_run(saver, thread_id)
    if record is None or (metadata.get("run_id") != record.run_id and _was_left(record, found)):
        return found
    questions = look(saver, flow, record).questions if record.status == "waiting" else []
    pending = [_asked(one.handle, one.prompt) | {"standing": one.standing} for one in questions]
    return replace(found, status=record.status, pending=pending, error=record.error, run_id=record.run_id)


def _was_left(record: Record, found: Thread) -> bool:
    """Whether somebody without a Runner, such as LangGraph Studio, has gone on with the thread after a run."""
    return record.status in ENDED or (found.updated is not None and found.updated.timestamp() * 1000 > record.updated)


def latest_run(saver: SQLSaver, thread_id: str) -> Record | None:
    """The run that was started last in a thread, if a Runner has."""
    return saver.database.read(Records(lambda: saver.codec).latest, thread_id)


def _asked(handle: str, prompt: Any) -> dict[str, Any]:
    """A question as this command line shows it: one of ours as its node asks it, any other as it is."""
    if isinstance(prompt, Mapping) and prompt.get("kind") in ANSWERS:
        return {"id": handle, **prompt}
    return {"id": handle, "kind": "", "prompt": prompt, "refused": "", "papers": [], "markdown": "", "details": {}}


def history(saver: SQLSaver, thread: Thread) -> list[Step]:
    """The thread's checkpoints, newest first."""
    if thread.status == "foreign":
        return [_stored(stored) for stored in saver.list(_root(thread.id))]
    return [_snapped(snapshot) for snapshot in compiled(thread.graph, saver).get_state_history(config_for(thread.id))]


def _root(thread_id: str) -> RunnableConfig:
    return RunnableConfig(configurable={"thread_id": thread_id, "checkpoint_ns": ""})


def _stored(stored: CheckpointTuple) -> Step:
    checkpoint, metadata = stored.checkpoint, stored.metadata
    values = {
        key: value for key, value in checkpoint["channel_values"].items() if not key.startswith(("__", "branch:"))
    }
    return Step(checkpoint["id"], checkpoint["ts"], metadata.get("step", 0), metadata.get("source", ""), None, values)


def _snapped(snapshot: StateSnapshot) -> Step:
    metadata = snapshot.metadata or {}
    return Step(
        id=str(snapshot.config.get("configurable", {}).get("checkpoint_id", "")),
        created=snapshot.created_at or "",
        step=metadata.get("step", 0),
        source=metadata.get("source", ""),
        next=snapshot.next,
        values=snapshot.values,
    )
