"""Deleting: whole threads, runs, history that is no longer wanted; nothing unreferenced stays behind.

A thread loses its history in many short transactions, so that nobody waits for long: first checkpoints with their
writes, newest first, so that what a remaining one is rebuilt from is still there; then values that no checkpoint refers
to; then elements to which nothing leads. Each transaction finds out anew what is in use, since others store between
them, and looks at no fewer rows than it needs for that, so that the whole is linear. Killed in between, it leaves what
can be read, and more than is needed; the next one finishes.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple, cast

from sqlalchemy import Select, Table, delete, func, or_, select, tuple_

from threadloom.checkpoints.elements import chunks, enter_thread, live_elements, lock_thread, renew_thread
from threadloom.checkpoints.engine import Database
from threadloom.checkpoints.errors import InvalidRequestError
from threadloom.checkpoints.query import at
from threadloom.checkpoints.records import Place
from threadloom.checkpoints.retention import Head, Policy, heads, heads_named, kept_in
from threadloom.checkpoints.session import Session
from threadloom.checkpoints.sizes import contents
from threadloom.checkpoints.tree import TREE
from threadloom.checkpoints.verify import next_name

BATCH = 200  # checkpoints that a transaction deletes
SHARE = 50  # or as many times fewer than there are, so that finding out what is spared stays linear
PAGE = 1000  # values or elements that a transaction looks at


class Pruned(NamedTuple):
    """What went of a thread, or would go: checkpoints, writes, and bytes of contents in all, as `sizes` counts them."""

    thread_id: str
    checkpoints: int = 0
    writes: int = 0
    bytes: int = 0

    def plus(self, *, checkpoints: int = 0, writes: int = 0, size: int = 0) -> "Pruned":
        """This and that together."""
        return Pruned(self.thread_id, self.checkpoints + checkpoints, self.writes + writes, self.bytes + size)


def prune(
    database: Database,
    thread_ids: Iterable[str] | None,
    *,
    strategy: str,
    keep: int,
    older_than: datetime | None,
    dry_run: bool,
) -> Iterator[Pruned]:
    """Prune threads one after another, as the caller goes on; see `SQLSaver.prune`."""
    if strategy not in ("keep_latest", "delete"):
        raise InvalidRequestError(f"unknown strategy {strategy!r}; choose one of keep_latest, delete")
    if keep < 1 or (keep > 1 and strategy == "delete"):
        raise InvalidRequestError(f"keep={keep}: keep_latest keeps one checkpoint or more, and delete none")
    until = older_than.astimezone(UTC).isoformat() if older_than else None
    for thread_id in _all_threads(database) if thread_ids is None else map(str, thread_ids):
        if strategy == "delete":
            do = database.read if dry_run else database.write
            yield do(_delete_older, thread_id, until, dry_run=dry_run)
        else:
            policy = Policy(keep, partial(_since, until) if until else None)
            yield prune_thread(database, thread_id, policy, dry_run=dry_run)


def _all_threads(database: Database) -> Iterator[str]:
    thread_id = None
    while (thread_id := database.read(next_name, "thread_id", None, thread_id)) is not None:
        yield thread_id


def _since(until: str, checkpoints: Table) -> Any:
    # Text sorts as the times do that LangGraph writes, all of them in UTC.
    return checkpoints.c.ts >= until


def delete_thread(session: Session, thread_id: str) -> None:
    """Delete everything of a thread, at once: nobody finds half of it and goes on from there."""
    enter_thread(session, thread_id, "own")  # waits also for one who is about to start the thread
    for table in (*session.tables.contents, *session.tables.affairs, session.tables.threads):
        session.execute(delete(table).where(table.c.thread_id == thread_id))


def _delete_older(session: Session, thread_id: str, until: str | None, *, dry_run: bool) -> Pruned:
    """Delete a thread, unless its latest root checkpoint is younger; or only say what would go."""
    if not dry_run:
        lock_thread(session, thread_id)
    if until is not None and (_latest(session, thread_id) or until) >= until:
        return Pruned(thread_id)
    checkpoints, _, writes, _ = of_each = [
        _counted(session, table, table.c.thread_id == thread_id) for table in session.tables.contents
    ]
    if not dry_run:
        delete_thread(session, thread_id)
    return Pruned(thread_id, checkpoints[0], writes[0], sum(size for _, size in of_each))


def _latest(session: Session, thread_id: str) -> str | None:
    """The time of the latest checkpoint of the root graph."""
    table = session.tables.checkpoints.c
    query = select(table.ts).where(table.thread_id == thread_id, table.ns == "").order_by(table.checkpoint_id.desc())
    found: str | None = session.execute(query.limit(1)).scalar()
    return found


def delete_runs(database: Database, run_ids: Collection[str]) -> None:
    """Delete the checkpoints of runs, except those that rebuild a replayed channel of one that stays."""
    for chunk in chunks(run_ids):
        policy = Policy(0, partial(_of_other_runs, chunk))
        for thread_id in database.read(_threads_of_runs, chunk):
            prune_thread(database, thread_id, policy)
        database.write(_delete_calls, chunk)


def _delete_calls(session: Session, run_ids: Sequence[str]) -> None:
    """Delete what models answered in runs."""
    runs, calls = session.tables.runs.c, session.tables.calls
    threads = [*session.execute(select(runs.thread_id).where(runs.run_id.in_(run_ids)).distinct()).scalars()]
    for chunk in chunks(threads):
        session.execute(delete(calls).where(calls.c.thread_id.in_(chunk), calls.c.run_id.in_(run_ids)))


def _of_other_runs(run_ids: Sequence[str], checkpoints: Table) -> Any:
    return or_(checkpoints.c.run_id.is_(None), checkpoints.c.run_id.not_in(run_ids))


def _threads_of_runs(session: Session, run_ids: Sequence[str]) -> list[str]:
    table = session.tables.checkpoints.c
    return [*session.execute(select(table.thread_id).where(table.run_id.in_(run_ids)).distinct()).scalars()]


# A part of the work: takes the position to go on from, None for the beginning; returns what went, and the next one,
# None when all is done.
Phase = Callable[[Session, Any], tuple[Pruned, Any]]


def prune_thread(database: Database, thread_id: str, policy: Policy, *, dry_run: bool = False) -> Pruned:
    """Delete the checkpoints of a thread that the policy does not spare, and all that is in no use then.

    A dry run tells what that would be, as of one moment, and neither writes nor locks.
    """
    if dry_run:
        foreseen = _Foreseen(thread_id, policy)
        return database.read(lambda session: _total(foreseen, lambda phase, after: phase(session, after)))
    thread = _Thread(thread_id, policy)
    return _total(thread, lambda phase, after: database.write(thread.locked, phase, after))


def _total(thread: "_Thread", run: Callable[[Phase, Any], tuple[Pruned, Any]]) -> Pruned:
    total = Pruned(thread.thread_id)
    for phase in (thread.checkpoints, thread.values, thread.elements):
        after: Any = None
        while True:
            gone, after = run(phase, after)
            total = total.plus(checkpoints=gone.checkpoints, writes=gone.writes, size=gone.bytes)
            if after is None:
                break
    return total


class _Thread:
    """A thread to be pruned. Its phases are storage functions, each for a part of the rows."""

    def __init__(self, thread_id: str, policy: Policy) -> None:
        self.thread_id, self._policy = thread_id, policy
        self._nothing = Pruned(thread_id)

    def locked(self, session: Session, phase: Phase, after: Any) -> tuple[Pruned, Any]:
        """One step of a phase while nobody else stores in the thread; one without checkpoints has nothing to prune."""
        if not lock_thread(session, self.thread_id):
            return self._nothing, None
        gone, after = phase(session, after)
        if gone != self._nothing:
            renew_thread(session, self.thread_id)
        return gone, after

    def checkpoints(self, session: Session, after: Any) -> tuple[Pruned, Any]:
        """Delete checkpoints with their writes, namespace by namespace."""
        ns, last = after or (self._next_ns(session, None), None)
        gone, looked_at = self._nothing, 0
        while ns is not None and looked_at < BATCH:
            place = Place(self.thread_id, ns)
            kept = kept_in(session, place, self._policy)
            size = max(BATCH, len(kept), self._count(session, place) // SHARE)
            ids = self._older(session, place, last, size)
            gone = self._drop_checkpoints(session, place, [each for each in ids if each not in kept], gone)
            looked_at += len(kept) + len(ids)
            if len(ids) == size:
                last = ids[-1]
            else:
                gone = self._drop_strays(session, place, kept, gone)
                ns, last = self._next_ns(session, ns), None
        return gone, None if ns is None else (ns, last)

    def values(self, session: Session, after: Any) -> tuple[Pruned, Any]:
        """Delete values to which no checkpoint refers."""
        table = session.tables.values
        key = (table.c.ns, table.c.channel, table.c.version)
        size = max(PAGE, self._count(session))
        query = _select(*key, contents(table).label("size")).where(table.c.thread_id == self.thread_id)
        rows, last = _page(session, query, key, after, size)
        gone = self._nothing
        for ns, group in groupby(rows, key=lambda row: row.ns):
            unused = {(row.channel, row.version): row.size for row in group}
            for head in self._staying(session, Place(self.thread_id, ns)):
                for each in head.versions.items():
                    unused.pop(each, None)
                if not unused:
                    break
            for keys in chunks(unused):
                self._delete(session, table, table.c.ns == ns, *_among(session, key[1:], keys))
            gone = gone.plus(size=sum(unused.values()))
        return gone, last

    def elements(self, session: Session, after: Any) -> tuple[Pruned, Any]:
        """Delete elements to which nothing leads."""
        table = session.tables.elements
        live = live_elements(session, self.thread_id, self._documents(session))
        query = _select(table.c.digest, contents(table).label("size")).where(table.c.thread_id == self.thread_id)
        rows, last = _page(session, query, [table.c.digest], after, max(PAGE, len(live)))
        unused = {row.digest: row.size for row in rows if row.digest not in live}
        for digests in chunks(unused):
            self._delete(session, table, *_among(session, [table.c.digest], [(one,) for one in digests]))
        return self._nothing.plus(size=sum(unused.values())), last

    def _staying(self, session: Session, place: Place) -> Iterator[Head]:
        """The checkpoints of a namespace that stay: all that are left."""
        return heads(session, place)

    def _stays(self, session: Session, table: Table, row: Any) -> bool:  # noqa: ARG002  # for a dry run
        """Whether a value or a write is one that stays."""
        return True

    def _delete(self, session: Session, table: Table, *conditions: Any) -> None:
        session.execute(delete(table).where(table.c.thread_id == self.thread_id, *conditions))

    def _drop(self, session: Session, table: Table, place: Place, *conditions: Any) -> tuple[int, int]:
        """Delete rows of a namespace; how many, and how many bytes."""
        counted = _counted(session, table, *at(table, place), *conditions)
        if counted[0]:
            self._delete(session, table, table.c.ns == place.ns, *conditions)
        return counted

    def _drop_checkpoints(self, session: Session, place: Place, ids: Sequence[str], gone: Pruned) -> Pruned:
        tables = session.tables
        for chunk in chunks((each,) for each in ids):
            there = _among(session, [tables.checkpoints.c.checkpoint_id], chunk)
            count, size = self._drop(session, tables.checkpoints, place, *there)
            gone = gone.plus(checkpoints=count, size=size)
            there = _among(session, [tables.writes.c.checkpoint_id], chunk)
            count, size = self._drop(session, tables.writes, place, *there)
            gone = gone.plus(writes=count, size=size)
            if not place.ns:  # nobody forks there any more, to be told again what models answered
                calls, there = tables.calls, _among(session, [tables.calls.c.checkpoint_id], chunk)
                _, size = _counted(session, calls, calls.c.thread_id == self.thread_id, *there)
                gone = gone.plus(size=size)
                self._delete(session, calls, *there)
        return gone

    def _drop_strays(self, session: Session, place: Place, kept: Collection[str], gone: Pruned) -> Pruned:
        """Delete writes that arrived after their checkpoint had been deleted; younger ones may precede theirs."""
        if not kept:
            return gone
        table, checkpoints = session.tables.writes, session.tables.checkpoints
        there = select(checkpoints.c.checkpoint_id).where(*at(checkpoints, place))
        strays = table.c.checkpoint_id < max(kept), table.c.checkpoint_id.not_in(there)
        count, size = self._drop(session, table, place, *strays)
        return gone.plus(writes=count, size=size)

    def _documents(self, session: Session) -> Iterator[bytes]:
        """The documents of values and writes that refer to elements."""
        for table in (session.tables.values, session.tables.writes):
            key = [column for column in table.primary_key if column.name != "thread_id"]
            query = select(*session.seals.columns(table)).where(
                table.c.thread_id == self.thread_id, table.c.type == TREE
            )
            after: Any = None
            while True:
                rows, after = _page(session, query, key, after, BATCH)
                staying = (row for row in rows if self._stays(session, table, row))
                yield from (row.data for row in session.opened(table, staying))
                if after is None:
                    break

    def _next_ns(self, session: Session, after: str | None) -> str | None:
        """The namespace with checkpoints that follows."""
        table = session.tables.checkpoints.c
        query = select(func.min(table.ns)).where(table.thread_id == self.thread_id)
        found: str | None = session.execute(query if after is None else query.where(table.ns > after)).scalar()
        return found

    def _older(self, session: Session, place: Place, last: str | None, size: int) -> list[str]:
        checkpoints = session.tables.checkpoints
        column = checkpoints.c.checkpoint_id
        query = select(column).where(*at(checkpoints, place)).order_by(column.desc()).limit(size)
        return [*session.execute(query if last is None else query.where(column < last)).scalars()]

    def _count(self, session: Session, place: Place | None = None) -> int:
        """How many checkpoints the thread, or a namespace of it, has."""
        table = session.tables.checkpoints
        of = [table.c.thread_id == self.thread_id] if place is None else at(table, place)
        count: int = session.execute(select(func.count()).select_from(table).where(*of)).scalar_one()
        return count


class _Foreseen(_Thread):
    """A thread as it would be pruned: nothing is deleted, and what would be deleted counts for gone."""

    def __init__(self, thread_id: str, policy: Policy) -> None:
        super().__init__(thread_id, policy)
        self._ns: str | None = None  # the namespace that was looked at last, its checkpoints that stay, their versions
        self._kept: set[str] = set()
        self._used: set[tuple[str, str]] = set()

    def _delete(self, session: Session, table: Table, *conditions: Any) -> None:
        pass

    def _staying(self, session: Session, place: Place) -> Iterator[Head]:
        return heads_named(session, place, kept_in(session, place, self._policy))

    def _stays(self, session: Session, table: Table, row: Any) -> bool:
        if row.ns != self._ns:
            place = Place(self.thread_id, row.ns)
            self._ns, self._kept = row.ns, kept_in(session, place, self._policy)
            self._used = {key for head in self._staying(session, place) for key in head.versions.items()}
        if table is session.tables.values:
            return (row.channel, row.version) in self._used
        return row.checkpoint_id in self._kept or not self._kept or row.checkpoint_id > max(self._kept)


def _among(session: Session, columns: Sequence[Any], keys: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Rows with one of these keys, which end in a digest, a version or an id.

    A planner without statistics holds every row of the thread against the list, each time: in PostgreSQL a prune of
    10,000 checkpoints took 20 times as long as one of 2,500. From where to where to look is told besides, but for what
    is written by people, such as channels, whose order is the database's own.
    """
    first, last = min(keys), max(keys)
    if first[:-1] == last[:-1]:
        picked = columns[-1].in_([key[-1] for key in keys])
        named = [column == value for column, value in zip(columns[:-1], first, strict=False)]
        return [
            *named,
            picked,
            columns[-1] >= first[-1],
            columns[-1] <= last[-1],
        ]  # PostgreSQL cannot parse BETWEEN here
    return [session.dialect.among(columns, keys)]


def _counted(session: Session, table: Table, *conditions: Any) -> tuple[int, int]:
    """How many rows, and how many bytes of contents they have."""
    query = select(func.count(), func.coalesce(func.sum(contents(table)), 0)).select_from(table).where(*conditions)
    count, size = session.execute(query).one()
    return count, int(size)  # a sum may be a Decimal


def _page(
    session: Session, query: Any, key: Sequence[Any], after: Sequence[Any] | None, size: int
) -> tuple[Sequence[Any], Sequence[Any] | None]:
    """The next rows in the order of their keys, and the last key; None at the end."""
    if after is not None:  # the first condition is for MySQL, which finds no beginning in an index by the second
        query = query.where(key[0] >= after[0], tuple_(*key) > tuple(after))
    rows: Sequence[Any] = session.execute(query.order_by(*key).limit(size)).all()
    last = tuple(getattr(rows[-1], column.name) for column in key) if len(rows) == size else None
    return rows, last


def _select(*columns: Any) -> Select[Any]:
    statement: Select[Any] = cast("Any", select(*columns))  # checkers tell rows of different widths apart
    return statement
