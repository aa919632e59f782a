"""How a run comes under a lease: started anew, resumed, recovered, or only to be ended."""

import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from langgraph.types import Command
from sqlalchemy import exists, select

from threadloom.checkpoints.dialects.generic import first_line
from threadloom.checkpoints.elements import enter_thread
from threadloom.checkpoints.errors import CheckpointError, UnrestorableValueError
from threadloom.checkpoints.session import Session
from threadloom.errors import UsageError
from threadloom.runs import ending, lease, ledger
from threadloom.runs.adapting import HANDLES, KEY, adapted
from threadloom.runs.answering import Reply
from threadloom.runs.errors import (
    AnswerRefusedError,
    GraphChangedError,
    MigrationError,
    NotResumableError,
    RunError,
    ThreadBusyError,
)
from threadloom.runs.fingerprint import fingerprint
from threadloom.runs.fork import fork
from threadloom.runs.pending import Pending, inquiries_of, look
from threadloom.runs.question import Question
from threadloom.runs.record import ENDED, Record, Status
from threadloom.runs.recorder import REPLAY
from threadloom.runs.run import NOTHING
from threadloom.runs.settling import Settled, settle
from threadloom.runs.snapshot import snapshot

if TYPE_CHECKING:
    from threadloom.runs.runner import Runner


RECOVERIES = "recoveries"
MOST_RECOVERIES = 5  # of a run at one checkpoint: more would do no better
OURS = GraphChangedError, MigrationError, UnrestorableValueError  # which say by themselves what they are
SUSPECT = 2  # after so many it may be what killed its processes, or was only beside what did


class Entered(NamedTuple):
    """A run, the fence of its lease (None: it is not for us to drive), and what to give to its graph."""

    record: Record
    fence: int | None
    given: Any = None


def new(runner: "Runner", graph: str, thread_id: str, given: Any, **more: Any) -> Record:
    """The record of a run that is to be started, with `more` of its attributes. Raises UnknownGraphError."""
    details = {**more.pop("details", {}), KEY: fingerprint(runner.graph(graph)).text}
    return Record(str(uuid4()), thread_id, graph, "running", given, details=details, **more)


def forked(
    runner: "Runner",
    graph: str,
    thread_id: str,
    checkpoint_id: str | None = None,
    values: Mapping[str, Any] | None = None,
    *,
    as_node: str | None = None,
    to: str | None = None,
    replay: bool = False,
) -> Entered:
    """Fork a thread, and start a run there; see `Runner.fork`. If the process dies in between, there is a fork."""
    saver = runner.saver
    flow = runner.graph(graph).copy(update={"checkpointer": saver})
    at = snapshot(saver, thread_id, checkpoint_id)
    if (own := at.metadata.get("graph", graph)) != graph:  # which would find nothing to do, and say that it is done
        raise UsageError(f"thread {thread_id!r} is of the graph {own}, not of {graph}")
    origin = at.checkpoint_id
    place = fork(flow, thread_id, origin, values, as_node=as_node, to=to)["configurable"]
    details: dict[str, Any] = {REPLAY: {"thread_id": thread_id, "checkpoint_id": origin}} if replay else {}
    return started(runner, new(runner, graph, place["thread_id"], None, details=details))


def started(runner: "Runner", record: Record, *, begins: bool = False) -> Entered:
    """Store the row of a new run and take its thread's lease, in one transaction; or find the one of the same key.

    Args:
        runner, record: the run.
        begins: its thread is new, which saves looking at it.

    Raises ThreadBusyError; RunError when the key is that of a run of another graph.
    """
    entered = runner.saver.database.write(_begin if begins and record.request_key is None else _start, runner, record)
    if entered.record.graph != record.graph:
        told = f"is that of run {entered.record.run_id}, of graph {entered.record.graph!r}; give this one another key"
        raise RunError(f"key {record.request_key!r} {told}")
    return entered


def _begin(session: Session, runner: "Runner", record: Record) -> Entered:
    fence = lease.begin(session, record.thread_id, runner.owner, runner.lease)
    return Entered(runner.records.add(session, record), fence, record.input)


