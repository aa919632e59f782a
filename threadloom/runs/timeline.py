"""What a thread did, super-step by super-step, told from its checkpoints and the writes that are stored with them.

LangGraph stores what the tasks of a super-step write with the checkpoint that they began from, and its result as the
next checkpoint. So a step here is a checkpoint with the tasks that led to it; and where tasks wrote something that has
not become a checkpoint, since one of them failed, asked or was cut off, it is a step without one.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Literal

from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple

from threadloom.checkpoints import SQLSaver
from threadloom.checkpoints.timeline import pulled_node
from threadloom.runs.attempts import KEY, NEVER, Failed
from threadloom.runs.calls import replayed_in
from threadloom.runs.consumption import NO_PRICES, NOTHING, answers_in, recorded_in, total, usage_in
from threadloom.runs.metering import Prices
from threadloom.runs.record import Records
from threadloom.state.usage import Usage

PAGE = 50  # checkpoints that are read at a time
UPDATED = "~__interrupt__"  # how LangGraph begins the path of what `update_state` writes
PUSHED = re.compile(r"~__pregel_push, (\d+)")  # the path of a task that `Send` started, with its number among them
SENDS = "__pregel_tasks"
RESULTS = ("loop", "fork")  # the sources of what tasks led to; a fork is a copy of a checkpoint, with the same parent
USAGE = "usage"  # the channel in which graphs of ours record what they used

Status = Literal["done", "waiting", "failed", "unfinished", "abandoned"]


@dataclass(frozen=True)
class Task:
    """What one node did in a step.

    Args:
        id, node: whose; the node is empty for what was written by hand and for tasks of the functional API.
        channels: where it wrote something.
        usage: what models took in it, what is below it included.
        error: why it failed last, also when it was run again since.
        failed: how often it did: under a Runner each time, else whether it did.
        failed_calls: how many calls of models and tools failed in it, under a Runner.
        call_error: the class of the last such error.
        interrupts: what it asked.
        replayed: how many answers of models were replayed in it, what is below it included.
        ended: whether it came to its end.
        steps: those of the subgraphs in it.
    """

    id: str
    node: str
    channels: tuple[str, ...] = ()
    usage: Usage = field(default_factory=lambda: NOTHING)
    error: str = ""
    failed: int = 0
    failed_calls: int = 0
    call_error: str = ""
    interrupts: tuple[Any, ...] = ()
    replayed: int = 0
    ended: bool = True
    steps: tuple["Step", ...] = ()

    @property
    def tried(self) -> int:
        """How often it was run, as far as is known."""
        return max(1, self.failed + (self.ended or bool(self.interrupts)))

    @property
    def retried(self) -> bool:
        """Whether it failed and was run again to its end."""
        return self.failed > 0 and self.ended


@dataclass(frozen=True)
class Step:
    """A super-step.

    Args:
        ns: the namespace; "" is the root graph.
        number: LangGraph's count, -1 for the first input.
        source: "input", "loop", "update", "fork".
        checkpoint_id: its result; None when there is none.
        parent_id: where it began; None for the first.
        began, ended: in UTC; the end is None when there is none.
        channels: what is new in its result, or was written for it so far.
        tasks: in LangGraph's order.
        abandoned: it has no result, and the thread went on from another checkpoint since.
        answers: ids and contents of the answers of models that are counted in it.
    """

    ns: str
    number: int
    source: str
    checkpoint_id: str | None
    parent_id: str | None
    began: datetime | None
    ended: datetime | None
    channels: tuple[str, ...]
    tasks: tuple[Task, ...]
    abandoned: bool = False
    answers: frozenset[Any] = field(default=frozenset(), repr=False, compare=False)

    @property
    def usage(self) -> Usage:
        """What models took in it."""
        return total(task.usage for task in self.tasks)

    @property
    def replayed(self) -> int:
        """How many answers of models were replayed in it."""
        return sum(task.replayed for task in self.tasks)

    @property
    def seconds(self) -> float | None:
        """How long its tasks took, waiting for answers to questions included; None where none ran, or none ended."""
        if self.source != "loop" or self.began is None or self.ended is None:
            return None
        return (self.ended - self.began).total_seconds()

    @property
    def retries(self) -> int:
        """How often its tasks were run again."""
        return sum(task.tried - 1 for task in self.tasks)

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes that ran, each as often as it did."""
        return tuple(task.node for task in self.tasks if task.node)

    @property
    def status(self) -> Status:
        """Where it stands."""
        if self.checkpoint_id:
            return "done"
        if self.abandoned:
            return "abandoned"
        if any(task.interrupts and not task.ended for task in self.tasks):
            return "waiting"
        return "failed" if any(task.error and not task.ended for task in self.tasks) else "unfinished"


