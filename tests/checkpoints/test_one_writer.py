"""Several processes, each with two workers, on one thread: who is not refused has lost nothing."""

from collections import Counter

import pytest

from tests.checkpoints.chain import config, put
from tests.checkpoints.contending import FIRST, graph
from tests.programs import Program
from threadloom.checkpoints import SQLSaver


def _contend(program: Program, url: str, what: str, side: str, turns: int) -> list[str]:
    """What the workers say that they stored."""
    done = program("-m", "tests.checkpoints.contending", url, what, side, "3", f"{turns}")
    assert (done.stderr, done.returncode) == ("", 0)
    return done.stdout.splitlines()


@pytest.mark.parametrize("side", ["sync", "async"])
def test_of_all_who_go_on_from_one_checkpoint_one_succeeds(program: Program, new_url: str, side: str) -> None:
    threads = [f"{number}" for number in range(20)]
    with SQLSaver(new_url) as saver:
        for thread in threads:
            put(saver, config(thread), {}, checkpoint_id=FIRST)
        successes = _contend(program, new_url, "put", side, len(threads))
        stored = {thread: [t.checkpoint["channel_values"] for t in saver.list(config(thread))] for thread in threads}
    winners = dict(line.split() for line in successes)
    assert len(successes) == len(threads)
    assert stored == {thread: [{"x": winners[thread]}, {}] for thread in threads}


@pytest.mark.parametrize("side", ["sync", "async"])
def test_what_a_run_that_succeeded_was_given_is_in_the_state_once(program: Program, new_url: str, side: str) -> None:
    successes = _contend(program, new_url, "run", side, 9)
    with SQLSaver(new_url) as saver:
        times = Counter(graph(saver).get_state(config("t")).values["log"])
    assert successes
    assert {line.split()[1] for line in successes} <= times.keys()
    assert set(times.values()) == {1}
