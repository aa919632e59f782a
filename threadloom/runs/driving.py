"""Carrying a run on until it ends, waits, or is stopped: the one place where a Runner executes a graph."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from langgraph.errors import GraphDrained, is_invalid_resume
from langgraph.runtime import RunControl
from langgraph.types import Command

from threadloom.checkpoints.dialects.generic import first_line
from threadloom.checkpoints.errors import CheckpointError, DatabaseError, LeaseLostError
from threadloom.checkpoints.session import Session
from threadloom.runs import answering, ending, lease
from threadloom.runs.attempts import KEY, Attempts
from threadloom.runs.conclusion import Conclusion
from threadloom.runs.effects import CONTEXT, Drive
from threadloom.runs.errors import RunError
from threadloom.runs.metering import Meter, Prices
from threadloom.runs.pending import Pending, inquiries_of, look
from threadloom.runs.question import Question
from threadloom.runs.record import Record, Records, Status
from threadloom.runs.recorder import Recorder
from threadloom.runs.recording import recording
from threadloom.runs.spans import spans_for

if TYPE_CHECKING:
    from threadloom.checkpoints import SQLSaver

Emit = Callable[[Any], None]
DRAINING = ("pause", "hand over")
SETTLING = 15.0
"""Seconds that an effect may go on in its thread after its node was cancelled; then its outcome is unknown."""


class Driving:
    """A run under way here, under a lease.

    Args:
        saver: of the Runner.
        records: the runs there.
        graph: compiled, with any checkpointer.
        record: the run.
        fence: of the lease.
        emit: called with each event of the stream, in the event loop.
        stream_mode: which events, those of subgraphs too; None: none are made.
        prices: of models.
    """

    def __init__(
        self,
        saver: "SQLSaver",
        records: Records,
        graph: Any,
        record: Record,
        fence: int,
        emit: Emit,
        stream_mode: str | list[str] | None,
        prices: Prices,
    ) -> None:
        self._saver, self._records, self.record, self.fence = saver, records, record, fence
        self._graph = graph.copy(update={"checkpointer": saver.fenced(fence)})
        self._emit, self._mode = emit, stream_mode
        self._control, self._conclusion = RunControl(), Conclusion()
        self._meter = Meter(record.details.get("usage", {}), prices)
        self._attempts = Attempts(record.details.get(KEY, {}))
        self._spans = spans_for(record)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._wanted: str | None = None
        self._lost = False
        self._returned = ""

    @property
    def run_id(self) -> str:
        """Of the run."""
        return self.record.run_id

    @property
    def thread_id(self) -> str:
        """Where it runs."""
        return self.record.thread_id

    def news(self) -> Record | None:
        """The run's record, if there is more to be kept of it than there was."""
        told = self._meter.news() is None, self._attempts.news()
        return None if told == (True, False) else self._counted()

    def lose(self) -> None:
        """The lease is lost: stop, and store nothing."""
        self._lost = True
        self._stop()

    def hear(self, wanted: str) -> None:
        """Pause, or hand over to whoever recovers it, after the super-step; anything else ends it now."""
        if self._wanted not in (None, *DRAINING):
            return  # it is being ended already
        self._wanted = wanted
        if wanted in DRAINING:
            self._control.request_drain(wanted)
        else:
            self._stop()

    def _stop(self) -> None:
        if self._loop and self._task:
            with suppress(RuntimeError):  # the loop is closed, and with it the task
                self._loop.call_soon_threadsafe(self._task.cancel)

    async def carry_on(self, given: Any) -> tuple[Record, dict[str, Any], list[Question]]:
        """Run the graph with an input, a Command, or None to go on; store what became of it and give the lease back.

        Returns the run's record, its state and what is pending.

        Raises:
            LeaseLostError: another process has the run.
            CheckpointError: the database failed; the run is lost, and can be recovered.
        """
        told: tuple[Status, str] = ("lost", "")
        try:
            record, state, pending = await self._concluded(given)
            told = record.status, record.error
        except CheckpointError:
            with suppress(CheckpointError):  # whoever recovers the run need not wait until the lease is over
                await self._saver.database.awrite(lease.release, self.thread_id, self.fence)
            raise
        finally:
            for spans in self._spans:
                spans.end(*told)
        return record, state, pending

    async def _concluded(self, given: Any) -> tuple[Record, dict[str, Any], list[Question]]:
        self._loop = asyncio.get_running_loop()
        recorder = Recorder(self._saver, self.record, self.fence)
        await recorder.load()
        drive = Drive(self._saver, self.thread_id, self.run_id, self.fence, recorder)
        self._task = self._loop.create_task(self._execute(given, drive))
        status, error = await self._ended(self._task)
        if drive.under_way:  # in threads, of nodes that were cancelled
            await self._saver.database.offload(drive.settle, SETTLING)
        self.record = self._counted()
        if status == "cancelled":
            return await self._end(str(self._wanted))
        if status == "done" and self._has_all(given, drive):
            return await self._done()
        found = await self._look()
        pending = [*found.questions, *(found.answered if self._returned else ())]
        if self._wanted == "hand over" and status == "paused":
            await self._saver.database.awrite(lease.release, self.thread_id, self.fence)
            return replace(self.record, status="lost"), found.snapshot.values, pending
        if status in ("done", "failed") and pending:
            status, error = "waiting", self._returned or ("" if found.has_unknown_effects else error)
        elif status == "done" and found.snapshot.next:
            status = "paused"  # at a breakpoint
        record = replace(self.record, status=status, error=error)
        wanted, pending = await self._saver.database.awrite(self._rest, record, found, pending)
        if wanted:
            return await self._end(wanted)
        return replace(record, wanted=None, owner=None), found.snapshot.values, pending

    def _has_all(self, given: Any, drive: Drive) -> bool:
        """Whether nothing can be pending: the graph came to its end in one go from its input, and did no effects."""
        begins = given is not None and not isinstance(given, Command)
        return begins and self._conclusion.reached and not drive.begun

    async def _done(self) -> tuple[Record, dict[str, Any], list[Question]]:
        record = replace(self.record, status="done", error="")
        await self._saver.database.awrite(ending.rest, self._records, record, self.fence)
        return replace(record, wanted=None, owner=None), self._conclusion.state, []

    async def _end(self, wanted: str) -> tuple[Record, dict[str, Any], list[Question]]:
        ended = await ending.end(self._saver, self._records, self.record, self.fence, wanted)
        return ended, (await self._look()).snapshot.values, []

    def _rest(
        self, session: Session, record: Record, found: Pending, pending: list[Question]
    ) -> tuple[str | None, list[Question]]:
        """Store where it has come to; returns what is wanted instead, if anything is, and what is pending then."""
        if found.every:
            inquiries = inquiries_of(session, self._saver, record)
            inquiries.ask(found.questions)
            if self._returned:
                inquiries.give_back(found.answered, self._returned)
            pending = [answering.seen(inquiries, question) for question in pending]  # now it is known when they expire
        return ending.rest(session, self._records, record, self.fence), pending

    async def _ended(self, task: asyncio.Task[None]) -> tuple[Status, str]:
        """How it ended, and why it failed."""
        try:
            await task
        except GraphDrained:
            return "paused", ""
        except asyncio.CancelledError:
            if self._lost:
                raise LeaseLostError(self.thread_id) from None
            if self._wanted not in (None, *DRAINING):
                return "cancelled", ""
            if (current := asyncio.current_task()) and current.cancelling():
                raise  # the program that runs this loop ends
            return "failed", "CancelledError: a node was cancelled by something in it"
        except Exception as error:  # whatever a node raises is how the run ended
            if self._lost or isinstance(error, LeaseLostError):
                raise LeaseLostError(self.thread_id) from error
            if isinstance(error, DatabaseError):
                raise  # nobody can say how it ended
            if is_invalid_resume(error):
                self._returned = f"an answer does not fit: {_misfit(error)}"
            return "failed", f"{type(error).__name__}: {first_line(error)}"
        return "done", ""

    async def _execute(self, given: Any, drive: Drive) -> None:
        config = {**self._config, "configurable": {"thread_id": self.thread_id, CONTEXT: drive}}
        config["callbacks"] = [self._meter, self._attempts, self._conclusion, *self._spans]
        # To look out for events of subgraphs costs a super-step 0.05 ms; nobody would read them.
        events = {"stream_mode": self._mode, "subgraphs": True} if self._mode else {"stream_mode": []}
        how: Any = {**events, "durability": "sync", "control": self._control}
        try:
            with recording():
                async for event in self._graph.astream(given, config, **how):
                    self._emit(event)
        except (Exception, asyncio.CancelledError, KeyboardInterrupt):
            raise
        except BaseException as error:  # a library that takes itself for a program: its run fails, and no other
            raise RunError(f"a node raised {type(error).__name__}: {first_line(error)}") from error

    def _counted(self) -> Record:
        counted = {"usage": self._meter.spent, KEY: self._attempts.failed}
        return replace(self.record, details=self.record.details | {key: of for key, of in counted.items() if of})

    @property
    def _config(self) -> Any:
        metadata = {"run_id": self.run_id, "graph": self.record.graph}
        return {"configurable": {"thread_id": self.thread_id}, "metadata": metadata}

    async def _look(self) -> Pending:
        return await self._saver.database.offload(look, self._saver, self._graph, self.record)


def _misfit(error: Any) -> str:
    """What a ValidationError of pydantic's says, without what surrounds it."""
    first = error.errors()[0]
    return ": ".join([".".join(map(str, first["loc"])), first["msg"]]).removeprefix(": ")
