"""The end of a run that somebody does not want any more."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from threadloom.checkpoints.elements import enter_thread
from threadloom.checkpoints.errors import LeaseLostError
from threadloom.checkpoints.session import Session
from threadloom.runs import compensation, lease
from threadloom.runs.ledger import UNKNOWN, Effect
from threadloom.runs.record import ENDED, Record, Records

if TYPE_CHECKING:
    from threadloom.checkpoints import SQLSaver


@dataclass(frozen=True)
class Ending:
    """A run that is being ended while it stands still, for the heartbeat: its lease is to last as long as that.

    Attributes:
        thread_id, run_id, fence: the run, and its lease.
    """

    thread_id: str
    run_id: str
    fence: int

    def news(self) -> None:
        """There is nothing more to be kept."""

    def lose(self) -> None:
        """Nothing is stored any more, nor begun: each effect is noted under the lease before it is undone."""

    def hear(self, wanted: str) -> None:
        """It ends already."""


async def end(saver: "SQLSaver", records: Records, record: Record, fence: int, wanted: str, *, why: str = "") -> Record:
    """End a run under its lease, and give that back; returns the run as it is then.

    Args:
        saver, records, record, fence: the run.
        wanted: "cancel" undoes its effects, "rollback" also deletes its checkpoints, "interrupt" leaves all as it is.
        why: for the error of its record.

    If somebody wants more of it meanwhile, that is done as well.
    """
    more: str | None = wanted
    while more:
        wanted = await saver.database.awrite(_mark, records, record, fence, more)
        told = [*([why] if why else []), *await _carry_out(saver, record, fence, wanted)]
        record = replace(record, status="cancelled", error="; ".join(told))
        more = await saver.database.awrite(rest, records, record, fence, wanted)
    return replace(record, wanted=None, owner=None)


async def _carry_out(saver: "SQLSaver", record: Record, fence: int, wanted: str) -> list[str]:
    """Do what is wanted of a run; returns what of it could not be done."""
    if wanted == "interrupt":
        return []
    undone = await compensation.undo(saver, record.thread_id, record.run_id, fence)
    if wanted == "rollback":
        await saver.adelete_for_runs([record.run_id])
    return [line for entry in undone if (line := _told(entry))]


def rest(session: Session, records: Records, record: Record, fence: int, done: str | None = None) -> str | None:
    """Store where a run has come to, and give its lease back.

    If somebody wants meanwhile that a run which rests comes to its end, or of one that was ended more than was `done`,
    nothing is stored, and that is returned. Raises LeaseLostError if the lease is another's.
    """
    if record.status != "done":
        enter_thread(session, record.thread_id, "lead", fence=fence)
        if (wanted := records.wanted(session, record.run_id)) not in (None, "pause", done):
            return wanted
    if not lease.release(session, record.thread_id, fence):
        raise LeaseLostError(record.thread_id)
    records.change(session, record, ended=record.status in ENDED)
    return None


def _mark(session: Session, records: Records, record: Record, fence: int, wanted: str) -> str:
    """Note what is being done to it, so that whoever recovers it goes on with that if this process dies; returns it."""
    enter_thread(session, record.thread_id, "lead", fence=fence)
    records.change(session, replace(record, status="running"))
    records.want(session, record.run_id, wanted)
    return records.wanted(session, record.run_id) or wanted


def _told(entry: Effect) -> str:
    if entry.state in UNKNOWN:
        return f"whether effect {entry.key!r} happened is not known, so it was not undone"
    is_left = entry.compensation and entry.state in ("done", "undoing", "not undone")
    return f"effect {entry.key!r} was not undone: {entry.error}" if is_left and entry.error else ""
