"""A run whose graph has changed since: brought to the graph of today by migrations, or refused with the reasons."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from threadloom.checkpoints.elements import enter_thread
from threadloom.checkpoints.session import Session
from threadloom.runs.answering import Reply
from threadloom.runs.errors import GraphChangedError, MigrationError, UnknownThreadError
from threadloom.runs.fingerprint import Fingerprint, fingerprint
from threadloom.runs.lineage import Migrations
from threadloom.runs.migrating import migrate
from threadloom.runs.migrations import Migration
from threadloom.runs.pending import inquiries_of
from threadloom.runs.record import Record
from threadloom.runs.verdict import judge

if TYPE_CHECKING:
    from threadloom.runs.runner import Runner

KEY = "fingerprint"
"""In the details of a run: its graph as it was when the run last went on."""
HANDLES = "handles"
"""In the details of a run: what became of handles of its questions, which whoever was asked before still has."""


def adapted(runner: "Runner", record: Record, fence: int, reply: Reply) -> tuple[Record, Reply]:
    """The run on the graph of today, under its lease, and the reply with handles as they are there.

    Raises:
        GraphChangedError: it would not go on as it was meant to, and no migrations lead to the graph of today.
        MigrationError: it would not go on after the migrations either.
    """
    graph = runner.graph(record.graph)
    today, kept = fingerprint(graph), record.details.get(KEY)
    before = Fingerprint.parse(kept) if kept else None
    if before == today:
        return record, _renamed(reply, record)
    try:
        verdict = judge(runner.saver, graph, record.thread_id, before)
    except UnknownThreadError:  # it was stopped before its first checkpoint, so there is nothing of the old graph
        return _noted(record, today, (), {}), reply
    steps = steps_to(runner.migrations.get(record.graph), before, today)
    if steps is None and not verdict.resumes:
        raise GraphChangedError(record.run_id, record.graph, verdict.problems)
    migrated = migrate(runner.saver.fenced(fence), graph, record.thread_id, steps or ())
    record = _noted(record, today, migrated.applied, migrated.handles)
    runner.saver.database.write(_keep, runner, record, fence, migrated.handles)
    return record, _renamed(reply, record)


def steps_to(known: Migrations | None, before: Fingerprint | None, today: Fingerprint) -> list[Migration] | None:
    """The migrations that are registered for this; None when none are."""
    if known is None or before is None:
        return None
    try:
        return known.between(before.digest, today.digest)
    except MigrationError:
        return None


def _noted(record: Record, today: Fingerprint, applied: tuple[str, ...], handles: Mapping[str, str]) -> Record:
    migrated = [*record.details.get("migrated", []), *applied]
    moved = {old: handles.get(now, now) for old, now in record.details.get(HANDLES, {}).items()} | {**handles}
    return replace(record, details=record.details | {KEY: today.text, "migrated": migrated, HANDLES: moved})


def _keep(session: Session, runner: "Runner", record: Record, fence: int, handles: Mapping[str, str]) -> None:
    enter_thread(session, record.thread_id, "lead", fence=fence)
    inquiries_of(session, runner.saver, record).move(handles)
    runner.records.note(session, record)


def _renamed(reply: Reply, record: Record) -> Reply:
    """It with the handles that questions have now."""
    handles: Mapping[Any, str] = record.details.get(HANDLES, {})
    if not handles or not isinstance(reply.answer, Mapping):
        return reply
    return reply._replace(answer={handles.get(key, key): given for key, given in reply.answer.items()})
