"""What became of the effects of a thread: to be looked at, and to be said where nobody asks.

A Runner asks of an effect whose outcome is not known, and keeps the answer with who gave it. A graph that has a saver
and no Runner can only raise an error, each time it is run: here a person says what to make of it.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from threadloom.checkpoints.elements import enter_thread
from threadloom.checkpoints.session import Session
from threadloom.runs import ledger
from threadloom.runs.errors import EffectError
from threadloom.runs.ledger import OF_TASK, UNKNOWN, Effect
from threadloom.runs.question import GIVE_UP, HAPPENED, RETRY

if TYPE_CHECKING:
    from threadloom.checkpoints import SQLSaver

OUTCOMES = (HAPPENED, RETRY, GIVE_UP)
OPEN = (*UNKNOWN, "abandoned")  # who gave one up may think better of it: its task raises an error for ever


def effects_of(saver: "SQLSaver", thread_id: str) -> list[Effect]:
    """The effects of a thread, of all its runs and of tasks without a run, by when each came to its state."""
    return saver.database.read(ledger.load, saver.codec, thread_id)


def settle(
    saver: "SQLSaver", thread_id: str, key: str, outcome: str, *, value: Any = None, task: str | None = None
) -> Effect:
    """Say what became of an effect of a graph without a Runner; when the graph is run again, it goes on with that.

    Look where the effect would show before, and that no process is still at it: nobody has a lease here.

    Args:
        saver, thread_id, key: which effect.
        outcome: "happened"; "retry", so that it is done again; or "give up", so that its task fails.
        value: what it returned, if it happened.
        task: whose, by LangGraph's id or its beginning, where several tasks have the key.

    Returns it as it is then. Raises EffectError when there is no such effect whose outcome is open, there are several,
    or it is a run's.
    """
    if outcome not in OUTCOMES:
        raise EffectError(f"the outcome of an effect is one of {', '.join(OUTCOMES)}, not {outcome!r}")
    if value is not None and outcome != HAPPENED:
        raise EffectError(f"only what happened has returned something; leave the value out with {outcome!r}")
    return saver.database.write(_settle, saver, thread_id, key, {"outcome": outcome, "value": value}, task)


def settled(entry: Effect, outcome: str, value: Any) -> Effect:
    """An effect of unknown outcome as it is once somebody has said what became of it."""
    if outcome == HAPPENED:
        return replace(entry, state="done", value=value, error="")
    return replace(entry, state="abandoned" if outcome == GIVE_UP else "failed")


def _settle(
    session: Session, saver: "SQLSaver", thread_id: str, key: str, said: dict[str, Any], task: str | None
) -> Effect:
    if not ledger.load(session, saver.codec, thread_id, key=key):
        raise EffectError(f"thread {thread_id!r} has no effect {key!r}")
    enter_thread(session, thread_id, "lead")
    found = [entry for entry in ledger.load(session, saver.codec, thread_id, key=key) if entry.state in OPEN]
    chosen = [entry for entry in found if task is None or entry.scope.startswith(OF_TASK + task)]
    if len(chosen) != 1:
        raise EffectError(_which(key, found))
    if not chosen[0].scope.startswith(OF_TASK):
        raise EffectError(f"effect {key!r} is of run {chosen[0].scope}: resume that with an answer, which is kept")
    entry = settled(chosen[0], **said)
    ledger.store(session, saver.codec, entry)
    return entry


def _which(key: str, found: list[Effect]) -> str:
    if not found:
        return f"the outcome of effect {key!r} is known; there is nothing to say of it"
    return f"effect {key!r}: say whose it is, of these: {', '.join(entry.scope for entry in found)}"
