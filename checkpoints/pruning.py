"""Deleting and copying: threads, runs, history that is no longer wanted; nothing unreferenced stays behind."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from sqlalchemy import Row, and_, delete, insert, literal, select, tuple_

from threadloom.checkpoints.elements import chunks, collect_garbage, enter_thread, lock_thread, renew_thread
from threadloom.checkpoints.errors import ThreadExistsError
from threadloom.checkpoints.records import Place, body_of
from threadloom.checkpoints.rewriting import Rewriting, page
from threadloom.checkpoints.session import Session


def delete_thread(session: Session, thread_id: str) -> None:
    """Delete everything of a thread."""
    enter_thread(session, thread_id, "own")  # waits also for one who is about to start the thread
    for table in (*session.tables.contents, session.tables.threads):
        session.execute(delete(table).where(table.c.thread_id == thread_id))


def copy_thread(session: Session, source: str, target: str) -> None:
    """Copy everything of a thread, whole history included, to a thread that must not exist yet."""
    for thread_id in sorted({source, target}):  # in order: two who lock the same wait, never both at once
        enter_thread(session, thread_id, "own")
    checkpoints = session.tables.checkpoints
    if session.execute(select(checkpoints.c.ns).where(checkpoints.c.thread_id == target).limit(1)).first():
        raise ThreadExistsError(f"thread {target!r} already has checkpoints; choose a new id or delete it first")
    delete_thread(session, target)  # writes without a checkpoint may be there
    enter_thread(session, target, "own")
    if encryption := session.seals.encryption:
        _rewrite(session, Rewriting(encryption, source, target), source)
    else:
        _duplicate(session, source, target)
    renew_thread(session, target)


def _rewrite(session: Session, rewriting: Rewriting, source: str) -> None:
    """Copy what is sealed for its thread."""
    for table in session.seals.documents:
        after, more = None, True
        while more:
            rows, after = page(session, table, source, after)
            session.insert_new(table, rewriting.rewritten(session, table, rows))
            more = after is not None


def _duplicate(session: Session, source: str, target: str) -> None:
    for table in session.tables.contents:
        copied = [literal(target, c.type) if c.name == "thread_id" else c for c in table.columns]
        rows = select(*copied).where(table.c.thread_id == source)
        session.execute(insert(table).from_select(list(table.columns), rows))


def keep_latest(session: Session, thread_id: str) -> None:
    """Delete all but the latest checkpoint of each namespace and what rebuilds its replayed channels."""
    if not lock_thread(session, thread_id):
        return
    checkpoints = session.tables.checkpoints
    found = session.execute(select(checkpoints.c.ns).where(checkpoints.c.thread_id == thread_id).distinct())
    for ns in found.scalars().all():
        history = _History(session, Place(thread_id, ns))
        history.keep_only({max(history.rows)})
    collect_garbage(session, thread_id)
    renew_thread(session, thread_id)


def delete_runs(session: Session, run_ids: Collection[str]) -> None:
    """Delete the checkpoints of runs, except those that rebuild a replayed channel of one that stays."""
    doomed: dict[Place, set[str]] = defaultdict(set)
    checkpoints = session.tables.checkpoints
    query = select(checkpoints.c.thread_id, checkpoints.c.ns, checkpoints.c.checkpoint_id)
    for chunk in chunks(run_ids):
        for row in session.execute(query.where(checkpoints.c.run_id.in_(chunk))):
            doomed[Place(row.thread_id, row.ns)].add(row.checkpoint_id)
    # In order, so that two who lock several threads wait for each other, never both at once.
    thread_ids = sorted({place.thread_id for place in doomed})
    for thread_id in thread_ids:
        lock_thread(session, thread_id)
    for place, checkpoint_ids in doomed.items():
        history = _History(session, place)
        history.keep_only(history.rows.keys() - checkpoint_ids)
    for thread_id in thread_ids:
        collect_garbage(session, thread_id)
        renew_thread(session, thread_id)


class _Head(NamedTuple):
    """Where a checkpoint comes from and what it consists of."""

    checkpoint_id: str
    parent_id: str | None
    versions: dict[str, str]
    replayed: list[str]

    @classmethod
    def of(cls, row: Row[Any]) -> "_Head":
        body = body_of(row)
        versions = {channel: str(version) for channel, version in body.versions.items()}
        return cls(row.checkpoint_id, row.parent_id, versions, body.replayed)


class _History:
    """The checkpoints of a namespace without their contents: who descends from whom, and which values are stored."""

    def __init__(self, session: Session, place: Place) -> None:
        self._session, self._place, self._tables = session, place, session.tables
        table, values = self._tables.checkpoints, self._tables.values
        query = select(*session.seals.columns(table)).where(*_at(table, place))
        self.rows = {row.checkpoint_id: _Head.of(row) for row in session.opened(table, session.execute(query))}
        keys = session.execute(select(values.c.channel, values.c.version).where(*_at(values, place)))
        self.values = {(row.channel, row.version) for row in keys}

    def keep_only(self, kept: Collection[str]) -> None:
        """Delete the other checkpoints, their writes, and the values that nobody refers to any more."""
        kept = {*kept, *(needed for checkpoint_id in kept for needed in self._rebuilt_from(checkpoint_id))}
        gone = self.rows.keys() - kept
        for table in (self._tables.checkpoints, self._tables.writes):
            for chunk in chunks(gone):
                self._delete(table, table.c.checkpoint_id.in_(chunk))
        self._delete_strays()
        values = self._tables.values
        used = {key for checkpoint_id in kept for key in self.rows[checkpoint_id].versions.items()}
        for keys in chunks(self.values - used):
            self._delete(values, tuple_(values.c.channel, values.c.version).in_(keys))

    def _delete_strays(self) -> None:
        """Delete writes that arrived after their checkpoint had been deleted; younger ones may precede theirs."""
        checkpoints, written = self._tables.checkpoints, self._tables.writes.c.checkpoint_id
        if self.rows:
            gone = written.not_in(select(checkpoints.c.checkpoint_id).where(*_at(checkpoints, self._place)))
            self._delete(self._tables.writes, and_(written < max(self.rows), gone))

    def _delete(self, table: Any, condition: Any) -> None:
        self._session.execute(delete(table).where(*_at(table, self._place), condition))

    def _rebuilt_from(self, checkpoint_id: str) -> Iterator[str]:
        """The ancestors back to the nearest stored value of every replayed channel, whose writes rebuild it."""
        missing, row = set(self.rows[checkpoint_id].replayed), self.rows.get(self.rows[checkpoint_id].parent_id or "")
        while missing and row is not None:
            yield row.checkpoint_id
            missing -= {c for c in missing if (c, row.versions.get(c)) in self.values}
            row = self.rows.get(row.parent_id or "")


def _at(table: Any, place: Place) -> tuple[Any, Any]:
    return table.c.thread_id == place.thread_id, table.c.ns == place.ns
