"""A branch of a fan-out: asks one source, for as long as it may, and reports what it found or why it found nothing.

Its work is synchronous, like every node, and runs in a thread of its own, so that one that hangs can be left behind.
Waiting for it has two shells: `ainvoke` must not hold a thread of the event loop's pool for every branch.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from threading import Event
from typing import Any, cast

from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.tools import ToolException
from langgraph.errors import GraphBubbleUp

from threadloom.models.chain import ModelAnswerError
from threadloom.nodes.emit import emit
from threadloom.nodes.race import Leg, NotNeededError, Race, Races
from threadloom.nodes.within import TooSlowError, begun, too_slow
from threadloom.state.budget import Limits, work_until_now
from threadloom.state.choice import Choice
from threadloom.state.parallel import Missing, ParallelState, Part, Why
from threadloom.state.reducers import total_usage
from threadloom.state.usage import Usage
from threadloom.tools.answer import MOST, capped
from threadloom.tools.text import clipped, text

SECONDS = 20.0
MOST_REASON = 300


class UnavailableError(Exception):
    """A branch cannot be asked here; the message is one line that says what it needs."""


class NothingError(Exception):
    """A branch was asked and gave nothing but white space."""


@dataclass(frozen=True)
class Found:
    """What the work of a branch returns; text alone will do."""

    text: str
    sources: list[str] = field(default_factory=list)
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What it claims by name, as plain JSON, to be compared with what other branches claim."""
    usage: Mapping[str, Usage] = field(default_factory=dict)
    note: str = ""
    """Where it was degraded."""
    choices: Sequence[Choice] = ()
    """Which models were asked, and why those: see `Answer.choice`."""
    error: Exception | None = None
    """Why there is nothing after all, although models were asked: raised, it would not say what they used."""


Work = Callable[[str, Event], Found | str]
"""From the question to what was found. The event is set when nobody waits any more: long work looks at it now and then.

Raises UnavailableError if the source is not there; any other exception is a failure of this branch alone.
"""
Asking = Callable[[str, Event, Limits], Found | str]
"""Work that asks models: it is told besides what it may spend, which may be nothing, and spends no more."""


@dataclass(frozen=True)
class Branch:
    """One of the things that are done at once, by a name, within so many seconds. Raises ValueError.

    `role` is that of the models that it asks, if any: then `work` is told its share of the budget. Others reserve none.
    """

    name: str
    work: Work | Asking
    deadline: float = SECONDS
    role: str = ""

    def __post_init__(self) -> None:
        if not 0 < self.deadline < inf:
            raise ValueError(f"branch {self.name}: a deadline is a number of seconds above 0, not {self.deadline}")


_WHYS: Mapping[type[Exception], Why] = {
    TooSlowError: "timed out",
    UnavailableError: "not available",
    NotNeededError: "not needed",
    NothingError: "found nothing",
    Exception: "failed",
}


class RunBranch(Runnable[ParallelState, dict[str, Any]]):
    """The node of a branch: adds it to `parts` or to `missing`, and tells the others.

    Not a RunnableLambda: LangGraph traces its nodes anyway, and a second trace costs as much as the rest of a step.
    """

    def __init__(self, branch: Branch, races: Races, share: Callable[[ParallelState], Limits]) -> None:
        self.name = branch.name
        self._branch, self._races, self._share = branch, races, share

    def invoke(self, input: ParallelState, config: RunnableConfig | None = None, **_: Any) -> dict[str, Any]:  # noqa: A002, ARG002 - as in Runnable
        """Wait for the branch in the thread of its task."""
        race, part = self._races.of(input["run"]), self._share(input)
        leg = _start(self._branch, input["question"], race, part)
        with suppress(TimeoutError):
            leg.outcome.exception(_seconds(self._branch, part))
        return _ended(self._branch, leg, race, part)

    async def ainvoke(self, input: ParallelState, config: RunnableConfig | None = None, **_: Any) -> dict[str, Any]:  # noqa: A002, ARG002 - as in Runnable
        """Wait for the branch without a thread."""
        race, part = self._races.of(input["run"]), self._share(input)
        leg = _start(self._branch, input["question"], race, part)
        arrival = asyncio.gather(asyncio.wrap_future(leg.outcome), return_exceptions=True)
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(arrival, _seconds(self._branch, part))
        except asyncio.CancelledError:
            leg.stop.set()
            raise
        return _ended(self._branch, leg, race, part)


