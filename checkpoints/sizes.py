"""How many bytes threads take, and which channels take them; added up by the database, which sends no values.

Counted are the contents of rows, in bytes as they are stored; keys, indexes and the database's own overhead come on
top.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, cast

from sqlalchemy import Select, Table, distinct, func, literal, select, union_all

from threadloom.checkpoints import schema
from threadloom.checkpoints.session import Session
from threadloom.checkpoints.tables import Tables
from threadloom.checkpoints.tree import TREE, references_in

BATCH = 500  # rows that a query hands over at a time


class ChannelSize(NamedTuple):
    """The bytes of a channel in one namespace.

    `values` and `writes` are those of its own rows. `elements` are those of the elements that these refer to, each
    once; as elements are shared they add up to more than the thread has. `alone` are those that no other channel refers
    to.
    """

    ns: str
    channel: str
    values: int
    writes: int
    elements: int
    alone: int


class ThreadSize(NamedTuple):
    """The bytes of a thread: of its checkpoints, values, writes, elements, each of which it has once, and of its runs.

    `runs` are what is kept of those: inputs, effects, questions, and above all what models answered. `channels` are
    given for a thread that was asked for by its id, the largest first.
    """

    thread_id: str
    checkpoints: int
    values: int
    writes: int
    elements: int
    runs: int
    channels: tuple[ChannelSize, ...] = ()

    @property
    def total(self) -> int:
        """All of them."""
        return self.checkpoints + self.values + self.writes + self.elements + self.runs


class Overview(NamedTuple):
    """What a database is, how much is in it, and the ids of the keys that it is encrypted with."""

    database: str
    driver: str
    schema_version: int
    threads: int
    checkpoints: int
    keys: tuple[str, ...]


def overview(session: Session) -> Overview:
    """What this database is, and how many threads and checkpoints it has."""
    checkpoints = session.tables.checkpoints
    counts = select(func.count(distinct(checkpoints.c.thread_id)), func.count()).select_from(checkpoints)
    threads, total = session.execute(counts).one()
    dialect = session.connection.dialect
    keys = session.execute(select(session.tables.keys.c.key_id)).scalars()
    return Overview(dialect.name, dialect.driver, schema.version(session) or 0, threads, total, tuple(keys))


def load_sizes(session: Session, limit: int) -> list[ThreadSize]:
    """The sizes of threads, the largest first."""
    totals = _totals(session.tables).subquery()
    query = select(totals).order_by(sum(totals.c[1:], literal(0)).desc(), totals.c.thread_id).limit(limit)
    return [_thread_size(row) for row in session.execute(query)]


def load_size(session: Session, thread_id: str) -> ThreadSize | None:
    """The size of a thread and of its channels; None when there is nothing of it.

    Of the values it reads what has references: the tops of trees, and nodes of elements.
    """
    row = session.execute(_totals(session.tables, thread_id)).one_or_none()
    return _thread_size(row)._replace(channels=_channel_sizes(session, thread_id)) if row else None


def contents(table: Table) -> Any:
    """An SQL expression for the bytes of the contents of a row."""
    return func.length(table.c.body if "body" in table.c else table.c.data)


def _totals(tables: Tables, thread_id: str | None = None) -> Select[Any]:
    names = ("checkpoints", "values", "writes", "elements", "runs")
    parts = []
    for table in (*tables.contents, *tables.affairs):
        counted = dict(zip(tables.contents, names, strict=False)).get(table, "runs")
        sums = [(func.sum(contents(table)) if name == counted else literal(0)).label(name) for name in names]
        part: Select[Any] = select(table.c.thread_id, *sums).group_by(table.c.thread_id)
        parts.append(part if thread_id is None else part.where(table.c.thread_id == thread_id))
    every = union_all(*parts).subquery()
    sums = [func.sum(every.c[name]).label(name) for name in names]
    return cast("Select[Any]", select(every.c.thread_id, *sums).group_by(every.c.thread_id))


def _thread_size(row: Sequence[Any]) -> ThreadSize:
    thread_id, *sums = row
    own, values, pending, parts, runs = map(int, sums)  # a sum may be a Decimal
    return ThreadSize(thread_id, own, values, pending, parts, runs)


def _channel_sizes(session: Session, thread_id: str) -> tuple[ChannelSize, ...]:
    rows: dict[tuple[str, str], dict[Table, int]] = defaultdict(dict)
    roots: dict[tuple[str, str], set[bytes]] = defaultdict(set)
    tables = session.tables
    for table in (tables.values, tables.writes):
        place = (table.c.ns, table.c.channel)
        totals = select(*place, func.sum(contents(table))).where(table.c.thread_id == thread_id).group_by(*place)
        for ns, channel, size in session.execute(totals):
            rows[ns, channel][table] = int(size)
        trees = select(*session.seals.columns(table)).where(table.c.thread_id == thread_id, table.c.type == TREE)
        for row in session.opened(table, session.execute(trees.execution_options(yield_per=BATCH))):
            roots[row.ns, row.channel].update(references_in(row.data))
    shares = _shares(session, thread_id, roots)
    sizes = [
        ChannelSize(
            ns, channel, own.get(tables.values, 0), own.get(tables.writes, 0), *shares.get((ns, channel), (0, 0))
        )
        for (ns, channel), own in rows.items()
    ]
    return tuple(sorted(sizes, key=lambda size: (-sum(size[2:5]), size.ns, size.channel)))


def _shares(
    session: Session, thread_id: str, roots: Mapping[tuple[str, str], Iterable[bytes]]
) -> dict[tuple[str, str], tuple[int, int]]:
    """For each place the bytes of the elements below its roots, and of those that are below no other's."""
    elements = session.tables.elements
    table = elements.c
    lengths = select(table.digest, func.length(table.data).label("size")).where(table.thread_id == thread_id)
    inner = select(*session.seals.columns(elements)).where(table.thread_id == thread_id, table.inner)
    size = {row.digest: row.size for row in session.execute(lengths.execution_options(yield_per=BATCH))}
    nodes = session.opened(elements, session.execute(inner.execution_options(yield_per=BATCH)))
    below = {row.digest: references_in(row.data) for row in nodes}
    reached = {place: _reached(digests, below) & size.keys() for place, digests in roots.items()}
    users: dict[bytes, int] = defaultdict(int)
    for digests in reached.values():
        for digest in digests:
            users[digest] += 1
    return {
        place: (sum(size[d] for d in digests), sum(size[d] for d in digests if users[d] == 1))
        for place, digests in reached.items()
    }


def _reached(roots: Iterable[bytes], below: Mapping[bytes, Sequence[bytes]]) -> set[bytes]:
    used: set[bytes] = set()
    wanted = set(roots)
    while wanted:
        used |= wanted
        wanted = {digest for upper in wanted for digest in below.get(upper, ())} - used
    return used
