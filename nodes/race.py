"""When a fan-out has what it needs: its branches of one run tell each other, and the losers are told to stop.

It lives in the memory of this process. After a crash the branches that are left begin a new one, and those that had
finished are in the state already.
"""

from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from threading import Event, Lock
from typing import Any, Literal

from threadloom.state.budget import Stopwatch

Policy = Literal["all", "best_effort", "first"] | int
"""How many branches have to find something: all, as many as can, one, or a quorum of so many. All but `best_effort`
stop the rest once there are enough, or can no longer be."""
MOST = 1_000
"""Races that are remembered: of runs that were broken off nobody tells the end."""


def needed(policy: Policy, branches: int) -> int:
    """How many branches have to find something; 0 for as many as can. Raises ValueError for what cannot be met."""
    numbers = {"all": branches, "best_effort": 0, "first": 1}
    if isinstance(policy, str) and policy in numbers:
        return numbers[policy]
    if not isinstance(policy, int) or isinstance(policy, bool):
        raise ValueError(f"policy: {policy!r} is none; it is one of {', '.join(numbers)}, or a number of branches")
    if not 1 <= policy <= branches:
        raise ValueError(f"policy: a quorum of {policy} cannot be had of {branches} branches")
    return policy


class NotNeededError(Exception):
    """The race was decided without this branch; the message says how."""


class Leg:
    """A branch under way: `stop` is set when nobody waits for its `outcome` any more."""

    def __init__(self, branch: str) -> None:
        self.branch = branch
        self.stop = Event()
        self.outcome: Future[Any] = Future()
        self._watch = Stopwatch()

    def seconds(self) -> float:
        """Since its start."""
        return round(self._watch.seconds(), 3)

    def dismiss(self, reason: str) -> None:
        """It is not needed any more, unless it has just come in."""
        self.stop.set()
        with suppress(InvalidStateError):
            self.outcome.set_exception(NotNeededError(reason))


class Race:
    """Of so many branches, so many are needed (0: as many as can)."""

    def __init__(self, branches: int, enough: int) -> None:
        self._branches, self._enough = branches, enough
        self._lock = Lock()
        self._legs: list[Leg] = []
        self._found: set[str] = set()
        self._lost: set[str] = set()
        self._decision = ""

    def enter(self, leg: Leg) -> None:
        """From now on it is dismissed when the race is decided; at once if it is, unless it had a part in that.

        A branch that had, and comes again, was broken off before its part was stored.
        """
        with self._lock:
            self._legs.append(leg)
            if self._decision and leg.branch not in self._found:
                leg.dismiss(self._decision)

    def settle(self, branch: str, *, found: bool) -> None:
        """A branch came in, with something or without."""
        with self._lock:
            (self._found if found else self._lost).add(branch)
            self._decision = self._decision or self._decided()  # by those who came in before: later ones had no part
            if self._decision:
                for leg in self._legs:
                    leg.dismiss(self._decision)

    def _decided(self) -> str:
        if not self._enough:
            return ""
        if len(self._found) >= self._enough:
            return f"enough without it: {', '.join(sorted(self._found))}"
        if len(self._lost - self._found) > self._branches - self._enough:
            return f"too many others gave nothing: {', '.join(sorted(self._lost))}"
        return ""


class Races:
    """The races of one graph by run."""

    def __init__(self, branches: int, enough: int) -> None:
        self._branches, self._enough = branches, enough
        self._lock = Lock()
        self._races: dict[str, Race] = {}

    def of(self, run: str) -> Race:
        """The race of a run, new if this process does not know it."""
        with self._lock:
            race = self._races.setdefault(run, Race(self._branches, self._enough))
            while len(self._races) > MOST:
                del self._races[next(iter(self._races))]
            return race

    def end(self, run: str) -> None:
        """Forget a run."""
        with self._lock:
            self._races.pop(run, None)
