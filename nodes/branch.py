"""A branch of a fan-out: asks one source, for as long as it may, and reports what it found or why it found nothing.

Its work is synchronous, like every node, and runs in a thread of its own, so that one that hangs can be left behind.
Waiting for it has two shells: `ainvoke` must not hold a thread of the event loop's pool for every branch.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from threading import Event
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.tools import ToolException
from langgraph.errors import GraphBubbleUp

from threadloom.nodes.emit import emit
from threadloom.nodes.race import Leg, NotNeededError, Race, Races
from threadloom.nodes.within import TooSlowError, begun, too_slow
from threadloom.state.parallel import Missing, ParallelState, Part, Why
from threadloom.state.usage import Usage
from threadloom.tools.answer import MOST, capped
from threadloom.tools.text import clipped, text

SECONDS = 20.0
MOST_REASON = 300


class UnavailableError(Exception):
    """A branch cannot be asked here; the message is one line that says what it needs."""


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


Work = Callable[[str, Event], Found | str]
"""From the question to what was found. The event is set when nobody waits any more: long work looks at it now and then.

Raises UnavailableError if the source is not there; any other exception is a failure of this branch alone.
"""


@dataclass(frozen=True)
class Branch:
    """One of the things that are done at once, by a name, within so many seconds. Raises ValueError."""

    name: str
    work: Work
    deadline: float = SECONDS

    def __post_init__(self) -> None:
        if not 0 < self.deadline < inf:
            raise ValueError(f"branch {self.name}: a deadline is a number of seconds above 0, not {self.deadline}")


_WHYS: Mapping[type[Exception], Why] = {
    TooSlowError: "timed out",
    UnavailableError: "not available",
    NotNeededError: "not needed",
    Exception: "failed",
}


class RunBranch(Runnable[ParallelState, dict[str, Any]]):
    """The node of a branch: adds it to `parts` or to `missing`, and tells the others.

    Not a RunnableLambda: LangGraph traces its nodes anyway, and a second trace costs as much as the rest of a step.
    """

    def __init__(self, branch: Branch, races: Races) -> None:
        self.name = branch.name
        self._branch, self._races = branch, races

    def invoke(self, input: ParallelState, config: RunnableConfig | None = None, **_: Any) -> dict[str, Any]:  # noqa: A002, ARG002 - as in Runnable
        """Wait for the branch in the thread of its task."""
        race = self._races.of(input["run"])
        leg = _start(self._branch, input["question"], race)
        with suppress(TimeoutError):
            leg.outcome.exception(self._branch.deadline)
        return _ended(self._branch, leg, race)

    async def ainvoke(self, input: ParallelState, config: RunnableConfig | None = None, **_: Any) -> dict[str, Any]:  # noqa: A002, ARG002 - as in Runnable
        """Wait for the branch without a thread."""
        race = self._races.of(input["run"])
        leg = _start(self._branch, input["question"], race)
        arrival = asyncio.gather(asyncio.wrap_future(leg.outcome), return_exceptions=True)
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(arrival, self._branch.deadline)
        except asyncio.CancelledError:
            leg.stop.set()
            raise
        return _ended(self._branch, leg, race)


def _start(branch: Branch, question: str, race: Race) -> Leg:
    leg = Leg(branch.name)
    race.enter(leg)
    if not leg.stop.is_set():
        emit("branch_started", branch=branch.name)
        begun(lambda: _checked(branch.work(question, leg.stop)), leg.outcome)
    return leg


def _checked(found: Found | str) -> Found:
    """What can be stored: bounded text and plain JSON. Raises TypeError, ValueError for anything else."""
    found = Found(found) if isinstance(found, str) else found
    kept = json.dumps([found.sources, dict(found.facts)], allow_nan=False) if found.sources or found.facts else ""
    if len(kept) > MOST:
        raise ValueError(f"its sources and facts take {len(kept):,} characters; at most {MOST:,} are kept")
    return found


def _ended(branch: Branch, leg: Leg, race: Race) -> dict[str, Any]:
    """The update of the state; raises what is not the branch's to keep, such as a question to a person."""
    leg.stop.set()
    try:
        if not leg.outcome.done() or leg.outcome.cancelled():
            raise too_slow(branch.deadline)
        found: Found = leg.outcome.result()
    except GraphBubbleUp:
        raise
    except Exception as error:  # noqa: BLE001 - a branch that fails is a fact to report, the others go on
        missing = _missing(branch, error, leg.seconds())
        race.settle(branch.name, found=False)
        emit("branch_ended", **missing)
        return {"missing": {branch.name: missing}}
    race.settle(branch.name, found=True)
    emit("branch_ended", branch=branch.name, why="", seconds=leg.seconds())
    return {
        "parts": {branch.name: _part(branch, found, leg.seconds())},
        "usage": dict(found.usage),
        "notes": {branch.name: found.note} if found.note else {},
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
