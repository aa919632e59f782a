"""What the store sets out to reach, as ratios between figures of one run, and whether it does."""

from collections.abc import Mapping
from dataclasses import dataclass

from bench.chat import TURN
from bench.concurrent import RATE
from bench.disk import DISK
from bench.fan_out import ALLOWED, ASYNC, FAN_OUT, MAY_ADD, SYNC
from bench.history import HISTORY
from bench.measure import Figure
from bench.patterns import BY_HAND, OURS, OVER_HTTP, PATTERNS, STEP
from bench.prune import MEMORY, TIME
from bench.resume import WARM
from bench.runs import BARE, MANAGED, RUN
from bench.runs import STEP as SUPER_STEP
from bench.teams import CALL, CASES


@dataclass(frozen=True)
class Bar:
    """What `ours` has in `figure`, over what `theirs` has in it (or in `base`), is at most, or at least, `limit`."""

    figure: str
    ours: str
    theirs: str
    limit: float
    at_least: bool = False
    base: str = ""

    def ratio(self, figures: Mapping[str, Figure]) -> float | None:
        """The ratio of the medians; None if one of them was not measured."""
        if self.figure not in figures or (self.base or self.figure) not in figures:
            return None
        ours = figures[self.figure].median(self.ours)
        theirs = figures[self.base or self.figure].median(self.theirs)
        return ours / theirs if ours is not None and theirs else None

    def met(self, ratio: float) -> bool:
        """Whether the ratio keeps to the limit."""
        return ratio >= self.limit if self.at_least else ratio <= self.limit


LITE, POSTGRES, MARIA, MEMORY_ = "threadloom sqlite", "threadloom postgres", "threadloom mariadb", "InMemorySaver"
OFFICIAL_LITE, OFFICIAL_POSTGRES = "official sqlite", "official postgres"
LONG, SHORT = TURN.format(1000), TURN.format(20)
_PAIRS = {LITE: OFFICIAL_LITE, POSTGRES: OFFICIAL_POSTGRES}


def _against_official(figure: str, lite: float, postgres: float) -> tuple[Bar, Bar]:
    return Bar(figure, LITE, OFFICIAL_LITE, lite), Bar(figure, POSTGRES, OFFICIAL_POSTGRES, postgres)


BARS = (
    *_against_official(DISK.format(1000), 1 / 100, 1 / 75),
    *(Bar(DISK.format(2000), ours, ours, 2.2, base=DISK.format(1000)) for ours in (LITE, POSTGRES, MARIA)),
    *_against_official(LONG, 0.5, 0.3),
    *(Bar(LONG, ours, MEMORY_, 0.8) for ours in (LITE, POSTGRES)),
    *_against_official(SHORT, 1.0, 1.0),
    *_against_official(WARM.format(1000), 1.1, 0.7),
    *_against_official(HISTORY.format(1000), 0.15, 0.15),
    *(Bar(HISTORY.format(1000), ours, MEMORY_, 0.15) for ours in (LITE, POSTGRES)),
    Bar(RATE.format(64), f"{POSTGRES} async", f"{OFFICIAL_POSTGRES} async", 1.5, at_least=True),
    Bar(RATE.format(64), f"{LITE} async", f"{OFFICIAL_LITE} async", 2.0, at_least=True),
    # Linear: four times the checkpoints, four times the time; flat: the same memory. A quarter is left for noise.
    *(Bar(TIME.format(10_000), ours, ours, 5.0, base=TIME.format(2_500)) for ours in (LITE, POSTGRES, MARIA)),
    *(Bar(MEMORY.format(10_000), ours, ours, 1.25, base=MEMORY.format(2_500)) for ours in (LITE, POSTGRES, MARIA)),
    *(Bar(FAN_OUT.format(branches), ours, ALLOWED, 1.0) for branches in MAY_ADD for ours in (SYNC, ASYNC)),
    *(Bar(STEP.format(name), OURS, BY_HAND, 1.1) for name in (*PATTERNS, OVER_HTTP)),
    *(Bar(CALL.format(name), OURS, BY_HAND, 1.1) for name in CASES),
    *(Bar(name.format(ours), MANAGED, BARE, 1.1) for ours in (LITE, POSTGRES, MARIA) for name in (RUN, SUPER_STEP)),
)
