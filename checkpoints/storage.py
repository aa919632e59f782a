"""Checkpoints and writes, stored: synchronous functions on an open session.

They know rows, not LangGraph's objects: encoding happens outside the transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Select, bindparam, select, update

from threadloom.checkpoints.cache import Knowledge, Ledger
from threadloom.checkpoints.elements import enter_thread, new_number
from threadloom.checkpoints.errors import MissingParentError, StaleThreadError
from threadloom.checkpoints.query import Inquiry, named
from threadloom.checkpoints.records import Place, element_rows
from threadloom.checkpoints.session import Session
from threadloom.checkpoints.tables import Tables
from threadloom.checkpoints.tree import TREE, Elements


@dataclass(frozen=True)
class Put:
    """A checkpoint to store.

    Args:
        place: where.
        row, values: its row, and those of the channel values that are new in it.
        elements: those of the values that are not known to be stored.
        knowledge: what that was judged by.
        follows: it has to follow the latest checkpoint of its namespace.
        carries: it has values that its parent stored, or that are rebuilt from its ancestors.
        fence: that of the lease under which it is stored, if there is one.
        fresh: the epoch of the thread if it is a new one.
    """

    place: Place
    row: Mapping[str, Any]
    values: Sequence[Mapping[str, Any]]
    elements: Elements
    knowledge: Knowledge
    follows: bool = False
    carries: bool = True
    fence: int | None = None
    fresh: int = field(default_factory=new_number)

    @property
    def fits(self) -> bool:
        """Whether a single statement may do: the thread is known, or this may start it."""
        starts = not self.place.ns and self.row["parent_id"] is None and self.fence is None
        return starts or self.knowledge.epoch is not None

    def element_rows(self) -> list[dict[str, Any]]:
        """The rows of its elements."""
        return element_rows(self.place.thread_id, self.elements)


@dataclass(frozen=True)
class Writes:
    """Writes of a task to store, and those of their elements that are not known to be stored."""

    place: Place
    rows: Sequence[Mapping[str, Any]]
    elements: Elements
    knowledge: Knowledge
    fence: int | None = None
    fresh: int = field(default_factory=new_number)

    @property
    def fits(self) -> bool:
        """Whether a single statement may do: the thread is known, or these may start it."""
        return self.fence is None or self.knowledge.epoch is not None

    def element_rows(self) -> list[dict[str, Any]]:
        """The rows of their elements."""
        return element_rows(self.place.thread_id, self.elements)


class Outcome(NamedTuple):
    """What became of it: `done`, or else nothing was stored since the thread has another epoch than was thought.

    `epoch` is the one it has, as far as it was looked at.
    """

    epoch: int | None
    done: bool = True


def put_checkpoint(session: Session, put: Put, ledger: Ledger) -> Outcome:
    """Store a checkpoint.

    Raises:
        StaleThreadError: it has to follow the latest checkpoint, and does not.
        MissingParentError: somebody deleted the parent, and with it perhaps what this one carries.
        ThreadDeletedError: somebody deleted the thread of a subgraph.
        LeaseLostError: somebody else has the lease.
    """
    place, row = put.place, put.row
    # A root checkpoint may start a thread; the ones of a subgraph go on in one.
    known = bool(place.ns) and put.knowledge.epoch is not None
    epoch, head = enter_thread(session, place.thread_id, "share" if place.ns else "lead", known=known, fence=put.fence)
    # The checkpoint itself is the head when the answer to its storing got lost and it is stored again.
    if put.follows and head not in (row["parent_id"], row["checkpoint_id"]):
        raise StaleThreadError(*place, row["parent_id"], head)
    if not _still_true(put.knowledge, epoch, ledger):
        return Outcome(epoch, done=False)
    if put.carries and not put.follows and row["parent_id"]:
        _check_parent(session, place, row["parent_id"])
    session.insert_new(session.tables.elements, put.element_rows())
    session.insert_or_replace(session.tables.values, put.values)
    session.insert_or_replace(session.tables.checkpoints, [row])
    if not place.ns and (head is None or head < row["checkpoint_id"]):
        session.change(_set_head, [{"thread": place.thread_id, "checkpoint": row["checkpoint_id"]}])
    return Outcome(epoch)


def put_checkpoint_alone(session: Session, put: Put, ledger: Ledger) -> Inquiry[Outcome]:
    """Store a checkpoint by a single statement if what is known is true; else nothing, and `put_checkpoint` may."""
    return (yield from _alone(session.dialect.put_checkpoint(session, put), put, ledger))


def put_writes_alone(session: Session, put: Writes, ledger: Ledger) -> Inquiry[Outcome]:
    """`put_checkpoint_alone` for writes."""
    return (yield from _alone(session.dialect.put_writes(session, put), put, ledger))


def _alone(inquiry: Inquiry[int | None], put: Put | Writes, ledger: Ledger) -> Inquiry[Outcome]:
    epoch = (yield from inquiry) if ledger.holds(put.knowledge) else None
    return Outcome(put.knowledge.epoch, done=False) if epoch is None else Outcome(epoch)


def put_writes(session: Session, put: Writes, ledger: Ledger) -> Outcome:
    """Store writes of a task: a special one (negative index) replaces its predecessor, another keeps what is there.

    Writes may come before the first checkpoint of their thread, but not after its deletion: nobody would delete them.

    Raises:
        ThreadDeletedError: they did.
        LeaseLostError: somebody else has the lease.
    """
    epoch, known, fence = None, put.knowledge.epoch is not None, put.fence
    # Also when all that a tree refers to is known to be stored.
    if known or fence is not None or any(row["type"] == TREE for row in put.rows):
        epoch, _ = enter_thread(session, put.place.thread_id, "share", known=known, fence=fence)
        if not _still_true(put.knowledge, epoch, ledger):
            return Outcome(epoch, done=False)
        session.insert_new(session.tables.elements, put.element_rows())
    session.insert_new(session.tables.writes, [row for row in put.rows if row["idx"] >= 0])
    session.insert_or_replace(session.tables.writes, [row for row in put.rows if row["idx"] < 0])
    return Outcome(epoch)


def _still_true(knowledge: Knowledge, epoch: int, ledger: Ledger) -> bool:
    return knowledge.epoch in (None, epoch) and ledger.holds(knowledge)


def _check_parent(session: Session, place: Place, parent_id: str) -> None:
    if not session.rows(_found, {**place._asdict(), "checkpoint_id": parent_id}):
        raise MissingParentError(*place, parent_id)


def _found(tables: Tables) -> Select[Any]:
    return select(tables.checkpoints.c.step).where(*named(tables.checkpoints, "thread_id", "ns", "checkpoint_id"))


def _set_head(tables: Tables) -> Any:
    threads = tables.threads
    return update(threads).where(threads.c.thread_id == bindparam("thread")).values(head=bindparam("checkpoint"))
