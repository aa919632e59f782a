"""The measuring loop: whoever is compared takes turns, so that a slow minute of the machine hits all alike."""

import random
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Samples = dict[str, list[float]]


@dataclass(frozen=True)
class Figure:
    """One thing measured: its unit and, for each contender by name, the samples (one for what cannot vary)."""

    name: str
    unit: str
    samples: Samples = field(default_factory=dict)

    def median(self, contender: str) -> float | None:
        """The median of a contender's samples; None when it was not measured."""
        samples = self.samples.get(contender)
        return statistics.median(samples) if samples else None


def interleaved(contenders: Mapping[str, Callable[[], float]], rounds: int) -> Samples:
    """What each contender returns, once a round, in a new order every round; the order is the same in every run."""
    samples: Samples = {name: [] for name in contenders}
    order, chance = list(contenders), random.Random(rounds)
    for _ in range(rounds):
        chance.shuffle(order)
        for name in order:
            samples[name].append(contenders[name]())
    return samples


def timed(work: Callable[[], object]) -> Callable[[], float]:
    """A contender that does the work and returns the milliseconds it took."""

    def contender() -> float:
        began = time.perf_counter()
        work()
        return (time.perf_counter() - began) * 1000

    return contender


def merged(parts: list[Samples]) -> Samples:
    """The samples of several rounds of measuring as one."""
    names = {name: None for part in parts for name in part}
    return {name: [sample for part in parts for sample in part.get(name, [])] for name in names}
