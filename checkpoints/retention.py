"""Which checkpoints stay when a thread is pruned: those that a policy spares, and those that they are rebuilt from."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from sqlalchemy import Table, select

from threadloom.checkpoints.elements import chunks
from threadloom.checkpoints.loading import stored_keys
from threadloom.checkpoints.records import Place, body_of
from threadloom.checkpoints.session import Session

PAGE = 200  # checkpoints that are read at a time


class Policy(NamedTuple):
    """What is spared in each namespace.

    Args:
        keep: so many of the newest checkpoints.
        spares: makes an SQL condition on the table of checkpoints; those that fulfil it are spared as well.
    """

    keep: int
    spares: Callable[[Table], Any] | None = None


class Head(NamedTuple):
    """Where a checkpoint comes from and what it consists of."""

    checkpoint_id: str
    parent_id: str | None
    versions: dict[str, str]
    replayed: list[str]

    @classmethod
    def of(cls, row: Any) -> "Head":
        """That of a row with the columns that its seal needs."""
        body = body_of(row)
        versions = {channel: str(version) for channel, version in body.versions.items()}
        return cls(row.checkpoint_id, row.parent_id, versions, body.replayed)


def heads(session: Session, place: Place, *conditions: Any, most: int | None = None) -> Iterator[Head]:
    """Checkpoints of a namespace, newest first, at most so many, read page by page."""
    table, left, last = session.tables.checkpoints, most, None
    query = _heads(session, place).where(*conditions).order_by(table.c.checkpoint_id.desc())
    while left is None or left > 0:
        size = PAGE if left is None else min(PAGE, left)
        page = query if last is None else query.where(table.c.checkpoint_id < last)
        found = [Head.of(row) for row in session.opened(table, session.execute(page.limit(size)))]
        yield from found
        if len(found) < size:
            return
        last, left = found[-1].checkpoint_id, None if left is None else left - size


def heads_named(session: Session, place: Place, checkpoint_ids: Iterable[str]) -> Iterator[Head]:
    """The checkpoints of a namespace with these ids."""
    table = session.tables.checkpoints
    for chunk in chunks(checkpoint_ids):
        rows = session.execute(_heads(session, place).where(table.c.checkpoint_id.in_(chunk)))
        yield from map(Head.of, session.opened(table, rows))


def _heads(session: Session, place: Place) -> Any:
    table = session.tables.checkpoints
    return select(*session.seals.columns(table)).where(table.c.thread_id == place.thread_id, table.c.ns == place.ns)


def kept_in(session: Session, place: Place, policy: Policy) -> set[str]:
    """The ids of the checkpoints of a namespace that stay.

    All of them can be read: what stays for one DeltaChannel of another checkpoint has others itself, perhaps, and
    stays with what those are rebuilt from.
    """
    lineage = _Lineage(session, place)
    for head in heads(session, place, most=policy.keep):
        lineage.keep(head)
    if policy.spares is not None:
        for head in heads(session, place, policy.spares(session.tables.checkpoints)):
            lineage.keep(head)
    return lineage.kept


class _Lineage:
    """Who of a namespace is kept, with the ancestors from which a value that is not stored is rebuilt."""

    def __init__(self, session: Session, place: Place) -> None:
        self._session, self._place = session, place
        self.kept: set[str] = set()
        self._sought: dict[str, set[str]] = {}  # by checkpoint: the channels whose values were looked for from there on
        self._near: dict[str, Head] = {}  # checkpoints that were read
        self._asked: set[str] = set()  # channels that were looked up for those
        self._stored: set[tuple[str, str]] = set()  # their versions that have a value

    def keep(self, head: Head) -> None:
        """Keep a checkpoint, and its ancestors back to the nearest stored value of every replayed channel."""
        self.kept.add(head.checkpoint_id)
        at, wanted = head.parent_id, {*head.replayed}
        while at and (wanted := wanted - self._sought.setdefault(at, set())):
            self._sought[at] |= wanted
            if (ancestor := self._look_up(at, wanted)) is None:
                return
            wanted = {c for c in wanted if (c, ancestor.versions.get(c)) not in self._stored}
            if at not in self.kept:
                self.kept.add(at)
                wanted |= {*ancestor.replayed}
            at = ancestor.parent_id

    def _look_up(self, checkpoint_id: str, channels: set[str]) -> Head | None:
        """A checkpoint; with it those that are a little older are read, since its ancestors are among them mostly."""
        if checkpoint_id not in self._near or not channels <= self._asked:
            until = self._session.tables.checkpoints.c.checkpoint_id <= checkpoint_id
            self._near = {head.checkpoint_id: head for head in heads(self._session, self._place, until, most=PAGE)}
            self._asked = channels.union(*(head.replayed for head in self._near.values()))
            keys = {(c, head.versions[c]) for head in self._near.values() for c in self._asked & head.versions.keys()}
            self._stored = stored_keys(self._session, self._place, keys)
        return self._near.get(checkpoint_id)
