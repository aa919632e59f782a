"""What a thread is and where it stands, told from its checkpoints."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import Any, Literal

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointMetadata, CheckpointTuple
from langgraph.types import StateSnapshot

from threadloom.catalogue import GRAPHS, load
from threadloom.checkpoints import SQLSaver
from threadloom.checkpoints.errors import EncryptionError, UnrestorableValueError
from threadloom.checkpoints.importing import is_unfinished
from threadloom.checkpoints.records import ThreadSummary
from threadloom.errors import UsageError
from threadloom.runs.calls import Counts, count
from threadloom.runs.due import due
from threadloom.runs.pending import look
from threadloom.runs.question import EFFECT, HAPPENED
from threadloom.runs.record import ENDED, Newest, Record, Records
from threadloom.runs.recorder import REPLAY
from threadloom.state.answers import ANSWERS

MOST = 100  # threads or runs of which a word may be the beginning
PAGE = 20 + 1  # threads that a listing reads together: a screenful, and one to know whether there are more

Status = Literal[
    "done", "waiting", "failed", "unfinished", "foreign", "running", "lost", "paused", "cancelled", "unreadable"
]
"""`lost` was running, and its process is gone; `unfinished`, of a thread that no Runner has made, is one or the other;
`foreign` is of a graph that is not in the catalogue, and no Runner has made it; `unreadable` is damaged, or holds
objects of classes that are not allowed here."""


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
    seconds: float | None = None
    """From start to end of that run, if it has ended."""
    calls: Counts | None = None
    """Of a run that replays: how many answers of models it was given from the record, and how many it asked for."""
    known: bool = True
    """Whether its graph is in the catalogue; without it there is no state, question or answer to tell."""

    @property
    def answer(self) -> str:
        """Its result as Markdown; there is one when it is done."""
        return GRAPHS[self.graph].answer(self.values)


@dataclass(frozen=True)
class Step:
    """One checkpoint of a thread; `next` is None where that takes the graph, and it is not known."""

    id: str
    created: str
    step: int
    source: str
    next: tuple[str, ...] | None
    values: dict[str, Any] = field(repr=False)


def compiled(name: str, saver: SQLSaver) -> Any:
    """The named graph with this saver."""
    graph = load(name)
    if hasattr(graph, "compile"):
        return graph.compile(checkpointer=saver, name=name)
    return graph.copy(update={"checkpointer": saver})


def config_for(thread_id: str, graph: str = "", checkpoint: str = "") -> RunnableConfig:
    """LangGraph's config for a thread; its graph's name is kept in every checkpoint's metadata, for resume."""
    place = {"thread_id": thread_id, **({"checkpoint_id": checkpoint} if checkpoint else {})}
    return RunnableConfig(configurable=place, metadata={"graph": graph} if graph else {})


def find(saver: SQLSaver, text: str) -> str:
    """The id of the one thread that is, or begins with, `text`, or else has a run that does.

    Raises UsageError when none or several do.
    """
    if text and saver.get_tuple(config_for(text)):
        return text
    matches = saver.names(text, limit=MOST) if text else []
    if text and not matches:  # `threadloom runs` lists runs by their own ids
        runs = saver.database.read(Records(lambda: saver.codec).named, text, MOST)
        matches = list(dict.fromkeys(record.thread_id for record in runs))
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise UsageError(f"{text!r} fits {len(matches)} threads: {', '.join(matches[:3])}…; give more of the id")
    raise UsageError(f"no thread {text!r} in this database; `threadloom threads` lists those there are")


def describe(saver: SQLSaver, thread_id: str, graph: Callable[[str, SQLSaver], Any] = compiled) -> Thread:
    """Where the thread stands now; `graph` gives the compiled graph of a name.

    An empty `next` does not mean finished: a process killed between two writes leaves it empty with work to do, and
    those writes pending. A ready graph says `finished_at` in its state when it has come to its end.
    """
    latest = saver.get_tuple(config_for(thread_id))
    metadata: dict[str, Any] = {**latest.metadata} if latest else {}
    name = _graph_of(metadata)
    if name not in GRAPHS or is_unfinished(thread_id):  # half of an import is no thread of ours yet
        updated = datetime.fromisoformat(latest.checkpoint["ts"]) if latest else None
        return _unknown(saver, thread_id, name, metadata, updated)
    flow = graph(name, saver)
    snapshot: StateSnapshot = flow.get_state(config_for(thread_id))
    errors = [str(task.error) for task in snapshot.tasks if task.error]
    pending = [_asked(item.id, item.value) for item in snapshot.interrupts]
    work_left = bool(snapshot.next or (latest and latest.pending_writes))
    values = snapshot.values if isinstance(snapshot.values, dict) else {"value": snapshot.values}
    finished = not work_left and (GRAPHS[name].own is not None or bool(values.get("finished_at")))
    found = Thread(
        id=thread_id,
        graph=name,
        question=GRAPHS[name].asked(values),
        status="waiting" if pending else "failed" if errors else "done" if finished else "unfinished",
        updated=datetime.fromisoformat(snapshot.created_at) if snapshot.created_at else None,
        pending=pending,
        error=errors[0] if errors else "",
        values=values,
    )
    record = latest_run(saver, thread_id)
    if record is None or (metadata.get("run_id") != record.run_id and _was_left(record, found)):
        return found
    questions = look(saver, flow, record).questions if record.status == "waiting" else []
    pending = [_asked(one.handle, one.prompt) | {"standing": one.standing, "schema": one.schema} for one in questions]
    calls = saver.database.read(count, thread_id, record.run_id) if record.details.get(REPLAY) else None
    took = None if record.ended is None else (record.ended - record.created) / 1000
    told: dict[str, Any] = {"status": record.status, "error": record.error, "run_id": record.run_id, "seconds": took}
    return replace(found, pending=pending, calls=calls, **told)


