"""A process that works on all runs: starts what nobody started, answers what is asked, goes on with what is lost."""

import random
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from tests.runs.errands import Witness
from tests.torture.journey import journey
from threadloom.checkpoints.errors import CheckpointError
from threadloom.runs.errors import AnswerRefusedError, NotResumableError, ThreadBusyError
from threadloom.runs.question import Question
from threadloom.runs.record import Record
from threadloom.runs.runner import Runner

AT_ONCE = 6  # runs that a worker starts before it looks again
LEASE = 1.5  # seconds


class Worker:
    """One of several.

    Args:
        url, witness: the database, and where effects show.
        names: of all runs.
        chance: what it does first.
    """

    def __init__(self, url: str, witness: Witness, names: list[str], chance: random.Random) -> None:
        self._runner = Runner(url, {"journey": partial(journey, witness)}, lease=LEASE)
        self._witness, self._names, self._chance = witness, set(names), chance

    def work(self) -> None:
        """Until all runs are done."""
        while True:
            records = self._runner.runs(limit=None)
            if sum(record.status == "done" for record in records) == len(self._names):
                self._witness.let_go("home")
                return
            with suppress(CheckpointError):  # a lease that was lost, a lock of one who sleeps: look again
                self._look(records)
            time.sleep(0.05)

    def _look(self, records: list[Record]) -> None:
        for run in self._runner.recover():
            self._witness.tell(f"recovered {run.thread_id}")
        resting = [record for record in records if record.status in ("waiting", "paused", "failed")]
        for record in self._few(resting):
            with suppress(ThreadBusyError, NotResumableError, AnswerRefusedError):  # another was faster
                self._go_on(record)
        for name in self._few(sorted(self._names - {record.thread_id for record in records})):
            with suppress(ThreadBusyError):
                self._runner.start("journey", {"name": name, "log": []}, thread_id=name, key=name)

    def _few(self, found: list[Any]) -> list[Any]:
        return self._chance.sample(found, min(AT_ONCE, len(found)))

    def _go_on(self, record: Record) -> None:
        if record.status == "failed":
            self._witness.tell(f"failed {record.thread_id} {record.error}")
        pending = self._runner.pending(record.run_id)
        if not pending:
            self._runner.resume(record.run_id)
            return
        question = self._chance.choice(pending)  # one of several, in any order
        answer = self._answer(question, record.thread_id)
        self._runner.resume(record.run_id, {question.handle: answer})

    def _answer(self, question: Question, name: str) -> Any:
        if question.kind == "interrupt":
            return question.prompt.upper()
        what = question.handle.removeprefix("effect ")
        happened = any(line.startswith(f"{what} {name} ") for line in self._witness.told())
        self._witness.tell(f"asked {name} {what} {'happened' if happened else 'retry'}")
        return {"outcome": "happened", "value": what} if happened else "retry"


def skewed(seconds: float) -> Callable[[], int]:
    """Have the clock of this process be wrong by so much."""
    real = time.time_ns
    time.time_ns = lambda: real() + int(seconds * 10**9)
    time.time = lambda: time.time_ns() / 10**9
    return time.time_ns
