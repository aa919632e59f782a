"""Lets workers run journeys and kills or freezes them at random; prints a report as JSON.

A program of its own, because it forks:

    python -m tests.torture.ordeal URL FOLDER SEED RUNS WORKERS
"""

import json
import os
import random
import signal
import sys
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

from tests.crash.matrix import forked
from tests.runs.errands import Witness
from tests.torture.journey import EFFECTS, expected, journey
from tests.torture.worker import LEASE, Worker, skewed
from threadloom.checkpoints import SQLSaver
from threadloom.runs.runner import Runner

SKEW = 86_400.0  # seconds by which clocks are wrong, at most
BETWEEN = 0.8  # seconds between two blows, on average
LONGEST = 1_800.0  # seconds until it is given up


class Ordeal:
    """What is done to the workers."""

    def __init__(self, url: str, folder: Path, seed: int, runs: int, workers: int) -> None:
        self.url, self.witness, self.chance = url, Witness(folder), random.Random(seed)
        self.names = [f"run-{number}" for number in range(runs)]
        self.blows: Counter[str] = Counter()
        self._home = folder / "go home"
        self._awake = [self._worker() for _ in range(workers)]
        self._asleep: list[tuple[float, int]] = []

    def pass_by(self) -> None:
        """Until all journeys have ended."""
        until = time.monotonic() + LONGEST
        while not self.witness.told():  # the first blow comes when there is something to hit
            time.sleep(0.01)
        self._strike(self._awake.pop())
        while not self._home.exists() and time.monotonic() < until:
            time.sleep(self.chance.expovariate(1 / BETWEEN))
            self._wake()
            if self._awake and not self._home.exists():
                self._strike(self._awake.pop(self.chance.randrange(len(self._awake))))
        for _, pid in self._asleep:
            os.kill(pid, signal.SIGCONT)
        for pid in [*self._awake, *(pid for _, pid in self._asleep)]:
            os.kill(pid, signal.SIGKILL)  # what it has to say has been stored
            os.waitpid(pid, 0)

    def _strike(self, pid: int) -> None:
        if self.chance.random() < 0.6:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            self.blows["kills"] += 1
            self._awake.append(self._worker())
        else:
            os.kill(pid, signal.SIGSTOP)
            self.blows["freezes"] += 1
            self._asleep.append((time.monotonic() + self.chance.uniform(0.5, 3 * LEASE), pid))

    def _wake(self) -> None:
        for item in [item for item in self._asleep if item[0] < time.monotonic()]:
            os.kill(item[1], signal.SIGCONT)
            self._asleep.remove(item)
            self._awake.append(item[1])

    def _worker(self) -> int:
        seed, skew = self.chance.random(), self.chance.uniform(-SKEW, SKEW)
        pid = os.fork()
        if pid == 0:
            try:
                skewed(skew)
                Worker(self.url, self.witness, self.names, random.Random(seed)).work()
                time.sleep(LONGEST)  # until it is killed
            except BaseException as error:  # noqa: BLE001  # a child of a fork returns to nobody
                self.witness.tell(f"broken {type(error).__name__} {error}".replace("\n", " "))
                traceback.print_exc()
            finally:
                os._exit(1)
        return pid


def report(url: str, ordeal: Ordeal) -> dict[str, Any]:
    """How it ended: what is wrong, which should be nothing, and what happened."""
    told = [line.split() for line in ordeal.witness.told()]
    happened = Counter((words[1], words[0]) for words in told if words[0] in EFFECTS)
    keys = {words[2] for words in told if words[0] in EFFECTS}
    asked = {(words[1], words[2]) for words in told if words[0] == "asked"}
    events = Counter(words[0] for words in told if words[0] not in EFFECTS)
    ends = json.loads(forked(lambda say: say(json.dumps(_ends(url))))[1])
    everything = {(name, what) for name in ordeal.names for what in EFFECTS}
    return {
        "wrong ends": {name: ends.get(name) for name in ordeal.names if ends.get(name) != ["done", expected(name)]},
        "never happened": sorted(everything - happened.keys()),
        "repeated unasked": sorted(place for place, times in happened.items() if times > 1 and place not in asked),
        "broken": [" ".join(words) for words in told if words[0] == "broken" or is_fault(words)],
        "idempotency keys": len(keys) == len(everything),
        "runs": len(ordeal.names),
        "effects": len(everything),
        **ordeal.blows,
        "takeovers": events["recovered"],
        "given up and resumed": events["failed"],
        "asked about effects": events["asked"],
        "repeated after asking": sum(times - 1 for times in happened.values()),
    }


def is_fault(words: list[str]) -> bool:
    """Whether a run failed by other things than kills: one that is killed too often in one place is failed, rightly."""
    return words[0] == "failed" and words[2] != "recovered"


def _ends(url: str) -> dict[str, Any]:
    ends = {}
    with Runner(url, {"journey": lambda: journey(Witness(Path()))}) as runner:
        for record in runner.runs(limit=None):
            state = runner.outcome(record).state
            ends[record.thread_id] = [record.status, state | {"log": sorted(state.get("log", ()))}]
        problems = [str(problem) for problem in runner.saver.verify() if "no use" not in str(problem)]
    return ends | ({"verify": problems} if problems else {})


def _set_up(url: str) -> None:
    with SQLSaver(url) as saver:
        saver.setup()


def main(url: str, folder: str, seed: str, runs: str, workers: str) -> None:
    """Let it happen, and report."""
    forked(lambda _: _set_up(url))
    began = time.monotonic()
    ordeal = Ordeal(url, Path(folder), int(seed), int(runs), int(workers))
    ordeal.pass_by()
    took = time.monotonic() - began
    sys.stdout.write(json.dumps({**report(url, ordeal), "seconds": round(took)}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
