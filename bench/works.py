"""The kinds of work, by the names of their modules."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType

from bench import (
    agent,
    chat,
    concurrent,
    disk,
    encrypted,
    fan_out,
    files,
    history,
    patterns,
    prune,
    resume,
    runs,
    start_up,
    teams,
    threads,
    wide,
)
from bench.measure import Figure
from bench.peers import Peer
from bench.scale import Scale


@dataclass(frozen=True)
class Work:
    """What is done, in one sentence, and how it is measured."""

    about: str
    measure: Callable[[Sequence[Peer], Scale], Iterator[Figure]]


def _work(module: ModuleType) -> Work:
    return Work(str(module.__doc__), module.measure)


_MODULES = (
    chat,
    disk,
    agent,
    files,
    wide,
    concurrent,
    resume,
    history,
    prune,
    start_up,
    encrypted,
    fan_out,
    patterns,
    teams,
    threads,
    runs,
)
WORKS = {module.__name__.removeprefix("bench."): _work(module) for module in _MODULES}
