"""Undoing effects when a run is cancelled: what was done last is undone first, each once, and what fails is told."""

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from threadloom.checkpoints.dialects.generic import first_line
from threadloom.runs import ledger
from threadloom.runs.ledger import Effect

if TYPE_CHECKING:
    from threadloom.checkpoints import SQLSaver

F = TypeVar("F", bound=Callable[[Any], Any])

_KNOWN: dict[str, Callable[[Any], Any]] = {}


def compensation(fn: F) -> F:
    """Register a function that undoes an effect, so that another process finds it by its name later.

    It is called with the effect's result, and may be a coroutine function. Only what is registered is ever called: a
    name in the database is no reason to import anything.
    """
    _KNOWN[_name(fn)] = fn
    return fn


def name_of(fn: Callable[[Any], Any]) -> str:
    """The name under which it is registered; raises ValueError when it is not."""
    name = _name(fn)
    if _KNOWN.get(name) is not fn:
        raise ValueError(f"{name} is not registered; put @compensation above it, at the top level of its module")
    return name


async def undo(saver: "SQLSaver", thread_id: str, scope: str, fence: int) -> list[Effect]:
    """Undo the effects of a run that can be undone, the last one first; returns what became of each.

    One that could not be undone is `not undone`, with the reason, and stops nothing; it is tried again when this is
    called again. One whose undoing was begun by a process that is gone stays `undoing`, and is never undone again:
    whether it was is not known. Those of which it is not known whether they happened are returned as they are.
    """
    codec, database = saver.codec, saver.database
    found = await database.offload(database.read, ledger.load, codec, thread_id, scope)
    told = []
    for entry in reversed(found):
        if can_be_undone(entry) or (entry.state == "undoing" and not entry.error):
            ended = await _undo(saver, entry, fence)
            await database.awrite(ledger.store, codec, ended, fence=fence)
            told.append(ended)
        else:
            told.append(entry)
    return told


def can_be_undone(entry: Effect) -> bool:
    """Whether something undoes it, and may be called: it has been done, and its result could be kept."""
    is_kept = entry.state == "done" and not entry.error
    return bool(entry.compensation) and (is_kept or entry.state == "not undone")


async def _undo(saver: "SQLSaver", entry: Effect, fence: int) -> Effect:
    if entry.state == "undoing":
        return replace(entry, error="undoing it was begun before; whether it was undone is unknown")
    if (fn := _KNOWN.get(entry.compensation)) is None:
        return replace(entry, state="not undone", error=f"{entry.compensation} is not registered in this process")
    begun = replace(entry, state="undoing", error="")
    await saver.database.awrite(ledger.store, saver.codec, begun, fence=fence)
    try:
        if inspect.isawaitable(answer := await saver.database.offload(fn, entry.value)):
            await answer
    except Exception as error:  # noqa: BLE001  # the others are to be undone all the same
        return replace(entry, state="not undone", error=first_line(error))
    return replace(entry, state="undone", error="")


def _name(fn: Callable[[Any], Any]) -> str:
    return f"{fn.__module__}:{fn.__qualname__}"
