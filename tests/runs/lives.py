"""Processes that run graphs and are killed, frozen and followed by others; prints one JSON line for each scenario.

A program of its own, because it forks:

    python -m tests.runs.lives URL FOLDER SCENARIO,… [KILLS FIRST]
"""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from tests.checkpoints.forked import at_once
from tests.crash.death import Death
from tests.crash.matrix import boundaries, forked
from tests.runs.errands import GRAPHS, Witness
from tests.runs.leases import LONG, end_leases
from threadloom.checkpoints.errors import LeaseLostError
from threadloom.runs.run import NOTHING, Outcome
from threadloom.runs.runner import Runner

Facts = dict[str, Any]


class Lives:
    """The lives of runs on one database."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self.witness = Witness(folder)

    def runner(self) -> Runner:
        """As every process has one of its own."""
        return Runner(self.url, {name: partial(made, self.witness) for name, made in GRAPHS.items()}, lease=LONG)

    def alone(self, act: Callable[[Runner], Any]) -> Any:
        """What this comes to in a process of its own."""

        def task(say: Callable[[str], object]) -> None:
            with self.runner() as runner:
                say(json.dumps(act(runner)))

        return json.loads(forked(task)[1])

    def after(self, act: Callable[[Runner], Any]) -> Any:
        """What this comes to in a process of its own, when those before it have been killed."""

        def follow(runner: Runner) -> Any:
            end_leases(runner)
            return act(runner)

        return self.alone(follow)

    def beside(self, act: Callable[[Runner], Any]) -> int:
        """Begin it in a process of its own; its id."""
        pid = os.fork()
        if pid == 0:
            try:
                act(self.runner())
            finally:
                os._exit(1)
        return pid

    def killed(self, act: Callable[[Runner], Any], where: str) -> None:
        """Do it in a process that is killed when it gets there."""
        pid = self.beside(act)
        self.witness.reached(where)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)

    def trip(self, name: str, runner: Runner) -> Facts:
        """Start a trip, or go on with it as a person would who looks at the witness, until it ends; its facts."""
        run, asked = runner.start("trip", {"name": name}, thread_id=name, key=name), 0
        while (status := run.status) not in ("done", "cancelled"):
            if status == "running":
                run.wait(60)
            elif status == "lost":
                recover(runner)
            else:
                pending = run.pending()
                answers = {question.handle: self._answer(question.handle, name) for question in pending}
                run.resume(answers or NOTHING)
                asked += sum(question.kind == "effect" for question in pending)
        told = [line.split()[0] for line in self.witness.told() if line.split()[1] == name]
        return {"state": runner.run(run.id).wait().state, "told": sorted(told), "asked": asked}

    def _answer(self, handle: str, name: str) -> Any:
        if not handle.startswith("effect "):
            return "yes"
        what = handle.removeprefix("effect ")
        happened = any(line.startswith(f"{what} {name} ") for line in self.witness.told())
        return {"outcome": "happened", "value": f"{what} done"} if happened else "retry"


def clock(seconds: int) -> None:
    """Have the clock of this process go wrong: it shows so many seconds since 1970, and goes on from there."""
    real = time.time_ns
    offset = seconds * 10**9 - real()
    time.time_ns = lambda: real() + offset
    time.time = lambda: time.time_ns() / 10**9


def recover(runner: Runner) -> list[Outcome]:
    """Go on with what is lost."""
    return [run.wait(60) for run in runner.recover()]


def anywhere(lives: Lives, most: str, first: str) -> Iterator[Facts]:
    """A trip killed at boundaries of what it stores, and followed by another process."""

    def task(say: Callable[[str], object], at: int) -> None:
        death = Death(say)
        death.watch_calls()
        death.watch_statements()
        with lives.runner() as runner:
            runner.runs()
            death.arm(at)
            lives.trip(f"trip-{at}", runner)
            say(str(death.passed))

    lives.alone(lambda runner: runner.saver.setup())
    _, total = forked(partial(task, at=0))
    for at in boundaries(int(total), int(most), int(first)):
        killed, boundary = forked(partial(task, at=at))
        yield {"at": at, "killed": killed, "boundary": boundary, **lives.after(partial(lives.trip, f"trip-{at}"))}


def frozen(lives: Lives) -> Iterator[Facts]:
    """A process that sleeps longer than its lease and wakes up after another has finished its run; clocks disagree.

    It is frozen while its node is held and none of its threads is in a transaction, so that it has no lock there.
    """

    def sleeper(runner: Runner) -> None:
        clock(4_000_000_000)
        renew, connections, gate = runner._heartbeat._renew, runner.saver.database._connections, threading.Lock()
        transact = connections.run

        def one_by_one(work: Callable[[Any], Any]) -> Any:
            with gate:
                return transact(work)

        connections.run = one_by_one  # type: ignore[method-assign]

        def freeze(*given: Any) -> None:
            if lives.witness.is_reached("node"):
                runner._heartbeat._renew = renew  # type: ignore[method-assign]
                with gate:  # a signal to the process might come when this thread is further on
                    signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
            renew(*given)

        runner._heartbeat._renew = freeze  # type: ignore[method-assign,assignment]
        try:
            runner.start("held", {}, thread_id="t").wait(60)
        except LeaseLostError:
            os._exit(7)

    def taking_over(runner: Runner) -> Facts:
        clock(1_000_000_000)
        [record] = runner.runs(graph="held")
        assert runner.run(record.run_id).status == "lost"
        [outcome] = recover(runner)
        return {"status": outcome.status, "state": outcome.state}

    def stored(runner: Runner) -> list[str]:
        config: Any = {"configurable": {"thread_id": "t"}}
        found = runner.saver.list(config)
        return [f"{c.checkpoint['id']} {len(c.pending_writes or ())}" for c in found] + [
            runner.runs(graph="held")[0].status
        ]

    pid = lives.beside(sleeper)
    assert os.WIFSTOPPED(os.waitpid(pid, os.WUNTRACED)[1])
    lives.witness.let_go("node")
    try:
        facts, before = lives.after(taking_over), lives.alone(stored)
    finally:
        os.kill(pid, signal.SIGCONT)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    yield {**facts, "woken": code, "told": lives.witness.told(), "unchanged": before == lives.alone(stored)}


def poisoned(lives: Lives) -> Iterator[Facts]:
    """A run that kills each process that goes on with it."""
    pid = lives.beside(lambda runner: runner.start("poison", {}).wait(60))
    os.waitpid(pid, 0)
    while (facts := lives.after(_status))[0] == "lost":
        os.waitpid(lives.beside(recover), 0)
    status, error = facts
    yield {"status": status, "error": error, "killed": len(lives.witness.told())}


def _status(runner: Runner) -> tuple[str, str]:
    [record] = runner.runs(graph="poison")
    run = runner.run(record.run_id)
    return run.status, run.record().error


def undone(lives: Lives) -> Iterator[Facts]:
    """A cancelled run whose process is killed while it undoes the second of its effects."""

    def cancelled(runner: Runner) -> None:
        run = runner.start("booked", {"name": str(lives.folder)})
        run.wait(60)
        run.cancel()

    def followed(runner: Runner) -> Facts:
        [record] = runner.runs(graph="booked")
        run = runner.run(record.run_id)
        recover(runner)
        return {"status": run.status, "error": run.record().error}

    lives.killed(cancelled, "undoing")
    yield {**lives.after(followed), "told": lives.witness.told()}


def twice(lives: Lives) -> Iterator[Facts]:
    """Two processes that start something under the same key at the same moment."""

    def start(number: int) -> None:
        with lives.runner() as runner:
            run = runner.start("trip", {"name": "x"}, key="order")
            run.wait(60)
            lives.witness.tell(f"started {run.id}")

    codes = at_once(2, start)
    told = [line.split() for line in lives.witness.told()]
    yield {
        "codes": codes,
        "runs": len({words[1] for words in told if words[0] == "started"}),
        "paid": sum(words[0] == "pay" for words in told),
    }


SCENARIOS: dict[str, Callable[..., Iterator[Facts]]] = {
    "anywhere": anywhere,
    "frozen": frozen,
    "poisoned": poisoned,
    "undone": undone,
    "twice": twice,
}


def main(url: str, folder: str, scenarios: str, *how: str) -> None:
    """Let it happen, and report."""
    for name in scenarios.split(","):
        (Path(folder) / name).mkdir()
        for facts in SCENARIOS[name](Lives(url, Path(folder) / name), *how):
            sys.stdout.write(json.dumps(facts) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
