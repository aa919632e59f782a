"""What a run may spend and what it has spent: plain JSON in the state, so that a resume goes on counting.

Limits form one hierarchy: an agent hands each parallel branch one of the `shares` of what is left before it starts, a
sub-agent takes the `narrower` of that and its own, and everything it used is added to the state of the agent above.

Tokens and dollars are known only after a call: each branch may exceed those two limits by its last call.
"""

from collections.abc import Mapping
from time import monotonic, time
from typing import Literal, NamedTuple, cast, get_args

from typing_extensions import TypedDict

from threadloom.state.reducers import total_usage
from threadloom.state.usage import Usage

Measure = Literal["steps", "model_calls", "tokens", "usd", "seconds"]
MEASURES: tuple[Measure, ...] = get_args(Measure)
NAMES: Mapping[Measure, str] = {
    "steps": "steps",
    "model_calls": "model calls",
    "tokens": "tokens",
    "usd": "USD",
    "seconds": "seconds of work",
}
RESERVE = 0.1
"""Of tokens, dollars and seconds: kept for the last answer, whose cost nobody knows beforehand."""


class Limits(TypedDict, total=False):
    """How much of each may be spent; what is left out is not limited."""

    steps: int
    """Model calls and tool calls together."""
    model_calls: int
    tokens: int
    """In and out, of all models."""
    usd: float
    seconds: float
    """Time spent working: a pause for a person does not count, nor does parallel work twice."""


class Work(TypedDict):
    """What was done, apart from what models used (see Usage): a sum, or what one node adds to it."""

    steps: int
    seconds: float
    since: float
    until: float
    """The latest stretch of work, in seconds since 1970: what overlaps with it was parallel and counts once."""


class Standing(NamedTuple):
    """How a budget stands: `open`; `last`, one answer is left, so no more tools; `over`, and by which limit."""

    phase: Literal["open", "last", "over"]
    reason: str = ""


class Stopwatch:
    """Measures one node's work: `Stopwatch()` at its start, `.work(steps)` at its end."""

    def __init__(self) -> None:
        self._began = monotonic()

    def seconds(self) -> float:
        """Seconds since the start."""
        return monotonic() - self._began

    def work(self, steps: int) -> Work:
        """What the node adds to the state's work."""
        return work_until_now(steps, self.seconds())


def work_until_now(steps: int, seconds: float) -> Work:
    """Work that has just ended and took so many seconds."""
    now = time()
    return Work(steps=steps, seconds=seconds, since=now - seconds, until=now)


def no_work() -> Work:
    """What a run begins with."""
    return Work(steps=0, seconds=0.0, since=0.0, until=0.0)


def add_work(left: Work | None, right: Work | None) -> Work:
    """Reducer: adds steps, and the seconds that were not yet counted, so that parallel branches count once."""
    a, b = left or no_work(), right or no_work()
    both = min(a["until"], b["until"]) - max(a["since"], b["since"])
    stretch = (min(a["since"], b["since"]), max(a["until"], b["until"]))
    if both < 0:  # with a pause between them
        stretch = max((a["since"], a["until"]), (b["since"], b["until"]))
    return Work(
        steps=a["steps"] + b["steps"],
        seconds=a["seconds"] + b["seconds"] - max(both, 0.0),
        since=stretch[0],
        until=stretch[1],
    )


def checked(limits: Mapping[str, object], *, least: float = 1e-9) -> Limits:
    """The limits, if they are some. Raises ValueError with one line for an unknown, non-numeric or too small one."""
    if unknown := sorted(limits.keys() - set(MEASURES)):
        raise ValueError(f"budget: unknown {', '.join(unknown)}; it can limit {', '.join(MEASURES)}")
    for name, value in limits.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"budget: {name} must be a number, not {value!r}")
        if not value >= least:  # so that NaN is refused too
            raise ValueError(f"budget: {name} is {value}, which allows nothing; leave it out for no limit")
        if name not in {"usd", "seconds"} and value != int(value):
            raise ValueError(f"budget: {name} is {value}, but they can only be counted")
    numbers = {name: value if name in {"usd", "seconds"} else int(value) for name, value in limits.items()}  # type: ignore[call-overload]  # a number, as checked above
    return cast("Limits", numbers)


