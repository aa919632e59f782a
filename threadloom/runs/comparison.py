"""Two checkpoints of one thread or of two: state, the path taken, and what it cost."""

from dataclasses import dataclass
from itertools import islice

from threadloom.checkpoints import SQLSaver
from threadloom.runs.consumption import NO_PRICES
from threadloom.runs.difference import Change, differences
from threadloom.runs.metering import Prices
from threadloom.runs.plain import plain
from threadloom.runs.snapshot import Snapshot, snapshot
from threadloom.runs.trail import Trail, trail

MOST = 1000  # changes that are kept


@dataclass(frozen=True)
class Comparison:
    """What is different.

    Args:
        before, after: what was compared, and the path to each.
        common: the latest checkpoint that both came through, as a thread and its fork have one.
        state: changes of the state, at most 1,000; and how many there are in all.
        path: changes of the list of nodes that ran.
    """

    before: Snapshot
    after: Snapshot
    path_before: Trail
    path_after: Trail
    common: str | None
    state: tuple[Change, ...]
    changes: int
    path: tuple[Change, ...]

    @property
    def is_empty(self) -> bool:
        """Whether state and path are the same."""
        return not (self.state or self.path)


def compare(
    saver: SQLSaver,
    before: tuple[str, str | None],
    after: tuple[str, str | None],
    *,
    prices: Prices = NO_PRICES,
) -> Comparison:
    """Compare two checkpoints of the root graph, each a thread id and a checkpoint id; None is the latest.

    Raises UsageError when one is not there.
    """
    first, second = (snapshot(saver, *which) for which in (before, after))
    ways = [trail(saver, one.thread_id, one.checkpoint_id, prices=prices) for one in (first, second)]
    passed = set(ways[0].checkpoint_ids)
    common = next((each for each in reversed(ways[1].checkpoint_ids) if each in passed), None)
    found = differences(plain(first.values), plain(second.values))
    state = tuple(islice(found, MOST))
    return Comparison(
        first,
        second,
        ways[0],
        ways[1],
        common,
        state,
        len(state) + sum(1 for _ in found),
        tuple(differences([*ways[0].nodes], [*ways[1].nodes])),
    )