def timeline(
    saver: SQLSaver,
    thread_id: str,
    *,
    prices: Prices = NO_PRICES,
    limit: int | None = None,
    before: str | None = None,
) -> Iterator[Step]:
    """The steps of the root graph, newest first, with those of subgraphs in their tasks; read as the caller goes on.

    Args:
        saver: where the thread is.
        thread_id: which one.
        prices: of models, by the names in their messages.
        limit: at most so many.
        before: only steps older than the checkpoint with this id.

    Raises:
        CheckpointError: the store failed, or a value cannot be restored.
    """
    steps = _Steps(saver, thread_id, prices)
    for number, step in enumerate(steps.of("", before)):
        if number == limit:
            return
        yield step


class _Steps:
    """Reads the steps of one thread."""

    def __init__(self, saver: SQLSaver, thread_id: str, prices: Prices) -> None:
        self._saver, self._thread_id, self._prices = saver, thread_id, prices
        self._failed: dict[str, Failed] = {}
        self._runs = {""}  # of which this is known; "" stands for who has no Runner
        self._replayed = saver.database.read(replayed_in, thread_id)
        self._inner: dict[tuple[str, str], list[str]] = defaultdict(list)
        for ns in saver.namespaces(thread_id):
            if ns:
                self._inner[_owner(ns)].append(ns)

    def of(self, ns: str, before: str | None = None, under: tuple[str, str] | None = None) -> Iterator[Step]:
        """Those of a namespace, newest first; `under` the checkpoint of the namespace above, if that is given."""
        begun = self._begun(ns, before)
        head = next((moment.checkpoint_id for moment in self._saver.timeline(self._thread_id, ns, limit=1)), None)
        for page in self._pages(ns, before, under):
            found = {_id(item): item for item in page}
            # The parent of the last one is on the next page, or was pruned.
            lacking = {each for item in page if (each := _parent(item)) and each not in found}
            parents = found | {each: stored for each in lacking if (stored := self._get(ns, each))}
            paths = self._saver.task_paths(self._thread_id, ns, parents)
            self._look_at_runs({str(item.metadata.get("run_id") or "") for item in parents.values()})
            for item in page:
                if not begun.get(_id(item)) and (left := self._unfinished(item, ns, paths[_id(item)], head)):
                    yield left
                parent = parents.get(_parent(item) or "")
                if item.metadata.get("source") in RESULTS and parent:
                    begun[_id(parent)] = True
                yield self._finished(item, parent, ns, paths[_id(parent)] if parent else {})

    def _look_at_runs(self, run_ids: set[str]) -> None:
        """Learn what failed in runs with which these checkpoints were made."""
        if not (new := run_ids - self._runs):
            return
        self._runs |= new
        records = Records(lambda: self._saver.codec)
        for run in self._saver.database.read(records.of, self._thread_id, new):
            self._failed.update(run.details.get(KEY, {}))

    def _begun(self, ns: str, before: str | None) -> dict[str, bool]:
        """The checkpoints with a result among what the caller has seen already."""
        if before is None:
            return {}
        newer = (m for m in self._saver.timeline(self._thread_id, ns) if m.checkpoint_id >= before)
        return {moment.parent_id: True for moment in newer if moment.source in RESULTS and moment.parent_id}

    def _pages(self, ns: str, before: str | None, under: tuple[str, str] | None) -> Iterator[list[CheckpointTuple]]:
        until = _config(self._thread_id, ns, before) if before else None
        listed = self._saver.list(_config(self._thread_id, ns), before=until)
        chosen = (item for item in listed if under is None or _is_under(item, *under))
        for _, page in groupby(enumerate(chosen), key=lambda numbered: numbered[0] // PAGE):
            yield [item for _, item in page]

    def _get(self, ns: str, checkpoint_id: str) -> CheckpointTuple | None:
        return self._saver.get_tuple(_config(self._thread_id, ns, checkpoint_id))

    def _finished(
        self, item: CheckpointTuple, parent: CheckpointTuple | None, ns: str, paths: Mapping[str, str]
    ) -> Step:
        source = item.metadata.get("source", "")
        by_hand = source not in RESULTS
        wanted = {task: path for task, path in paths.items() if path and path.startswith(UPDATED) == by_hand}
        tasks, answers = self._tasks(parent, ns, wanted, ended=True) if source != "input" else ((), ())
        return Step(
            ns=ns,
            number=item.metadata.get("step", 0),
            source=source,
            checkpoint_id=_id(item),
            parent_id=_parent(item),
            began=_time(parent),
            ended=_time(item),
            channels=_changed(item, parent),
            tasks=tuple(tasks),
            answers=frozenset(answers),
        )

    def _unfinished(self, item: CheckpointTuple, ns: str, paths: Mapping[str, str], head: str | None) -> Step | None:
        """What tasks wrote after a checkpoint from which no other came."""
        wanted = {task: path for task, path in paths.items() if path and not path.startswith(UPDATED)}
        if not wanted:
            return None
        tasks, answers = self._tasks(item, ns, wanted, ended=False)
        return Step(
            ns=ns,
            number=item.metadata.get("step", 0) + 1,
            source="loop",
            checkpoint_id=None,
            parent_id=_id(item),
            began=_time(item),
            ended=None,
            channels=tuple(dict.fromkeys(channel for task in tasks for channel in task.channels)),
            tasks=tuple(tasks),
            abandoned=_id(item) != head,
            answers=frozenset(answers),
        )

    def _tasks(
        self, began: CheckpointTuple | None, ns: str, paths: Mapping[str, str], *, ended: bool
    ) -> tuple[list[Task], set[Any]]:
        """The tasks with these paths that began from a checkpoint, and what is counted in them."""
        if began is None:
            return [], set()
        counting = _Counting(began, self._prices)
        tasks = []
        for task_id, path in paths.items():
            writes = [(channel, value) for task, channel, value in began.pending_writes or () if task == task_id]
            node = pulled_node(path) or _sent(began, path)
            steps = self._below(ns, node, task_id, _id(began))
            written = [channel for channel, _ in writes if not is_control(channel)]
            outputs = any(channel not in ("__error__", "__interrupt__", "__resume__") for channel, _ in writes)
            stored = next((_line(value) for channel, value in writes if channel == "__error__"), "")
            counted = self._failed.get(task_id, NEVER)
            task = Task(
                id=task_id,
                node=node,
                channels=tuple(dict.fromkeys(written)),
                usage=counting.usage(writes, steps),
                error=counted["error"] or stored,
                failed=max(counted["times"], bool(stored)),
                failed_calls=counted["calls"],
                call_error=counted["call_error"],
                interrupts=tuple(_question(i) for channel, v in writes if channel == "__interrupt__" for i in v),
                replayed=self._replayed[task_id],
                ended=ended or outputs,
                steps=tuple(steps),
            )
            tasks.append(task)
        return tasks, counting.counted

    def _below(self, ns: str, node: str, task_id: str, checkpoint_id: str) -> list[Step]:
        """The steps of the subgraphs that a task called, oldest first."""
        called = [*self._inner.get((ns, task_id), ()), *self._inner.get((ns, node), ())]
        steps = (step for inner in called for step in self.of(inner, under=(ns, checkpoint_id)))
        return sorted(steps, key=lambda step: (step.ended or datetime.max.replace(tzinfo=UTC), step.number))


class _Counting:
    """Counts each answer of a model once: not what was in the state before, nor what a subgraph hands up again."""

    def __init__(self, began: CheckpointTuple, prices: Prices) -> None:
        self._began, self._prices = began, prices
        self._known: set[str] | None = None
        self.counted: set[Any] = set()

    def usage(self, writes: Iterable[tuple[str, Any]], steps: Sequence[Step]) -> Usage:
        """What a task took."""
        writes = list(writes)
        below = frozenset(mark for step in steps for mark in step.answers)
        answers = [m for _, value in writes for m in answers_in(value) if self._is_new(m) and not _marks(m) & below]
        self.counted |= below.union(*map(_marks, answers))
        recorded = [used for channel, value in writes if channel == USAGE and (used := recorded_in(value))]
        if recorded:
            return total(recorded)
        return total([*(step.usage for step in steps), *(usage_in(message, self._prices) for message in answers)])

    def _is_new(self, message: AIMessage) -> bool:
        if self._known is None:
            values = self._began.checkpoint["channel_values"].values()
            self._known = {known.id for value in values for known in answers_in(value) if known.id}
        return message.id not in self._known


def _marks(message: AIMessage) -> set[Any]:
    """By what a message is recognised one level up: there it has an id, which it may have had none of when written."""
    content = (str(message.content), str(message.tool_calls), str(message.usage_metadata))
    return {content, message.id} if message.id else {content}


def is_control(channel: str) -> bool:
    """Whether a channel is LangGraph's own."""
    return channel.startswith(("__", "branch:to:"))


def _owner(ns: str) -> tuple[str, str]:
    """The namespace above, and the task that has this one, or its node where a subgraph keeps its state between."""
    parts = ns.split("|")
    while len(parts) > 1 and parts[-1].isdigit():  # the second call, third, … of a subgraph in one task
        parts.pop()
    return "|".join(parts[:-1]), parts[-1].rpartition(":")[2]


def _config(thread_id: str, ns: str, checkpoint_id: str | None = None) -> RunnableConfig:
    place = {"thread_id": thread_id, "checkpoint_ns": ns}
    return RunnableConfig(configurable=place | ({"checkpoint_id": checkpoint_id} if checkpoint_id else {}))


def _is_under(item: CheckpointTuple, ns: str, checkpoint_id: str) -> bool:
    return item.metadata.get("parents", {}).get(ns) == checkpoint_id


def _id(item: CheckpointTuple) -> str:
    return item.checkpoint["id"]


def _parent(item: CheckpointTuple) -> str | None:
    return item.parent_config["configurable"]["checkpoint_id"] if item.parent_config else None


def _time(item: CheckpointTuple | None) -> datetime | None:
    return datetime.fromisoformat(item.checkpoint["ts"]).astimezone(UTC) if item else None


def _changed(item: CheckpointTuple, parent: CheckpointTuple | None) -> tuple[str, ...]:
    """The channels with another version than before."""
    before = parent.checkpoint["channel_versions"] if parent else {}
    versions = item.checkpoint["channel_versions"]
    return tuple(c for c, version in versions.items() if before.get(c) != version and not is_control(c))


def _sent(began: CheckpointTuple, path: str) -> str:
    """The node to which `Send` sent what a task got."""
    found = PUSHED.match(path)
    sends = began.checkpoint["channel_values"].get(SENDS) or []
    return str(sends[int(found[1])].node) if found and int(found[1]) < len(sends) else ""


def _line(error: Any) -> str:
    return " ".join(str(error).split())


def _question(interrupt: Any) -> Any:
    return getattr(interrupt, "value", interrupt)
