"""Kills a research run at every write boundary and resumes it; prints one JSON line for every kill.

Run as a program of its own, because it forks: `python crash_matrix.py FOLDER first|second|review`.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from langgraph.types import Command

from threadloom.checkpoints import SQLSaver
from threadloom.graphs.research import build
from threadloom.models.roles import Models
from threadloom.threads import config_for, describe
from threadloom.tools.library.source import LibrarySource

QUESTION = "Do transformers need recurrence to translate well?"
EARLIER = "What does a black hole look like?"
ANSWERS = {"papers": {"drop": []}, "report": {"approve": True}}
FLEETING = ("started_at", "finished_at", "markdown", "coverage")


class Deadly(SQLSaver):
    """Dies at its n-th write, before or after it."""

    writes = 0
    dies_at = 0
    after = False

    def put(self, *args: Any, **kwargs: Any) -> Any:
        return self._dying(super().put, *args, **kwargs)

    def put_writes(self, *args: Any, **kwargs: Any) -> Any:
        return self._dying(super().put_writes, *args, **kwargs)

    def _dying(self, write: Any, *args: Any, **kwargs: Any) -> Any:
        self.writes += 1
        dying = self.writes == self.dies_at
        if dying and not self.after:
            os._exit(9)
        result = write(*args, **kwargs)
        if dying:
            os._exit(9)
        return result


def life(url: str, question: str, review: bool, dies_at: int = 0, after: bool = False) -> int:
    """One process that starts the run, or goes on with it, until it ends, pauses or dies; returns its writes."""
    with Deadly(url) as saver:
        saver.dies_at, saver.after = dies_at, after
        graph = build(models=Models(), sources=[LibrarySource()]).compile(checkpointer=saver)
        thread = describe(saver, "t") if saver.get_tuple(config_for("t")) else None
        given: Any = {"question": question, "review": review}
        if thread and thread.values.get("question") == question:
            kind = thread.pending[0]["kind"] if thread.pending else ""
            given = Command(resume={thread.pending[0]["id"]: ANSWERS[kind]}) if kind else None
        graph.invoke(given, config_for("t", "research"), durability="sync")
        return saver.writes


def forked(*args: Any) -> int:
    pid = os.fork()
    if pid == 0:
        os._exit(0 if life(*args) else 1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def finished(url: str, question: str) -> dict[str, Any] | None:
    """The final state of the question, or None while there is work to do."""
    with SQLSaver(url) as saver:
        thread = describe(saver, "t") if saver.get_tuple(config_for("t")) else None
    if thread is None or thread.status != "done" or thread.values["question"] != question:
        return None
    return {key: value for key, value in thread.values.items() if key not in FLEETING}


def to_the_end(url: str, review: bool, dies_at: int = 0, after: bool = False) -> tuple[bool, dict[str, Any]]:
    """Live as often as it takes, dying once; whether it died, and the final state."""
    died = forked(url, QUESTION, review, dies_at, after) == 9
    for _ in range(6):
        if (state := finished(url, QUESTION)) is not None:
            return died, state
        died = forked(url, QUESTION, review, 0 if died else dies_at, after) == 9 or died
    raise RuntimeError("the run does not come to its end")


def main(folder: Path, case: str) -> None:
    def fresh(name: str) -> str:
        url = f"sqlite:///{folder / name}.db"
        if case == "second":
            forked(url, EARLIER, False)
        return url

    review = case == "review"
    _, undisturbed = to_the_end(fresh("undisturbed"), review)
    for after in (False, True):
        died, dies_at = True, 0
        while died:
            dies_at += 1
            died, state = to_the_end(fresh(f"{dies_at}-{after}"), review, dies_at, after)
            different = [key for key in undisturbed if state.get(key) != undisturbed[key]]
            kill = {"dies_at": dies_at, "after": after, "died": died, "different": different}
            sys.stdout.write(json.dumps(kill) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