def _unknown(
    saver: SQLSaver, thread_id: str, graph: str, metadata: Mapping[str, Any], updated: datetime | None
) -> Thread:
    """What its run's row tells of a thread whose graph is not here, if its last checkpoint is the run's."""
    found = Thread(id=thread_id, graph=graph, question="", status="foreign", updated=updated, known=False)
    record = latest_run(saver, thread_id) if metadata and not is_unfinished(thread_id) else None
    if record is None or metadata.get("run_id") != record.run_id:
        return found
    return replace(found, status=record.status, error=record.error, run_id=record.run_id)


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
    plain = {"id": handle, "kind": "", "prompt": prompt, "refused": "", "papers": [], "markdown": "", "details": {}}
    return plain | ({"example": HAPPENED} if handle.startswith(EFFECT) else {})


@dataclass(frozen=True)
class Wanted:
    """Which threads to list; None and empty mean any.

    Args:
        status, graph: of these only.
        since, until: last written to between these moments.
        text: in the id or in what was asked, whatever the case of its letters.
    """

    status: Status | None = None
    graph: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""

    def may_be(self, summary: ThreadSummary) -> bool:
        """Whether a thread can be one of them, by what is known without its state."""
        young = self.since is None or summary.created >= self.since
        old = self.until is None or summary.created < self.until
        return young and old and self.graph in (None, _graph_of(summary.metadata))

    def has(self, thread: Thread) -> bool:
        """Whether a thread is one of them."""
        text = self.text.casefold()
        says = text in thread.id.casefold() or text in thread.question.casefold()
        return says and self.status in (None, thread.status)


def listing(saver: SQLSaver, wanted: Wanted, before: tuple[str, str] | None = None) -> Iterator[tuple[Thread, str]]:
    """Threads, those that were written to last first, each with the cursor from which a listing goes on after it.

    Only of those that can be wanted the state is read, a page at a time as the caller goes on. `since` trusts that ids
    of checkpoints grow with time, as LangGraph's do.
    """
    graph = cache(compiled)  # for this listing only: settings may be others in the next
    while page := saver.threads(limit=PAGE, before=before):
        fitting = [summary for summary in page if wanted.may_be(summary)]
        for summary, thread in zip(fitting, _glimpses(saver, fitting, graph), strict=True):
            if thread and wanted.has(thread):
                yield thread, f"{summary.checkpoint_id}/{summary.thread_id}"
        if wanted.since and page[-1].created < wanted.since:
            return
        before = page[-1].checkpoint_id, page[-1].thread_id


def _glimpses(
    saver: SQLSaver, page: Sequence[ThreadSummary], graph: Callable[[str, SQLSaver], Any]
) -> Iterator[Thread | None]:
    """Threads as `describe` has them, read together, None for one that was deleted meanwhile.

    One that cannot be read keeps no other from being listed.
    """
    ours = [one.thread_id for one in page if not one.metadata or _is_ours(one)]
    latest = saver.latest(ours)
    newest = saver.database.read(Records(lambda: saver.codec).newest_of, ours)
    for thread_id, metadata, created in ((one.thread_id, one.metadata, one.created) for one in page):
        try:
            if thread_id in ours:
                stored = latest[thread_id]() if thread_id in latest else None
                yield _glimpse(saver, thread_id, stored, newest.get(thread_id), graph) if stored else None
            else:
                yield _unknown(saver, thread_id, _graph_of(metadata), metadata, created)
        except (UnrestorableValueError, EncryptionError) as exc:
            yield Thread(thread_id, _graph_of(metadata), "", "unreadable", created, error=str(exc), known=False)


def _is_ours(summary: ThreadSummary) -> bool:
    return _graph_of(summary.metadata) in GRAPHS and not is_unfinished(summary.thread_id)


def _glimpse(
    saver: SQLSaver,
    thread_id: str,
    latest: CheckpointTuple,
    newest: Newest | None,
    graph: Callable[[str, SQLSaver], Any],
) -> Thread:
    """`describe` without the graph where nothing is left to do: building one takes longer than reading 20 threads."""
    name = _graph_of(latest.metadata)
    if name not in GRAPHS or latest.pending_writes or (newest and newest.status != "done"):
        return describe(saver, thread_id, graph)
    values = latest.checkpoint["channel_values"]
    if not values.get("finished_at") or due(latest, {}):
        return describe(saver, thread_id, graph)
    created = datetime.fromisoformat(latest.checkpoint["ts"])
    return Thread(thread_id, name, GRAPHS[name].asked(values), "done", created, values=values)


def history(saver: SQLSaver, thread: Thread) -> list[Step]:
    """The thread's checkpoints, newest first."""
    if not thread.known:
        return [_stored(stored) for stored in saver.list(_root(thread.id))]
    return [_snapped(snapshot) for snapshot in compiled(thread.graph, saver).get_state_history(config_for(thread.id))]


def _graph_of(metadata: Mapping[str, Any] | CheckpointMetadata) -> str:
    return str(metadata.get("graph") or metadata.get("graph_id", ""))  # the latter from a LangGraph server


def _root(thread_id: str) -> RunnableConfig:
    return RunnableConfig(configurable={"thread_id": thread_id, "checkpoint_ns": ""})


def _stored(stored: CheckpointTuple) -> Step:
    checkpoint, metadata = stored.checkpoint, stored.metadata
    values = {
        key: value for key, value in checkpoint["channel_values"].items() if not key.startswith(("__", "branch:"))
    }
    following = tuple(task.node for task in due(stored, {})) or None
    return Step(
        checkpoint["id"], checkpoint["ts"], metadata.get("step", 0), metadata.get("source", ""), following, values
    )


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