def _start(session: Session, runner: "Runner", record: Record) -> Entered:
    if record.request_key is not None and (found := runner.records.find(session, request_key=record.request_key)):
        return Entered(found, None)
    enter_thread(session, record.thread_id, "lead")  # nobody else starts one while we look
    newest = runner.records.newest(session, record.thread_id)
    if newest.status and newest.status not in ENDED:
        raise ThreadBusyError(record.thread_id, newest.run_id, newest.status, _way_round(newest.status))
    fence = lease.take_entered(session, record.thread_id, runner.owner, runner.lease)
    if isinstance(fence, lease.Holder):
        raise ThreadBusyError(record.thread_id, None, fence.owner)
    stored = runner.records.add(session, record)
    if stored.run_id != record.run_id:  # the key: another process was faster
        lease.release(session, record.thread_id, fence)
        return Entered(stored, None)
    return Entered(stored, fence, record.input)


def _way_round(status: Status) -> str:
    """What helps whoever wants to start a run where another has not ended."""
    if status == "running":
        return "wait for it, or start with busy='wait', 'interrupt' or 'rollback'"
    return "resume it or cancel it, or start with busy='interrupt' or 'rollback'"


def resumed(runner: "Runner", record: Record, reply: Reply) -> Entered:
    """Take the lease of a run that stands still, and make of an answer what its graph goes on with.

    Raises NotResumableError, ThreadBusyError, AnswerRefusedError, GraphChangedError.
    """
    _check_resumable(record)
    fence = _take(runner, record)
    try:
        record = _afresh(runner.record(record.run_id))  # as it is now that nobody else changes it
        _check_resumable(record)
        record, reply = adapted(runner, record, fence, reply)
        settled = runner.saver.database.write(settle, runner, record, fence, _look(runner, record), reply)
        if settled.refused:
            raise AnswerRefusedError(settled.refused)
    except BaseException:
        runner.saver.database.write(lease.release, record.thread_id, fence)
        raise
    return _entered(runner, record, fence, settled)


def brought(runner: "Runner", record: Record) -> dict[str, str]:
    """Bring a run that stands still to the graph of today, if it has changed; see `Runner.adapt`."""
    if record.details.get(KEY) != fingerprint(runner.graph(record.graph)).text:
        _check_resumable(record)
        fence = _take(runner, record)
        try:
            record = runner.record(record.run_id)
            _check_resumable(record)
            record, _ = adapted(runner, record, fence, Reply(NOTHING))
        finally:
            runner.saver.database.write(lease.release, record.thread_id, fence)
    return dict(record.details.get(HANDLES, {}))


def _check_resumable(record: Record) -> None:
    if record.status in ENDED:
        raise NotResumableError(f"run {record.run_id} is {record.status}, so it cannot go on; start another one")
    if record.wanted not in (None, "pause"):
        raise NotResumableError(
            f"run {record.run_id} is being ended ({record.wanted}), by its owner, or by recover() if that is gone"
        )


def _afresh(record: Record) -> Record:
    """Somebody wants it to go on, so that its recoveries are counted anew."""
    return replace(record, details={name: value for name, value in record.details.items() if name != RECOVERIES})


def recovered(runner: "Runner", record: Record) -> Entered | None:
    """Take over a run whose owner is gone, or which has waited too long.

    None if somebody else does, if its graph cannot be made here, or if it has to wait for a person or to end. One whose
    process died at the same checkpoint again and again is set to failed.
    """
    if not _is_made(runner, record.graph):
        return None
    try:
        fence = _take(runner, record)
    except ThreadBusyError:
        return None
    record = runner.record(record.run_id)
    if record.status not in ("running", "waiting"):  # under our lease: what its row says
        runner.saver.database.write(lease.release, record.thread_id, fence)
        return None
    if record.wanted and record.wanted != "pause":
        runner.finish(record, fence, record.wanted)
        return None
    try:
        return _taken_over(runner, record, fence)
    except BaseException:
        with suppress(CheckpointError):  # it is lost, and not running for as long as the lease would last
            runner.saver.database.write(lease.release, record.thread_id, fence)
        raise


def _is_made(runner: "Runner", graph: str) -> bool:
    """Whether a graph can be made in this process; a warning says why not."""
    try:
        runner.graph(graph)
    except Exception as error:  # noqa: BLE001  # of whoever makes it: it keeps no others from being recovered
        told = f"its lost runs are left alone, since it cannot be made: {type(error).__name__}: {first_line(error)}"
        warnings.warn(f"graph {graph!r}: {told}", stacklevel=4)
        return False
    return True


