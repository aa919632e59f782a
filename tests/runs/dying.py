"""Kills a migration at boundaries of what it writes, and ends the run; prints how often it was killed.

A program of its own, because it forks: python -m tests.runs.dying URL EVERY

EVERY is which boundaries: 1 is all of them, 5 every fifth.
"""

import itertools
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from langgraph.checkpoint.memory import InMemorySaver

from tests.crash.death import Death
from tests.crash.matrix import forked
from tests.runs.errand import CONFIG, GIVEN, Names, answered, errand, migrations, outcome, undisturbed, waiting
from threadloom.checkpoints import SQLSaver
from threadloom.runs.migrating import migrate
from threadloom.runs.verdict import judge

AFTER = Names("begin", "approve", "post", "aside", "office", "inner", "finish", "number", str)
Say = Callable[[str], object]


def main(url: str, every: str) -> None:
    """Begin, kill, look, migrate and answer, until a migration survives."""
    expected, killed = undisturbed(AFTER, InMemorySaver()), 0
    for at in itertools.count(1, int(every)):
        forked(partial(_begin, url=url))
        died, _ = forked(partial(_migrate, url=url, at=at))
        forked(partial(_end, url=url, expected=expected))
        if not died:
            break
        killed += 1
    sys.stdout.write(f"{killed}\n")


def _begin(_: Say, url: str) -> None:
    with SQLSaver(url) as saver:
        saver.delete_thread("t")
        errand(Names()).compile(checkpointer=saver).invoke(GIVEN, CONFIG)


def _migrate(say: Say, url: str, at: int) -> None:
    death = Death(say)
    death.watch_calls()
    death.watch_statements()
    with SQLSaver(url) as saver:
        graph = errand(AFTER).compile(checkpointer=saver)
        death.arm(at)
        migrate(saver, graph, "t", migrations(Names(), AFTER))


def _end(_: Say, url: str, expected: dict[str, Any]) -> None:
    """The thread is the old one or the new one, whole; either way it ends as it should."""
    with SQLSaver(url) as saver:
        old, new = (errand(names).compile(checkpointer=saver) for names in (Names(), AFTER))
        assert [judge(saver, graph, "t").resumes for graph in (old, new)] in ([True, False], [False, True])
        migrate(saver, new, "t", migrations(Names(), AFTER))
        answered(new, waiting(new))
        assert outcome(new) == expected
        assert [*saver.verify()] == []


if __name__ == "__main__":
    main(*sys.argv[1:])
