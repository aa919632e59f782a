"""Kills a process at every boundary of creating the tables; prints how many there are.

A program of its own, because it forks: python -m tests.crash.setting_up URL
"""

import sys
from collections.abc import Callable
from functools import partial

from tests.checkpoints.chain import TABLES, config, put
from tests.crash.death import Death
from tests.crash.matrix import forked
from threadloom.checkpoints import SQLSaver


def main(url: str) -> None:
    """Kill, set up again, store, and begin anew without tables, until one survives."""

    def set_up(say: Callable[[str], object], at: int) -> None:
        death = Death(say)
        death.watch_statements()
        with SQLSaver(url) as saver:
            death.arm(at)
            saver.setup()

    def use(say: Callable[[str], object]) -> None:
        with SQLSaver(url) as saver:
            put(saver, config(), {"a": ["value " * 500]})
            found = saver.get_tuple(config())
            assert found
            assert found.checkpoint["channel_values"] == {"a": ["value " * 500]}
            saver._database.write(lambda session: TABLES.schema.metadata.drop_all(session.connection))

    killed, at = True, 0
    while killed:
        at += 1
        killed, _ = forked(partial(set_up, at=at))
        forked(use)
    sys.stdout.write(f"{at - 1}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