def _taken_over(runner: "Runner", record: Record, fence: int) -> Entered | None:
    try:
        record, _ = adapted(runner, record, fence, Reply(NOTHING))
        found = _look(runner, record)
    except Exception as error:  # also of the graph, such as a reducer's, of which the state is asked
        if isinstance(error, CheckpointError) and not isinstance(error, UnrestorableValueError):
            raise  # the database's
        # It can be resumed once that is mended, and keeps no others from being recovered.
        status: Status = "failed" if record.status == "running" else record.status
        told = first_line(error) if isinstance(error, OURS) else f"{type(error).__name__}: {first_line(error)}"
        _rest(runner, replace(record, status=status, error=told), fence)
        return None
    if record.status == "running" and (found.has_unknown_effects or record.wanted):
        _rest(runner, replace(record, status="paused" if record.wanted else "waiting"), fence, found.questions)
        return None
    if record.status == "running":
        record = runner.saver.database.write(_counted, runner, record, fence)
        if record.status != "running":
            _rest(runner, record, fence)
            return None
    settled = runner.saver.database.write(settle, runner, record, fence, found, Reply(NOTHING))
    entered = _entered(runner, record, fence, settled)
    return None if entered.fence is None else entered


def is_suspect(record: Record) -> bool:
    """Whether it may kill its process: no two of them go on in one, so that none is failed for what another does."""
    return bool(record.details.get(RECOVERIES, {}).get("count", 0) >= SUSPECT)


def _counted(session: Session, runner: "Runner", record: Record, fence: int) -> Record:
    """Count its recoveries at the checkpoint where it is; returns it as failed after so many."""
    _, head = enter_thread(session, record.thread_id, "lead", fence=fence)
    before = record.details.get(RECOVERIES, {})
    count = before.get("count", 0) + 1 if before.get("checkpoint") == head else 1
    if count > MOST_RECOVERIES:
        error = (
            f"recovered {MOST_RECOVERIES} times at checkpoint {head}, and the process died each time before the next "
            "one; see what kills it there, and resume the run to try again"
        )
        return replace(record, status="failed", error=error)
    record = replace(record, details={**record.details, RECOVERIES: {"checkpoint": head, "count": count}})
    runner.records.change(session, record)
    return record


def ended(runner: "Runner", record: Record, wanted: str) -> None:
    """Do to a run that stands still what somebody wants of it. Raises NotResumableError, ThreadBusyError."""
    _check_endable(runner, record, wanted)
    fence = _take(runner, record)
    try:
        record = runner.record(record.run_id)  # as it is now that nobody else changes it
        _check_endable(runner, record, wanted)
    except BaseException:
        runner.saver.database.write(lease.release, record.thread_id, fence)
        raise
    runner.finish(record, fence, wanted)


def _check_endable(runner: "Runner", record: Record, wanted: str) -> None:
    if (wanted, record.status) == ("cancel", "cancelled") and _has_left(runner, record):
        return  # what could not be undone is tried again
    if record.status in ENDED or wanted == "pause":
        raise NotResumableError(f"run {record.run_id} is {record.status}; there is nothing to {wanted}")


def _has_left(runner: "Runner", record: Record) -> bool:
    effects = runner.saver.database.read(ledger.load, runner.saver.codec, record.thread_id, record.run_id)
    return any(entry.state == "not undone" for entry in effects)


def pending(runner: "Runner", record: Record) -> list[Question]:
    """What a run that stands still waits for."""
    return _look(runner, record).questions


def _look(runner: "Runner", record: Record) -> Pending:
    return look(runner.saver, runner.graph(record.graph).copy(update={"checkpointer": runner.saver}), record)


def _take(runner: "Runner", record: Record) -> int:
    fence = runner.saver.database.write(lease.take, record.thread_id, runner.owner, runner.lease)
    if isinstance(fence, lease.Holder):
        remedy = f"{fence.owner} has it, so try again when it has come to rest"
        raise ThreadBusyError(record.thread_id, record.run_id, "running", remedy)
    return fence


def _rest(runner: "Runner", record: Record, fence: int, asked: Sequence[Question] = ()) -> None:
    """Note where a run has come to, and what it waits for, unless somebody wants meanwhile that it ends."""

    def rest(session: Session) -> str | None:
        inquiries_of(session, runner.saver, record).ask(asked)
        return ending.rest(session, runner.records, record, fence)

    if wanted := runner.saver.database.write(rest):
        runner.finish(record, fence, wanted)


def _entered(runner: "Runner", record: Record, fence: int, settled: Settled) -> Entered:
    if settled.given_up:
        runner.finish(record, fence, "cancel", why=settled.given_up)
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
