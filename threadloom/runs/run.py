"""`Run`: what one holds of a run, wherever it is under way."""

import asyncio
import queue
import time
from collections.abc import AsyncIterator, Generator, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from threadloom.runs.calls import Counts
from threadloom.runs.errors import RunError
from threadloom.runs.inquiry import Event
from threadloom.runs.question import Question
from threadloom.runs.record import Record, Status

if TYPE_CHECKING:
    from threadloom.runs.runner import Runner

POLL = 0.2  # seconds between two looks at a run of another process
END = object()
NOTHING: Any = object()
"""No answer, which is not the answer None."""


@dataclass(frozen=True)
class Outcome:
    """How a run came to an end, or to a stop.

    Attributes:
        status: "done", "waiting", "paused", "failed" or "cancelled".
        state: the values of the graph's state then.
        pending: what it waits for.
        error: why it failed, or what of a cancelled run could not be undone; a line.
    """

    status: Status
    state: dict[str, Any] = field(repr=False)
    pending: list[Question]
    error: str = ""


class Run:
    """A run; made by a `Runner`.

    Attributes:
        id, thread_id, graph: which one.
        here: whether this is what was started or resumed in this process.
    """

    def __init__(
        self,
        runner: "Runner",
        record: Record,
        ended: "Future[Outcome] | None" = None,
        events: Any = None,
        *,
        streams: bool = False,
    ) -> None:
        self.id, self.thread_id, self.graph = record.run_id, record.thread_id, record.graph
        self.here = ended is not None
        self._runner, self._ended, self._events, self._streams = runner, ended, events, streams

    @property
    def status(self) -> Status:
        """Where it stands now, as the database has it."""
        return self.record().status

    @property
    def ended(self) -> bool:
        """Whether what was begun here has ended or stopped, so that `wait` returns at once; of another's, False."""
        return self._ended is not None and self._ended.done()

    def record(self) -> Record:
        """All that the database has of it."""
        return self._runner.record(self.id)

    def wait(self, timeout: float | None = None) -> Outcome:
        """Wait until it ends or stops; raises TimeoutError after so many seconds.

        A run of another process is waited for by looking; if that process is gone, the status is "lost". In the event
        loop in which it was started, `await` it instead.

        Raises:
            LeaseLostError: another process took it over.
            CheckpointError: the database failed; the run can be recovered.
        """
        if self._ended is not None:
            if self._events is not None and self._runner.is_here(self._events):
                raise RunError("this run goes on in this event loop, which would wait for itself: use `await run`")
            return self._ended.result(timeout)
        until = None if timeout is None else time.monotonic() + timeout
        while (record := self.record()).status == "running":
            if until is not None and time.monotonic() > until:
                raise TimeoutError
            time.sleep(POLL)
        return self._runner.outcome(record)

    def __await__(self) -> Generator[Any, None, Outcome]:
        """`wait` for event loops."""
        return self._awaited().__await__()

    async def _awaited(self) -> Outcome:
        if self._ended is not None:
            return await asyncio.wrap_future(self._ended)
        database = self._runner.saver.database
        while (record := await database.offload(self.record)).status == "running":  # noqa: ASYNC110  # in another process
            await asyncio.sleep(POLL)  # it is another process that is waited for
        return await database.offload(self._runner.outcome, record)

    def stream(self) -> Iterator[tuple[tuple[str, ...], Any]]:
        """The events of a run that was started or resumed here with a `stream_mode`.

        Each is (namespace, data), or (namespace, mode, data) of several modes. Raises RunError if there are none here.
        """
        while (event := self._queue(queue.SimpleQueue).get()) is not END:
            yield event

    async def astream(self) -> AsyncIterator[tuple[tuple[str, ...], Any]]:
        """`stream` for event loops, of a run that was started or resumed there."""
        while (event := await self._queue(asyncio.Queue).get()) is not END:
            yield event

    def pending(self) -> list[Question]:
        """What it waits for; each question has a handle by which an answer names it."""
        return self._runner.pending(self.id)

    def trail(self) -> list[Event]:
        """See `Runner.trail`."""
        return self._runner.trail(self.id)

    def calls(self) -> Counts:
        """See `Runner.calls`."""
        return self._runner.calls(self.id)

    def resume(self, answer: Any = NOTHING, **how: Any) -> "Run":
        """See `Runner.resume`."""
        return self._runner.resume(self.id, answer, **how)

    async def aresume(self, answer: Any = NOTHING, **how: Any) -> "Run":
        """`resume` for event loops."""
        return await self._runner.aresume(self.id, answer, **how)

    def pause(self) -> None:
        """See `Runner.pause`."""
        self._runner.pause(self.id)

    def cancel(self) -> None:
        """See `Runner.cancel`."""
        self._runner.cancel(self.id)

    def _queue(self, kind: type) -> Any:
        if not isinstance(self._events, kind):
            raise RunError("the events of this run do not come here: `stream` is for `start`, `astream` for `astart`")
        if not self._streams:
            raise RunError('no events are made of this run: start or resume it with stream_mode="updates" or another')
        return self._events
