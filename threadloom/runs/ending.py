"""The end of a run that somebody does not want any more."""

from dataclasses import replace
from typing import TYPE_CHECKING

from threadloom.checkpoints.elements import enter_thread
from threadloom.checkpoints.session import Session
from threadloom.runs import compensation, lease
from threadloom.runs.record import ENDED, Record, Records

if TYPE_CHECKING:
    from threadloom.checkpoints import SQLSaver


async def end(saver: "SQLSaver", records: Records, record: Record, fence: int, wanted: str, *, why: str = "") -> Record:
    """End a run under its lease, and give that back; returns the run as it is then.

    Args:
        saver, records, record, fence: the run.
        wanted: "cancel" undoes its effects, "rollback" also deletes its checkpoints, "interrupt" leaves all as it is.
        why: for the error of its record.
    """
    told = [why] if why else []
    if wanted != "interrupt":
        undone = await compensation.undo(saver, record.thread_id, record.run_id, fence)
        told += [
            f"effect {entry.key!r} was not undone: {entry.error}" for entry in undone if entry.state == "not undone"
        ]
    if wanted == "rollback":
        await saver.adelete_for_runs([record.run_id])
    record = replace(record, status="cancelled", error="; ".join(told))
    await saver.database.offload(saver.database.write, rest, records, record, fence)
    return replace(record, wanted=None, owner=None)


def rest(session: Session, records: Records, record: Record, fence: int) -> None:
    """Store where a run has come to, and give its lease back; raises LeaseLostError if it is another's."""
    enter_thread(session, record.thread_id, "lead", fence=fence)
    records.change(session, record, ended=record.status in ENDED)
    lease.release(session, record.thread_id, fence)
