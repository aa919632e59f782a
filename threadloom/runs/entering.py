"""How a run comes under a lease: started anew, resumed, recovered, or only to be ended."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from langgraph.types import Command
from sqlalchemy import exists, select

from threadloom.checkpoints.elements import enter_thread
from threadloom.checkpoints.session import Session
from threadloom.runs import ending, lease
from threadloom.runs.adapting import adapted
from threadloom.runs.answering import Reply
from threadloom.runs.errors import (
    AnswerRefusedError,
    GraphChangedError,
    MigrationError,
    NotResumableError,
    ThreadBusyError,
)
from threadloom.runs.pending import Pending, inquiries_of, look
from threadloom.runs.question import Question
from threadloom.runs.record import ENDED, Record, Status
from threadloom.runs.run import NOTHING
from threadloom.runs.settling import Settled, settle

if TYPE_CHECKING:
    from threadloom.runs.runner import Runner


class Entered(NamedTuple):
    """A run, the fence of its lease (None: it is not for us to drive), and what to give to its graph."""

    record: Record
    fence: int | None
    given: Any = None


def started(runner: "Runner", record: Record) -> Entered:
    """Store the row of a new run and take its thread's lease, in one transaction; or find the one of the same key.

    Raises ThreadBusyError.
    """
    return runner.saver.database.write(_start, runner, record)


def _start(session: Session, runner: "Runner", record: Record) -> Entered:
    if record.request_key is not None and (found := runner.records.find(session, request_key=record.request_key)):
        return Entered(found, None)
    latest = runner.records.latest(session, record.thread_id)
    if latest and latest.status not in ENDED:
        raise ThreadBusyError(record.thread_id, latest.run_id, latest.status)
    fence = lease.take(session, record.thread_id, runner.owner, runner.lease)
    if isinstance(fence, lease.Holder):
        raise ThreadBusyError(record.thread_id, None, f"held by {fence.owner}")
    stored = runner.records.add(session, record)
    if stored.run_id != record.run_id:  # the key: another process was faster
        lease.release(session, record.thread_id, fence)
        return Entered(stored, None)
    return Entered(stored, fence, record.input)


def resumed(runner: "Runner", record: Record, reply: Reply) -> Entered:
    """Take the lease of a run that stands still, and make of an answer what its graph goes on with.

    Raises NotResumableError, ThreadBusyError, AnswerRefusedError, GraphChangedError.
    """
    _check_resumable(record)
    fence = _take(runner, record)
    try:
        record = runner.record(record.run_id)  # what somebody else has made of it until now
        _check_resumable(record)
        record, reply = adapted(runner, record, fence, reply)
        settled = runner.saver.database.write(settle, runner, record, fence, _look(runner, record), reply)
        if settled.refused:
            raise AnswerRefusedError(settled.refused)
    except BaseException:
        runner.saver.database.write(lease.release, record.thread_id, fence)
        raise
    return _entered(runner, record, fence, settled)


def recovered(runner: "Runner", record: Record) -> Entered | None:
    """Take over a run whose owner is gone, or which has waited too long.

    None if somebody else does, or if it has to wait for a person or to end.
    """
    try:
        fence = _take(runner, record)
    except ThreadBusyError:
        return None
    record = runner.record(record.run_id)
    if record.status not in ("running", "waiting"):  # under our lease: what its row says
        runner.saver.database.write(lease.release, record.thread_id, fence)
        return None
    if record.wanted and record.wanted != "pause":
        runner.finish(ending.end(runner.saver, runner.records, record, fence, record.wanted))
        return None
    try:
        record, _ = adapted(runner, record, fence, Reply(NOTHING))
    except (GraphChangedError, MigrationError) as error:
        # It can be resumed once there are migrations, or the graph is as it was.
        status: Status = "failed" if record.status == "running" else record.status
        resting = replace(record, status=status, error=str(error))
        runner.saver.database.write(ending.rest, runner.records, resting, fence)
        return None
    found = _look(runner, record)
    if record.status == "running" and (found.has_unknown_effects or record.wanted):
        resting = replace(record, status="paused" if record.wanted else "waiting")
        runner.saver.database.write(_rest, runner, resting, fence, found)
        return None
    entered = _entered(
        runner, record, fence, runner.saver.database.write(settle, runner, record, fence, found, Reply(NOTHING))
    )
    return None if entered.fence is None else entered


def ended(runner: "Runner", record: Record, wanted: str) -> None:
    """Do to a run that stands still what somebody wants of it. Raises NotResumableError, ThreadBusyError."""
    if record.status in ENDED or wanted == "pause":
        raise NotResumableError(f"run {record.run_id} is {record.status}; there is nothing to {wanted}")
    fence = _take(runner, record)
    runner.saver.database.write(_mark, runner, record, fence, wanted)
    runner.finish(ending.end(runner.saver, runner.records, record, fence, wanted))


def pending(runner: "Runner", record: Record) -> list[Question]:
    """What a run that stands still waits for."""
    return _look(runner, record).questions


def _check_resumable(record: Record) -> None:
    if record.status in ENDED:
        raise NotResumableError(f"run {record.run_id} is {record.status}, so it cannot go on; start another one")


def _look(runner: "Runner", record: Record) -> Pending:
    return look(runner.saver, runner.graph(record.graph).copy(update={"checkpointer": runner.saver}), record)


def _take(runner: "Runner", record: Record) -> int:
    fence = runner.saver.database.write(lease.take, record.thread_id, runner.owner, runner.lease)
    if isinstance(fence, lease.Holder):
        raise ThreadBusyError(record.thread_id, record.run_id, "running")
    return fence


def _rest(session: Session, runner: "Runner", record: Record, fence: int, found: Pending) -> None:
    """Note where a run has come to, and what it waits for."""
    inquiries_of(session, runner.saver, record).ask(found.questions)
    ending.rest(session, runner.records, record, fence)


def _mark(session: Session, runner: "Runner", record: Record, fence: int, wanted: str) -> None:
    """Note what is being done to it, so that whoever recovers it does it if this process dies."""
    enter_thread(session, record.thread_id, "lead", fence=fence)
    runner.records.change(session, replace(record, status="running"))
    runner.records.want(session, record.run_id, wanted)


def _entered(runner: "Runner", record: Record, fence: int, settled: Settled) -> Entered:
    if settled.given_up:
        runner.finish(ending.end(runner.saver, runner.records, record, fence, "cancel", why=settled.given_up))
        return Entered(record, None)
    if settled.waits:
        runner.saver.database.write(lease.release, record.thread_id, fence)
        return Entered(record, None)
    record = replace(record, status="running", error="")
    if settled.answers:
        return Entered(record, fence, Command(resume=dict(settled.answers)))
    return Entered(record, fence, None if runner.saver.database.read(_began, record) else record.input)


def _began(session: Session, record: Record) -> bool:
    """Whether its input is in a checkpoint."""
    checkpoints = session.tables.checkpoints.c
    own = checkpoints.run_id == record.run_id, checkpoints.thread_id == record.thread_id, checkpoints.ns == ""
    return bool(session.execute(select(exists().where(*own))).scalar())