def spent(usage: Mapping[str, Usage], work: Work | None) -> dict[Measure, float | None]:
    """What was used up so far; dollars are None when a price is not known."""
    total, done = total_usage(usage), work or no_work()
    return {
        "steps": done["steps"],
        "model_calls": total["calls"],
        "tokens": total["input_tokens"] + total["output_tokens"],
        "usd": total["cost_usd"],
        "seconds": done["seconds"],
    }


def left(limits: Limits, usage: Mapping[str, Usage], work: Work | None) -> Limits:
    """What may still be spent of each limit, at least 0; nothing when the price of what was used is not known."""
    used = spent(usage, work)
    rest = {name: _rest(limits[name], used[name]) for name in MEASURES if name in limits}
    return cast("Limits", rest)


def standing(limits: Limits, usage: Mapping[str, Usage], work: Work | None) -> Standing:
    """Whether there is room for another call of the model and its tools, for one last answer only, or for nothing."""
    rest = left(limits, usage, work)
    if "usd" in limits and spent(usage, work)["usd"] is None:
        return Standing(
            "over", f"the budget of {limits['usd']:g} USD cannot be kept, the price of a model is not known"
        )
    for name in MEASURES:
        if name in rest and rest[name] <= 0:
            return Standing("over", f"{limit(name, limits)} is used up")
    for name in MEASURES:
        if name in rest and rest[name] < _room(name, limits):
            return Standing("last", f"{limit(name, limits)} is nearly used up")
    return Standing("open")


def limit(name: Measure, limits: Limits) -> str:
    """One of the limits in words."""
    return f"the budget of {limits[name]:g} {NAMES[name]}"


def narrower(own: Limits, given: Limits) -> Limits:
    """Both at once: what a sub-agent with limits of its own may spend of what it is given."""
    both = {
        name: min(part[name] for part in (own, given) if name in part) for name in MEASURES if name in {**own, **given}
    }
    return cast("Limits", both)


def shares(rest: Limits, branches: int) -> list[Limits]:
    """What each of so many parallel branches gets: together never more than `rest`, seconds undivided.

    Calls that do not divide evenly go to the first, so that few calls for many branches are not none for all.
    """
    limited = [name for name in MEASURES if name in rest]
    parts = [
        {name: rest[name] if name == "seconds" else _part(rest[name], branches, at) for name in limited}
        for at in range(branches)
    ]
    return cast("list[Limits]", parts)


def after_answer(rest: Limits) -> Limits:
    """What work may use if an answer is to follow: one model call less, a tenth less of tokens, dollars, seconds."""
    parts = {
        name: max(rest[name] - 1, 0) if name in {"steps", "model_calls"} else _kept(rest[name])
        for name in MEASURES
        if name in rest
    }
    return cast("Limits", parts)


def calls_left(rest: Limits) -> int | None:
    """How many answers of a model `rest` pays for: none where any measure is used up, None where they are unlimited."""
    counted = [rest[name] for name in ("steps", "model_calls") if name in rest]
    gone = any(rest[name] <= 0 for name in MEASURES if name in rest)
    return 0 if gone else min(counted, default=None)


def shortage(rest: Limits) -> str:
    """What `rest` has nothing of, in words; empty where there is something of everything."""
    gone = [NAMES[name] for name in MEASURES if name in rest and rest[name] <= 0]
    return f"the budget left no {gone[0]} for it" if gone else ""


def raised(limits: Limits, more: Limits) -> Limits:
    """The limits after a person allowed that much more; what was not limited stays so."""
    higher = {name: limits[name] + more.get(name, 0) for name in MEASURES if name in limits}
    return cast("Limits", higher)


def _rest(limit: float, used: float | None) -> float:
    return 0.0 if used is None else max(limit - used, 0)


def _room(name: Measure, limits: Limits) -> float:
    """What has to be left for a call of the model, one of a tool, and the answer after it."""
    exact: dict[Measure, float] = {"steps": 3, "model_calls": 2}
    return exact[name] if name in exact else RESERVE * limits[name]


def _part(value: float, branches: int, at: int) -> float:
    return (value + branches - 1 - at) // branches if isinstance(value, int) else value / branches


def _kept(value: float) -> float:
    part = value * (1 - RESERVE)
    return int(part) if isinstance(value, int) else part
