"""Kills the process that answers a question at boundary after boundary, and recovers; one JSON line for every kill.

Run as a program of its own, because it forks: `python -m tests.runs.answer_crash FOLDER`.
"""

import json
import sys
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any

from tests.crash.death import Death
from tests.crash.matrix import forked
from tests.runs import asking
from tests.runs.leases import LONG, end_leases
from threadloom.runs.runner import Runner


def opened(folder: str) -> Runner:
    return Runner(f"sqlite:///{folder}/db", {"g": asking.simple}, lease=LONG)


def begin(folder: str, key: str, _say: Callable[[str], object]) -> None:
    with opened(folder) as runner:
        assert runner.start("g", {"asks": ["one?", "two?"]}, key=key).wait(60).status == "waiting"


def answer(folder: str, key: str, at: int, say: Callable[[str], object]) -> None:
    with opened(folder) as runner:
        run = runner.start("g", None, key=key)
        [question] = run.pending()
        death = Death(say)
        death.watch_statements()
        death.arm(at)
        run.resume({question.handle: "yes"}, by="ann").wait(60)


def after(folder: str, key: str, say: Callable[[str], object]) -> None:
    """What is so when whoever answered is gone, and what recovery makes of it."""
    with opened(folder) as runner:
        end_leases(runner)
        run = runner.start("g", None, key=key)
        given = any(event.event == "answered" for event in run.trail())
        lost = run.status
        for recovered in runner.recover():
            recovered.wait(60)
        [question] = run.pending()
        answers = [event.event for event in run.trail()].count("answered")
        end: dict[str, Any] = {"given": given, "was": lost, "asks": question.prompt, "answers": answers}
        if question.prompt == "one?":
            run.resume({question.handle: "yes"}, by="ann").wait(60)
            [question] = run.pending()
        end["got"] = run.resume({question.handle: "no"}).wait(60).state["got"]
        say(json.dumps(end))


def main(folder: str, step: int) -> None:
    """A kill at every `step`th boundary, until there is none any more."""
    for at in count(1, step):
        key = f"run {at}"
        forked(partial(begin, folder, key))
        killed, where = forked(partial(answer, folder, key, at))
        told = json.loads(forked(partial(after, folder, key))[1])
        sys.stdout.write(json.dumps({**told, "killed": killed, "where": where}) + "\n")
        if not killed:
            return


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
