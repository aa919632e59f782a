"""The row of a run: written before its first node, and changed by whoever has the thread's lease."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from sqlalchemy import ColumnElement, and_, bindparam, case, func, insert, literal, null, or_, select, tuple_, update

from threadloom.checkpoints.dialects.generic import Dialect
from threadloom.checkpoints.session import Session
from threadloom.checkpoints.tables import Tables
from threadloom.checkpoints.values import Codec

Status = Literal["running", "waiting", "paused", "done", "failed", "cancelled", "lost"]
"""`waiting` for an answer; `paused` by a person; `lost`: it was running, and its owner is gone."""
ENDED: tuple[Status, ...] = ("done", "cancelled")
"""After these a thread is free for the next run."""
WISHES = ("pause", "interrupt", "cancel", "rollback")
"""What can be wanted of a running run, each more than the one before: all but the first end it."""


@dataclass(frozen=True)
class Record:
    """A run as it is stored.

    Attributes:
        run_id, thread_id, graph: which run, where, of what.
        status: where it stands.
        wanted: what its owner was asked to do, one of `WISHES`, or nothing.
        request_key: what a start with the same key is recognised by.
        created, updated, ended: in ms since 1970, by the database's clock.
        owner: who has the lease; None for nobody.
        input: what it was started with.
        error: why it failed, in a line.
        details: what else is kept: "fingerprint" of its graph, "usage" by node, "attempts" by task, and so on.
    """

    run_id: str
    thread_id: str
    graph: str
    status: Status
    input: Any = field(repr=False)
    wanted: str | None = None
    request_key: str | None = None
    created: int = 0
    updated: int = 0
    ended: int | None = None
    owner: str | None = None
    error: str = ""
    details: dict[str, Any] = field(default_factory=dict, repr=False)


class Newest(NamedTuple):
    """The run of a thread that was started last; None for both if there is none."""

    run_id: str | None
    status: Status | None


class Records:
    """Storage functions for runs; each takes the session first.

    Args:
        codec: makes bytes of inputs and details.
    """

    def __init__(self, codec: Callable[[], Codec]) -> None:
        self._codec = codec

    def add(self, session: Session, record: Record) -> Record:
        """Store a new one; returns it, or the one that has its request key already."""
        kept = ("thread_id", "run_id", "graph", "status", "request_key")
        row = {name: getattr(record, name) for name in kept} | {"body": self._body(record)}
        if record.request_key is None:  # there is nobody else
            session.change(_add, session.seals.closed(session.tables.runs, [row]), session.dialect)
            return record
        now = session.execute(select(session.dialect.now())).scalar()
        session.insert_new(
            session.tables.runs, [{**row, "wanted": None, "created": now, "updated": now, "ended": None}]
        )
        found = self.find(session, record.run_id) or self.find(session, request_key=record.request_key)
        return found or record

    def change(self, session: Session, record: Record, *, ended: bool = False) -> None:
        """Store its status, error and details; and, unless it is running, that nothing is wanted of it any more."""
        self._update(session, record, _change, ended, record.status != "running")

    def note(self, session: Session, record: Record) -> None:
        """Store its details, while it is running."""
        self._update(session, record, _note)

    def _update(self, session: Session, record: Record, make: Callable[..., Any], *how: Any) -> None:
        place = {"thread_id": record.thread_id, "run_id": record.run_id, "graph": record.graph}
        row: Mapping[str, Any] = {**place, "body": self._body(record)}
        [row] = session.seals.closed(session.tables.runs, [row])
        values = {"thread": record.thread_id, "run": record.run_id, "now_status": record.status, "data": row["body"]}
        session.changed(make, values, session.dialect, *how)

    def want(self, session: Session, run_id: str, wanted: str | None) -> bool:
        """Ask the owner of a running run for something, or not to pause any more; False: it is not running.

        What is wanted already stays wanted if it is as much or more.
        """
        runs = session.tables.runs
        less = WISHES[: WISHES.index(wanted)] if wanted else WISHES[:1]
        gives_way = or_(runs.c.wanted.is_(None), runs.c.wanted.in_(less))
        kept = case((gives_way, literal(wanted, runs.c.wanted.type)), else_=runs.c.wanted)
        asked = update(runs).where(runs.c.run_id == run_id, runs.c.status == "running").values(wanted=kept)
        return bool(session.execute(asked).rowcount)

    def wanted(self, session: Session, run_id: str) -> str | None:
        """What somebody asks of a run; nobody asks for more before this transaction ends."""
        runs = session.tables.runs
        asked = select(runs.c.wanted).where(runs.c.run_id == run_id).with_for_update()
        found: str | None = session.execute(asked).scalar()
        return found

    def find(self, session: Session, run_id: str = "", *, request_key: str | None = None) -> Record | None:
        """The run with this id, or request key."""
        runs = session.tables.runs.c
        which = runs.run_id == run_id if request_key is None else runs.request_key == request_key
        return next(iter(self._found(session, which, 1)), None)

    def of(self, session: Session, thread_id: str, run_ids: Collection[str]) -> list[Record]:
        """Those of a thread that have one of these ids."""
        runs = session.tables.runs.c
        return self._found(session, and_(runs.thread_id == thread_id, runs.run_id.in_(run_ids)), len(run_ids))

    def latest(self, session: Session, thread_id: str) -> Record | None:
        """The thread's run that was started last."""
        return next(iter(self._found(session, session.tables.runs.c.thread_id == thread_id, 1)), None)

    def newest(self, session: Session, thread_id: str) -> Newest:
        """As much of `latest` as a start asks for, in a thread which is there: an input may be large."""
        [row] = session.rows(_newest, {"thread": thread_id}, session.dialect)
        return _newest_in(row)

    def newest_of(self, session: Session, thread_ids: Collection[str]) -> dict[str, Newest]:
        """`newest` of a page of threads, of those that have runs."""
        runs, threads = session.tables.runs.c, session.tables.threads.c
        order = runs.created.desc(), runs.run_id.desc()
        ranked = (
            select(
                runs.thread_id,
                runs.run_id,
                runs.status,
                _ownerless(session.tables, session.dialect).label("gone"),
                func.row_number().over(partition_by=runs.thread_id, order_by=order).label("place"),
            )
            .outerjoin_from(session.tables.runs, session.tables.threads, runs.thread_id == threads.thread_id)
            .where(runs.thread_id.in_(thread_ids))
            .subquery()
        )
        found = session.execute(select(ranked).where(ranked.c.place == 1))
        return {row.thread_id: _newest_in(row) for row in found}

    def named(self, session: Session, text: str, limit: int) -> list[Record]:
        """Runs whose id, or that of their thread, is or begins with a text; those that were started last first."""
        runs = session.tables.runs.c
        begins = [func.substr(column, 1, len(text)) == text for column in (runs.run_id, runs.thread_id)]
        return self._found(session, or_(*begins), limit)

    def page(
        self,
        session: Session,
        limit: int,
        *,
        status: Status | None = None,
        graph: str | None = None,
        thread_id: str | None = None,
        before: Record | None = None,
    ) -> list[Record]:
        """Runs, those that were started last first."""
        runs = session.tables.runs.c
        wanted = [runs.thread_id == thread_id] if thread_id is not None else []
        if graph is not None:
            wanted.append(runs.graph == graph)
        if status is not None:
            wanted.append(runs.status == ("running" if status == "lost" else status))
        if status in ("running", "lost"):
            gone = _ownerless(session.tables, session.dialect)
            wanted.append(gone if status == "lost" else ~gone)
        if before is not None:
            wanted.append(tuple_(runs.created, runs.run_id) < (before.created, before.run_id))
        return self._found(session, and_(True, *wanted), limit)

    def _found(self, session: Session, which: ColumnElement[bool], limit: int) -> list[Record]:
        runs, threads = session.tables.runs, session.tables.threads.c
        gone = _ownerless(session.tables, session.dialect).label("gone")
        query = (
            select(*runs.columns, threads.owner, gone)
            .outerjoin_from(runs, session.tables.threads, runs.c.thread_id == threads.thread_id)
            .where(which)
            .order_by(runs.c.created.desc(), runs.c.run_id.desc())
            .limit(limit)
        )
        return [self._record(row) for row in session.opened(runs, session.execute(query).all())]

    def _record(self, row: Any) -> Record:
        body = self._codec().unpack(row.thread_id, f"run {row.run_id}", row.body)
        return Record(
            run_id=row.run_id,
            thread_id=row.thread_id,
            graph=row.graph,
            status="lost" if row.status == "running" and row.gone else row.status,
            wanted=row.wanted,
            request_key=row.request_key,
            created=row.created,
            updated=row.updated,
            ended=row.ended,
            owner=None if row.gone else row.owner,
            **body,
        )

    def _body(self, record: Record) -> bytes:
        body = {"input": record.input, "error": record.error, "details": record.details}
        return self._codec().pack(f"run {record.run_id}", body)


