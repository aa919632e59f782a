"""Kills a run at its boundaries, one after another, and brings it to its end; prints one JSON line for every kill.

A program of its own, because it forks:

    python -m tests.crash.matrix URL WORKLOAD sync|async DURABILITY MOST [FIRST]

MOST is how many kills to try in each part of a run (a part ends where the run pauses for an answer), spread evenly from
the boundary FIRST; 0 is all of them: the first of every name, the second, …, since in which order a run with event
loops passes them is chance. Every run has a thread of its own in the one database.
"""

import asyncio
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import RunnableConfig

from tests.crash.death import Death
from tests.crash.workloads import WORKLOADS, Workload
from threadloom.checkpoints import SQLSaver

MOST_LIVES = 8


@dataclass(frozen=True)
class Run:
    """One run of a workload on a thread of its own."""

    work: Workload
    url: str
    thread: str
    side: str
    durability: str

    @property
    def config(self) -> RunnableConfig:
        """LangGraph's config of the thread."""
        return {"configurable": {"thread_id": self.thread}, "metadata": self.work.metadata}

    def live(self) -> None:
        """Start the run, answer it or go on with it, until it ends or pauses, in a saver that knows nothing yet."""
        with SQLSaver(self.url) as saver:
            graph = self.work.compiled(saver)
            self._invoke(graph, self.work.given(graph.get_state(self.config)))

    def end(self) -> dict[str, Any] | None:
        """The final state; None as long as there is work to do."""
        with SQLSaver(self.url) as saver:
            return self.work.end(saver, self.config)

    def to_the_end(self) -> dict[str, Any] | None:
        """Live until it is reached."""
        for _ in range(MOST_LIVES):
            if (state := self.end()) is not None:
                return state
            self.live()
        return None

    def _invoke(self, graph: Any, given: Any) -> None:
        options: dict[str, Any] = {"durability": self.durability}
        if self.side == "async":
            asyncio.run(graph.ainvoke(given, self.config, **options))
        else:
            graph.invoke(given, self.config, **options)


def forked(task: Callable[[Callable[[str], object]], object]) -> tuple[bool, str]:
    """Do something in a child that is handed a way to speak; whether it was killed, and what it said."""
    ears, mouth = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(ears)
        try:
            task(lambda words: os.write(mouth, words.encode()))
        except BaseException:  # noqa: BLE001  # a child of a fork returns to nobody
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    os.close(mouth)
    with os.fdopen(ears) as heard:
        words = heard.read()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status not in (0, -signal.SIGKILL):
        raise RuntimeError(f"a child ended with {status}")
    return status != 0, words


def part(run: Run, number: int, at: int, name: str = "") -> tuple[bool, str]:
    """One part of a run, killed at a boundary of a name; whether it was, or else how many of each name it passed."""

    def task(say: Callable[[str], object]) -> None:
        death = Death(say)
        death.watch_calls()
        if run.work.every_statement:
            death.watch_statements()
        if run.work.earlier is not None:
            Run(run.work.earlier, run.url, run.thread, run.side, run.durability).to_the_end()
        for _ in range(number):
            run.live()
        death.arm(at, name)
        run.live()
        say(json.dumps(death.names))

    return forked(task)


def to_the_end(run: Run) -> dict[str, Any]:
    """Bring a run to its end in a new process; its final state."""
    _, said = forked(lambda say: say(json.dumps(run.to_the_end(), default=lambda other: other.model_dump())))
    state: dict[str, Any] | None = json.loads(said)
    return state if state is not None else {"the end": "was not reached"}


def boundaries(total: int, most: int, first: int) -> Iterator[int]:
    """Which ones to be killed at."""
    if most:
        yield from range(1 + first % max(total // most, 1), total + 1, max(total // most, 1))
    else:
        yield from range(1, total + 1)


def _set_up(url: str) -> None:
    with SQLSaver(url) as saver:
        saver.setup()


def main(url: str, workload: str, side: str, durability: str, most: str, first: str = "0") -> None:
    """Kill, resume, compare, report."""

    def run(name: str) -> Run:
        return Run(WORKLOADS[workload], url, f"{durability}-{name}", side, durability)

    forked(lambda _: _set_up(url))
    for number in range(run("").work.pauses + 1):
        undisturbed = run(f"{number}-undisturbed")
        _, passed = part(undisturbed, number, at=0)
        expected = to_the_end(undisturbed)
        every = [(at, name) for name, count in json.loads(passed).items() for at in range(1, count + 1)]
        for which in boundaries(len(every), int(most), int(first)):
            at, name = every[which - 1]
            mortal = run(f"{number}-{which}")
            killed, _ = part(mortal, number, at, name)
            state = to_the_end(mortal)
            different = sorted(key for key in expected.keys() | state.keys() if state.get(key) != expected.get(key))
            kill = {"part": number, "at": at, "killed": killed, "boundary": name, "different": different}
            sys.stdout.write(json.dumps(kill) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
