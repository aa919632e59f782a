"""Kills a run that replays at boundaries of what it stores, and has another process go on with it.

A program of its own, because it forks: python -m tests.runs.replaying URL SERVER MOST

SERVER is where the models are. Prints one JSON line with the state of the run that is forked, and one for every kill.
"""

import json
import sys
from collections.abc import Callable
from functools import partial

from tests.crash.death import Death
from tests.crash.matrix import boundaries, forked
from tests.runs.asked import graph, planned
from tests.runs.leases import LONG, end_leases
from threadloom.runs.run import Run
from threadloom.runs.runner import Runner

Say = Callable[[str], object]


def main(url: str, server: str, most: str) -> None:
    """Run, and fork as often as there is a boundary."""
    _, state = forked(partial(_begin, url=url, server=server))
    sys.stdout.write(f"{state}\n")
    _, total = forked(partial(_fork, url=url, server=server, at=0))
    for at in boundaries(int(total), int(most), 1):
        killed, boundary = forked(partial(_fork, url=url, server=server, at=at))
        _, facts = forked(partial(_end, url=url, server=server, at=at))
        sys.stdout.write(json.dumps({"killed": killed, "boundary": boundary, **json.loads(facts)}) + "\n")
        sys.stdout.flush()


def _runner(url: str, server: str) -> Runner:
    return Runner(url, {"g": graph(server)}, lease=LONG)


def _begin(say: Say, url: str, server: str) -> None:
    with _runner(url, server) as runner:
        say(json.dumps(runner.start("g", {"topic": "tea"}, thread_id="t").wait(60).state["said"]))


def _forked(runner: Runner, thread_id: str) -> Run:
    origin = planned(runner.saver, "t")
    return runner.fork("g", "t", origin, {"topic": "milk"}, as_node="plan", to=thread_id, replay=True)


def _fork(say: Say, url: str, server: str, at: int) -> None:
    death = Death(say)
    death.watch_calls()
    death.watch_statements()
    with _runner(url, server) as runner:
        runner.runs()
        death.arm(at)
        _forked(runner, f"f{at}").wait(60)
        say(str(death.passed))


def _end(say: Say, url: str, server: str, at: int) -> None:
    """Go on with what was begun; a fork that has no run yet is left, and made anew."""
    with _runner(url, server) as runner:
        end_leases(runner)
        found = runner.runs(thread_id=f"f{at}")
        run = runner.run(found[0].run_id) if found else _forked(runner, f"f{at} again")
        for one in runner.recover():
            one.wait(60)
        say(json.dumps({"said": run.wait(60).state["said"], "calls": run.calls(), "replayed": _replayed(run)}))


def _replayed(run: Run) -> bool:
    return "replay" in run.record().details


if __name__ == "__main__":
    main(*sys.argv[1:])
