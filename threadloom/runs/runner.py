"""`Runner`: starts, resumes, pauses, cancels and recovers runs, in any number of processes on one database."""

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import wait
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Any, Literal, Self, TypeVar
from uuid import uuid4

from sqlalchemy import URL, Engine

from threadloom.checkpoints import SQLSaver
from threadloom.runs import ending, entering, lease
from threadloom.runs.answering import Reply
from threadloom.runs.driving import Driving
from threadloom.runs.entering import Entered
from threadloom.runs.errors import NotResumableError, RunError, ThreadBusyError, UnknownGraphError, UnknownRunError
from threadloom.runs.heartbeat import Heartbeat
from threadloom.runs.inquiry import overdue
from threadloom.runs.lease import this_process
from threadloom.runs.lineage import Migrations
from threadloom.runs.loop import Loop
from threadloom.runs.metering import Prices
from threadloom.runs.question import Question
from threadloom.runs.record import Record
from threadloom.runs.register import Register
from threadloom.runs.run import END, NOTHING, POLL, Outcome, Run

T = TypeVar("T")
Busy = Literal["reject", "wait", "interrupt", "rollback"]
Modes = str | list[str]


class Runner(Register):
    """Runs graphs on threads of a database: one owner per thread, and nothing lost or done twice if a process dies.

    Args:
        store: the URL of a database, an SQLAlchemy engine, or a SQLSaver with options of its own, which is left open.
        graphs: by name: each a StateGraph, a compiled graph, or a function that returns one.
        migrations: by the name of a graph that has changed, what became of its versions: a run that was stopped on an
            older one is brought to today's when it goes on.
        prices: by model name, USD per million tokens read and written; see `usage`.
        lease: seconds after which another process may take over what this one does not renew, since it is gone.
        owner: what this process is called in errors and listings; host and process id unless told otherwise.

    One object serves any number of threads and event loops. What `start` and `resume` begin goes on in an event loop of
    the Runner's own; what `astart` and `aresume` begin, in the caller's.
    """

    def __init__(
        self,
        store: str | URL | Engine | SQLSaver,
        graphs: Mapping[str, Any],
        *,
        migrations: Mapping[str, Migrations] | None = None,
        prices: Prices | None = None,
        lease: float = 15.0,
        owner: str = "",
    ) -> None:
        if not lease * 1000 >= 1:
            raise RunError(f"lease={lease!r}: a lease is of some seconds, and at least of 0.001")
        super().__init__(store if isinstance(store, SQLSaver) else SQLSaver(store))
        self._owned = not isinstance(store, SQLSaver)
        self.owner, self.lease = owner or this_process(), int(lease * 1000)
        self._prices, self.migrations = prices or {}, migrations or {}
        self._graphs, self._compiled = dict(graphs), dict[str, Any]()
        self._heartbeat = Heartbeat(self.saver.database, self.records, self.lease)
        self._driving = dict[str, tuple[Driving, Any]]()
        self._lock = threading.Lock()
        self._loop = Loop()

    def start(
        self,
        graph: str,
        given: Any,
        *,
        thread_id: str | None = None,
        key: str | None = None,
        busy: Busy = "reject",
        stream_mode: Modes | None = None,
    ) -> Run:
        """Start a run; its row is stored before the first node.

        Args:
            graph: the name of one of the graphs.
            given: its input.
            thread_id: where; a new thread unless told otherwise.
            key: a start with the key of an earlier one returns that run, whatever its input was, and starts nothing.
            busy: what to do on a thread whose run has not ended: "reject" raises ThreadBusyError; "wait" waits while
                it is running; "interrupt" cancels it where it stands and goes on from there; "rollback" cancels it,
                undoes what can be undone and deletes its checkpoints.
            stream_mode: which events `run.stream()` yields, as for LangGraph's `stream`; without it none are made.

        Raises:
            UnknownGraphError, ThreadBusyError.
            RunError: the key is that of a run of another graph.
            UnsavableValueError: the input could not be restored.
        """
        attempt = self._starting(graph, given, thread_id, key, busy)
        while (entered := attempt()) is None:
            time.sleep(POLL)
        return self._go(entered, queue.SimpleQueue(), stream_mode)

    async def astart(
        self,
        graph: str,
        given: Any,
        *,
        thread_id: str | None = None,
        key: str | None = None,
        busy: Busy = "reject",
        stream_mode: Modes | None = None,
    ) -> Run:
        """`start` for event loops: the run goes on in this one."""
        attempt = self._starting(graph, given, thread_id, key, busy)
        while (entered := await self._offload(attempt)) is None:  # noqa: ASYNC110  # another process makes way
            await asyncio.sleep(POLL)  # it is another process that is waited for
        return self._go(entered, asyncio.Queue(), stream_mode)

    def resume(
        self, run_id: str, answer: Any = NOTHING, *, by: str = "", why: str = "", stream_mode: Modes | None = None
    ) -> Run:
        """Go on with a run that waits, is paused, failed, or was lost.

        Args:
            run_id: which.
            answer: to the pending question; of several, a mapping from their handles to answers, of some or all. A
                handle is never mistaken: name it wherever somebody else might answer at the same time.
            by: who answers.
            why: their reason, which `trail` keeps.
            stream_mode: as for `start`.

        Where a question takes several to agree, the run waits on until they do. Without an answer, what is due of
        questions that have expired is done.

        Raises:
            UnknownRunError.
            NotResumableError: it has ended.
            ThreadBusyError: another process has it.
            AnswerRefusedError: the answer does not fit, is not theirs to give, or one is missing; the run stays as it
                is.
        """
        entered = self._resumed(run_id, Reply(answer, by, why))
        return self._go(entered, queue.SimpleQueue(), stream_mode)

    async def aresume(
        self, run_id: str, answer: Any = NOTHING, *, by: str = "", why: str = "", stream_mode: Modes | None = None
    ) -> Run:
        """`resume` for event loops: the run goes on in this one."""
        entered = await self._offload(partial(self._resumed, run_id, Reply(answer, by, why)))
        return self._go(entered, asyncio.Queue(), stream_mode)

    def fork(
        self,
        graph: str,
        thread_id: str,
        checkpoint_id: str | None = None,
        values: Mapping[str, Any] | None = None,
        *,
        as_node: str | None = None,
        to: str | None = None,
        replay: bool = False,
        stream_mode: Modes | None = None,
    ) -> Run:
        """Fork a thread, and start a run that goes on from there.

        Args:
            graph: the name of the thread's graph, one of this Runner's.
            thread_id, checkpoint_id, values, as_node, to: as for `runs.fork.fork`.
            replay: give the run the answers that models gave in the thread since, wherever it asks what was asked then,
                and ask models for the rest; `run.calls()` tells how often. Only answers in runs of a Runner are
                recorded. Tools are called, and effects done, as in any other run.
            stream_mode: as for `start`.

        Raises:
            UnknownGraphError.
            UsageError, ThreadExistsError: as `runs.fork.fork` does; also when the checkpoint is of another graph's run.
            ThreadBusyError: the thread itself is to be forked, and its run has not ended.
        """
        how: Any = {"as_node": as_node, "to": to, "replay": replay}
        entered = entering.forked(self, graph, thread_id, checkpoint_id, values, **how)
        return self._go(entered, queue.SimpleQueue(), stream_mode)

    async def afork(self, *where: Any, stream_mode: Modes | None = None, **how: Any) -> Run:
        """`fork` for event loops: the run goes on in this one."""
        entered = await self._offload(partial(entering.forked, self, *where, **how))
        return self._go(entered, asyncio.Queue(), stream_mode)

    def adapt(self, run_id: str) -> dict[str, str]:
        """Bring a run that stands still to the graph of today, as `resume` does; returns new handles by all old ones.

        Raises:
            UnknownRunError, NotResumableError, ThreadBusyError.
            GraphChangedError: it would not go on as it was meant to, and no migrations lead to the graph of today.
            MigrationError: it would not go on after the migrations either.
        """
        return entering.brought(self, self.record(run_id))

    def pause(self, run_id: str) -> None:
        """Have a running run stop after its super-step, wherever it runs; raises NotResumableError if it is not."""
        self._ask(run_id, "pause")

    def cancel(self, run_id: str) -> None:
        """End a run for good, wherever it runs, and undo its effects, as far as they have a compensation.

        What cannot be undone is in the error of its record; `cancel` of a run that was cancelled tries that again.
        Returns at once if another process runs it, which hears of it within a second.
        """
        self._ask(run_id, "cancel")

    def recover(self) -> list[Run]:
        """Go on with all runs whose owner is gone, from their last checkpoints, and see to questions that expired.

        One of which an effect has an unknown outcome waits for a person instead. One that was recovered five times
        without coming any further is failed; such runs go on one at a time. Runs of graphs that this Runner does not
        have, or cannot make, are left alone.
        """
        found = [*self.runs(status="lost", limit=None), *map(self.record, self.saver.database.read(overdue))]
        runs = []
        for record in found:
            if record.graph not in self._graphs or (entering.is_suspect(record) and self._has_suspect()):
                continue
            if entered := entering.recovered(self, record):
                runs.append(self._go(entered, queue.SimpleQueue(), None))
        return runs

    def _has_suspect(self) -> bool:
        with self._lock:
            return any(entering.is_suspect(driving.record) for driving, _ in self._driving.values())

    def run(self, run_id: str) -> Run:
        """A run by its id; raises UnknownRunError."""
        return Run(self, self.record(run_id))

    def pending(self, run_id: str) -> list[Question]:
        """What a run waits for, in its graph and its subgraphs, and of the effects what is not known."""
        record = self.record(run_id)
        return [] if record.status in ("running", "done", "cancelled") else entering.pending(self, record)

    def outcome(self, record: Record) -> Outcome:
        """What became of a run, from the database."""
        config: Any = {"configurable": {"thread_id": record.thread_id}}
        state = self.graph(record.graph).copy(update={"checkpointer": self.saver}).get_state(config).values
        return Outcome(record.status, state, self.pending(record.run_id), record.error)

    @property
    def graphs(self) -> tuple[str, ...]:
        """The names of its graphs."""
        return tuple(self._graphs)

    def graph(self, name: str) -> Any:
        """The compiled graph of a name; raises UnknownGraphError, and RunError for what is no graph."""
        if name not in self._compiled:
            if name not in self._graphs:
                raise UnknownGraphError(f"no graph is called {name!r}; there are: {', '.join(self._graphs) or 'none'}")
            graph: Any = self._graphs[name]
            graph = graph() if callable(graph) and not _is_graph(graph) else graph
            if not _is_graph(graph):
                raise RunError(f"graph {name!r} is no graph of LangGraph's but of type {type(graph).__name__}")
            self._compiled[name] = graph.compile(name=name) if hasattr(graph, "compile") else graph
        return self._compiled[name]

    def is_here(self, events: Any) -> bool:
        """Whether a run with these events goes on in the event loop that is running."""
        try:
            return isinstance(events, asyncio.Queue) and bool(asyncio.get_running_loop())
        except RuntimeError:
            return False

    def let_go(self) -> None:
        """Give back the leases of what goes on here, in the middle of it: none of it is stored any more.

        For a process that ends at once: whoever recovers the runs need not wait until the leases are over.
        """
        with self._lock:
            driving = [run for run, _ in self._driving.values()]
        for run in driving:
            self.saver.database.write(lease.release, run.thread_id, run.fence)

    def close(self) -> None:
        """Have what goes on here stop after its super-step, for `recover` to go on with, and close the store."""
        with self._lock:
            driving = list(self._driving.values())
        for run, _ in driving:
            run.hear("hand over")
        wait([ended for _, ended in driving])
        self._loop.close()
        self._heartbeat.close()
        if self._owned:
            self.saver.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.close)

    def _starting(
        self, graph: str, given: Any, thread_id: str | None, key: str | None, busy: Busy
    ) -> Callable[[], Entered | None]:
        """What starts the run, or makes way for it and returns None: to be called again after a while."""
        if busy not in (choices := ("reject", "wait", "interrupt", "rollback")):
            raise RunError(f"unknown busy={busy!r}; choose one of {', '.join(choices)}")
        thread = str(uuid4()) if thread_id is None else str(thread_id)
        record = entering.new(self, graph, thread, given, request_key=None if key is None else str(key))

        def attempt() -> Entered | None:
            try:
                return entering.started(self, record, begins=thread_id is None)
            except ThreadBusyError as error:
                if busy == "reject" or error.run_id is None or (busy == "wait" and error.status != "running"):
                    raise
                if busy != "wait":
                    with suppress(
                        NotResumableError, ThreadBusyError, UnknownRunError
                    ):  # it ended, or went on, meanwhile
                        self._ask(error.run_id, busy)
                return None

        return attempt

    def _resumed(self, run_id: str, reply: Reply) -> Entered:
        return entering.resumed(self, self.record(run_id), reply)

    def _ask(self, run_id: str, wanted: str) -> None:
        record = self.record(run_id)
        if wanted == "pause" and record.wanted not in (None, "pause"):
            raise NotResumableError(f"run {run_id} is being ended ({record.wanted}); there is nothing to pause")
        if record.status != "running" or not self.saver.database.write(self.records.want, run_id, wanted):
            entering.ended(self, self.record(run_id), wanted)
            return
        with self._lock:
            here = self._driving.get(run_id)
        if here:  # at once; the heartbeat would hear it too
            here[0].hear(wanted)

    def _go(self, entered: Entered, events: "asyncio.Queue[Any] | queue.SimpleQueue[Any]", mode: Modes | None) -> Run:
        """Have it go on: in the event loop that is running if its events are to come there, else in the own one."""
        record, fence, given = entered
        if fence is None:
            return Run(self, record)
        graph = self.graph(record.graph)
        driving = Driving(self.saver, self.records, graph, record, fence, events.put_nowait, mode, self._prices)
        self._heartbeat.add(driving)
        work = self._drive(driving, given, events)
        here = isinstance(events, asyncio.Queue)
        ended = asyncio.run_coroutine_threadsafe(work, asyncio.get_running_loop()) if here else self._loop.run(work)
        with self._lock:
            self._driving[record.run_id] = driving, ended
        ended.add_done_callback(lambda _: self._forget(driving))
        return Run(self, record, ended, events, streams=bool(mode))

    async def _drive(self, driving: Driving, given: Any, events: Any) -> Outcome:
        try:
            record, state, pending = await driving.carry_on(given)
            return Outcome(record.status, state, pending, record.error)
        finally:
            self._heartbeat.remove(driving)
            events.put_nowait(END)

    def _forget(self, driving: Driving) -> None:
        with self._lock:
            if driving.run_id in self._driving and self._driving[driving.run_id][0] is driving:
                del self._driving[driving.run_id]  # unless it has been resumed since

    def finish(self, record: Record, fence: int, wanted: str, *, why: str = "") -> None:
        """End a run that stands still; see `ending.end`. Its lease is renewed meanwhile: undoing may take long."""
        under_way = ending.Ending(record.thread_id, record.run_id, fence)
        self._heartbeat.add(under_way)
        try:
            self._loop.run(ending.end(self.saver, self.records, record, fence, wanted, why=why)).result()
        finally:
            self._heartbeat.remove(under_way)

    async def _offload(self, call: Callable[[], T]) -> T:
        return await self.saver.database.offload(call)


def _is_graph(given: Any) -> bool:
    return hasattr(given, "compile") or hasattr(given, "get_state")
