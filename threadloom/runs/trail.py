"""The path that led to a checkpoint, without the branches that were left."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from threadloom.checkpoints import SQLSaver
from threadloom.runs.consumption import NO_PRICES, total
from threadloom.runs.metering import Prices
from threadloom.runs.timeline import Step, timeline
from threadloom.state.usage import Usage


@dataclass(frozen=True)
class Trail:
    """The steps of the root graph from the first to a checkpoint, and what came of the last one's tasks so far."""

    steps: tuple[Step, ...]

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes that ran, in order, each as often as it did."""
        return tuple(node for step in self.steps for node in step.nodes if not node.startswith("__"))

    @property
    def visits(self) -> Counter[str]:
        """How often each node ran."""
        return Counter(self.nodes)

    @property
    def usage(self) -> Usage:
        """What models took on the way."""
        return total(step.usage for step in self.steps)

    @property
    def checkpoint_ids(self) -> tuple[str, ...]:
        """The checkpoints on the way, oldest first."""
        return tuple(step.checkpoint_id for step in self.steps if step.checkpoint_id)


def trail(saver: SQLSaver, thread_id: str, checkpoint_id: str | None = None, *, prices: Prices = NO_PRICES) -> Trail:
    """How a thread came to a checkpoint, or to where it is now."""
    return Trail(tuple(reversed([*_back(timeline(saver, thread_id, prices=prices), checkpoint_id)])))


def _back(steps: Iterable[Step], wanted: str | None) -> Iterable[Step]:
    """The steps that lead to a checkpoint, newest first, out of all, newest first."""
    latest = wanted is None
    for step in steps:
        if step.checkpoint_id is None:
            if latest and not step.abandoned:
                yield step
        elif wanted is None or step.checkpoint_id == wanted:
            yield step
            wanted, latest = step.parent_id or "", False
