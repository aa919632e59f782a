"""The ledger of effects: what a run did to the world, noted before and after, so that nothing is done twice unseen.

An entry is `begun` in a transaction of its own before anything happens, and `done` with the result afterwards. One
that is found begun by somebody else is of unknown outcome: the process died between the two. That is for a person to
settle, never guessed. What failed may be tried again; what a person gave up may not.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import bindparam, func, or_, select

from threadloom.checkpoints.elements import enter_thread
from threadloom.checkpoints.session import Session
from threadloom.checkpoints.tables import Tables
from threadloom.checkpoints.values import Codec

State = Literal["begun", "done", "failed", "unknown", "abandoned", "undoing", "undone", "not undone"]
UNKNOWN: tuple[State, ...] = ("begun", "unknown")
"""What is not known to have happened, once whoever began it is gone."""
OF_TASK = "task "
"""How the scope begins of effects without a run; the id of the task follows."""


@dataclass(frozen=True)
class Effect:
    """An entry of the ledger.

    Attributes:
        thread_id, scope, key: which one; the scope is the run, or the task of a graph that has no Runner.
        state: what is known of it.
        fence: of the lease under which it was begun.
        task: the task that began it, by LangGraph's id.
        value: its result.
        error: what went wrong, in a line.
        compensation: the name of what undoes it.
        place: where in the graph that task is: the names of the nodes, and the super-step.
        at: when it came to be in this state, in ms since 1970 by the database's clock; later than what came before.
    """

    thread_id: str
    scope: str
    key: str
    state: State
    fence: int | None = None
    task: str = ""
    place: str = ""
    value: Any = None
    error: str = ""
    compensation: str = ""
    at: int = 0


def load(
    session: Session, codec: Codec, thread_id: str, scope: str | None = None, key: str | None = None
) -> list[Effect]:
    """The entries of a thread, of one scope in it, or with one key, in the order of their last changes."""
    table = session.tables.effects
    conditions = [table.c.thread_id == thread_id]
    if scope is not None:
        conditions.append(table.c.scope == scope)
    if key is not None:
        conditions.append(table.c.key == key)
    rows = session.execute(select(table).where(*conditions).order_by(table.c.at, table.c.key)).all()
    return list(_entries(session, codec, rows))


def unknown(session: Session, codec: Codec, thread_id: str, scope: str) -> list[Effect]:
    """The entries of one scope that are not known to have happened, in the order of their last changes."""
    return list(_entries(session, codec, session.rows(_unknown, {"thread": thread_id, "run": scope})))


def _unknown(tables: Tables) -> Any:
    table = tables.effects
    own = table.c.thread_id == bindparam("thread"), table.c.scope == bindparam("run")
    states = or_(*(table.c.state == state for state in UNKNOWN))  # a prepared statement has no IN
    return select(table).where(*own, states).order_by(table.c.at, table.c.key)


def store(session: Session, codec: Codec, effect: Effect, *, fence: int | None = None) -> None:
    """Store an entry, under the lease with this fence if there is one; raises LeaseLostError when that is lost."""
    enter_thread(session, effect.thread_id, "share", fence=fence)
    kept = ("task", "place", "value", "error", "compensation")
    row = {
        "thread_id": effect.thread_id,
        "scope": effect.scope,
        "key": effect.key,
        "state": effect.state,
        "fence": effect.fence,
        "at": _at(session, effect),
        "body": codec.pack(f"effect {effect.key!r}", {name: getattr(effect, name) for name in kept}),
    }
    session.insert_or_replace(session.tables.effects, [row])


def _at(session: Session, effect: Effect) -> int:
    """Now, and after what came before in the same ms, or before the clock was set back: undoing needs the order."""
    table = session.tables.effects.c
    own = table.thread_id == effect.thread_id, table.scope == effect.scope
    latest = select(func.coalesce(func.max(table.at), 0)).where(*own).scalar_subquery()
    now, before = session.execute(select(session.dialect.now(), latest)).one()
    return max(int(now), int(before) + 1)


def _entries(session: Session, codec: Codec, rows: Any) -> Iterator[Effect]:
    for row in session.opened(session.tables.effects, rows):
        body = codec.unpack(row.thread_id, f"effect {row.key!r}", row.body)
        yield Effect(row.thread_id, row.scope, row.key, row.state, row.fence, at=row.at, **body)