def _ownerless(tables: Tables, dialect: Dialect) -> ColumnElement[bool]:
    """That nobody has the lease of a run's thread."""
    threads = tables.threads.c
    return or_(threads.leased_until.is_(None), threads.leased_until <= dialect.now())


def _newest_in(row: Any) -> Newest:
    return Newest(row.run_id, "lost" if row.status == "running" and row.gone else row.status)


def _newest(tables: Tables, dialect: Dialect) -> Any:
    runs, threads = tables.runs, tables.threads
    gone = _ownerless(tables, dialect).label("gone")
    found = select(runs.c.run_id, runs.c.status, gone).outerjoin_from(
        threads, runs, runs.c.thread_id == threads.c.thread_id
    )
    order = runs.c.created.desc(), runs.c.run_id.desc()
    return found.where(threads.c.thread_id == bindparam("thread")).order_by(*order).limit(1)


def _add(tables: Tables, dialect: Dialect) -> Any:
    names = "thread_id", "run_id", "graph", "status", "request_key", "body"
    given: dict[str, Any] = {name: bindparam(name) for name in names}
    return insert(tables.runs).values(**given, created=dialect.now(), updated=dialect.now())


def _change(tables: Tables, dialect: Dialect, ended: bool, rests: bool) -> Any:
    values: dict[str, Any] = {"status": bindparam("now_status"), "ended": dialect.now() if ended else null()}
    return _note(tables, dialect).values(**values, **({"wanted": null()} if rests else {}))


def _note(tables: Tables, dialect: Dialect) -> Any:
    runs = tables.runs
    own = runs.c.thread_id == bindparam("thread"), runs.c.run_id == bindparam("run")
    return update(runs).where(*own).values(updated=dialect.now(), body=bindparam("data"))