def _start(branch: Branch, question: str, race: Race, part: Limits) -> Leg:
    leg = Leg(branch.name)
    race.enter(leg)
    if not leg.stop.is_set() and _seconds(branch, part) > 0:
        emit("branch_started", branch=branch.name)
        begun(lambda: _checked(branch.name, _worked(branch, question, leg.stop, part)), leg.outcome)
    return leg


def _worked(branch: Branch, question: str, stop: Event, part: Limits) -> Found | str:
    if branch.role:
        return cast("Asking", branch.work)(question, stop, part)
    return cast("Work", branch.work)(question, stop)


def _seconds(branch: Branch, part: Limits) -> float:
    return min(branch.deadline, part.get("seconds", inf))


def _checked(name: str, given: object) -> Found:
    """What can be stored: bounded text and plain JSON. Raises TypeError, ValueError for anything else."""
    found = Found(given) if isinstance(given, str) else given
    if not isinstance(found, Found):
        raise TypeError(f"branch {name} returned {given!r:.60}, neither text nor Found")
    kept = json.dumps([found.sources, dict(found.facts)], allow_nan=False) if found.sources or found.facts else ""
    if len(kept) > MOST:
        raise ValueError(f"its sources and facts take {len(kept):,} characters; at most {MOST:,} are kept")
    return found


def _ended(branch: Branch, leg: Leg, race: Race, part: Limits) -> dict[str, Any]:
    """The update of the state; raises what is not the branch's to keep, such as a question to a person."""
    leg.stop.set()
    found = Found("")
    try:
        if not leg.outcome.done() or leg.outcome.cancelled():
            raise too_slow(_seconds(branch, part))
        found = leg.outcome.result()
        if found.error:
            raise found.error
        if not (found.text.strip() or found.sources or found.facts):
            raise NothingError(found.note or "what it gave is empty")
    except GraphBubbleUp:
        raise
    except Exception as error:  # noqa: BLE001 - a branch that fails is a fact to report, the others go on
        missing = _missing(branch, error, leg.seconds())
        race.settle(branch.name, found=False)
        emit("branch_ended", **missing)
        usage = error.usage if isinstance(error, ModelAnswerError) else found.usage
        return {"missing": {branch.name: missing}, **_spent(usage, found.choices, leg, part)}
    race.settle(branch.name, found=True)
    emit("branch_ended", branch=branch.name, why="", seconds=leg.seconds())
    return {
        "parts": {branch.name: _part(branch, found, leg.seconds())},
        "notes": {branch.name: found.note} if found.note else {},
        **_spent(found.usage, found.choices, leg, part),
    }


def _spent(usage: Mapping[str, Usage], choices: Sequence[Choice], leg: Leg, part: Limits) -> dict[str, Any]:
    """What the branch cost; its work counts only where something is limited, since each write costs time."""
    work = work_until_now(total_usage(usage)["calls"], leg.seconds())
    return {
        **({"usage": dict(usage)} if usage else {}),
        **({"choices": list(choices)} if choices else {}),
        **({"work": work} if part else {}),
    }


def _part(branch: Branch, found: Found, seconds: float) -> Part:
    return Part(
        branch=branch.name,
        text=capped(found.text),
        sources=list(found.sources),
        facts=dict(found.facts),
        seconds=seconds,
    )


def _missing(branch: Branch, error: Exception, seconds: float) -> Missing:
    why: Why = next(why for kind, why in _WHYS.items() if isinstance(error, kind))
    said = clipped(text(str(error)), MOST_REASON)
    known = why != "failed" or isinstance(error, ToolException)
    reason = said if known and said else f"{type(error).__name__}: {said}"
    return Missing(branch=branch.name, why=why, reason=reason, seconds=seconds)
