"""Kills an agent's run at every write boundary and resumes it; prints one JSON line for every kill.

Run as a program of its own, because it forks: `python -m tests.graphs.agent_crash FOLDER URL`, URL of a scripted model.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from langchain_core.tools import BaseTool, StructuredTool
from langgraph.types import Command

from tests.graphs.crash_matrix import Deadly
from threadloom.checkpoints import SQLSaver
from threadloom.graphs.react import build
from threadloom.models.openai import chat_model
from threadloom.models.settings import ModelEntry
from threadloom.state.budget import Limits
from threadloom.tools.acting import acting

THREAD: Any = {"configurable": {"thread_id": "t"}}
ASKED: Any = {"messages": [{"role": "user", "content": "Look at Lima and Oslo, then tell Ann."}]}


def tools(log: Path) -> list[BaseTool]:
    """What they do is in a file, which no kill takes back."""

    def note(line: str) -> str:
        with log.open("a") as file:
            file.write(f"{line}\n")
        return line

    def look(city: str) -> str:
        """Look at a city."""
        return note(f"look {city}")

    def send(to: str) -> str:
        """Send a message."""
        return note(f"send {to}")

    return [StructuredTool.from_function(look), acting(StructuredTool.from_function(send))]


def life(folder: Path, url: str, dies_at: int = 0, after: bool = False) -> int:
    """One process that starts the run, or goes on with it, until it ends, pauses or dies; returns its writes."""
    entry = ModelEntry.model_validate({"model": "m", "base_url": url, "api_key": "none"})
    with Deadly(f"sqlite:///{folder}/db") as saver:
        saver.dies_at, saver.after = dies_at, after
        chat = chat_model(entry, max_retries=2)
        graph = build(model=chat, tools=tools(folder / "log"), budget=Limits(model_calls=9)).compile(checkpointer=saver)
        state = graph.get_state(THREAD)
        given: Any = None if saver.get_tuple(THREAD) else ASKED
        if state.interrupts:
            given = Command(resume={state.interrupts[0].id: {"action": "approve"}})
        graph.invoke(given, THREAD, durability="sync")
        return saver.writes


def forked(*args: Any) -> int:
    pid = os.fork()
    if pid == 0:
        os._exit(0 if life(*args) else 1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def finished(folder: Path) -> dict[str, Any] | None:
    """What is to be the same at the end, or None while there is work to do."""
    with SQLSaver(f"sqlite:///{folder}/db") as saver:
        found = saver.get_tuple(THREAD)
    values = found.checkpoint["channel_values"] if found else {}
    if not values.get("finished_at") or (found and found.pending_writes):
        return None
    return {
        "said": [(message.type, message.text) for message in values["messages"]],
        "usage": values["usage"],
        "steps": values["work"]["steps"],
        "stopped": values["stopped"],
        "decided": [decision["action"] for decision in values["decisions"].values()],
        "acts": [(act["tool"], act["args"], act["result"]) for act in values["acts"]],
    }


def to_the_end(folder: Path, url: str, dies_at: int = 0, after: bool = False) -> tuple[bool, dict[str, Any], list[str]]:
    """Live as often as it takes, dying once; whether it died, the final state, and what the tools did."""
    folder.mkdir()
    died = False
    for _ in range(6):
        died = forked(folder, url, 0 if died else dies_at, after) == 9 or died
        if (state := finished(folder)) is not None:
            return died, state, (folder / "log").read_text().splitlines()
    raise RuntimeError("the run does not come to its end")


def main(folder: Path, url: str) -> None:
    _, undisturbed, done = to_the_end(folder / "undisturbed", url)
    for after in (False, True):
        died, dies_at = True, 0
        while died:
            dies_at += 1
            died, state, log = to_the_end(folder / f"{after}-{dies_at}", url, dies_at, after)
            different = [key for key in undisturbed if state[key] != undisturbed[key]]
            again = [line for line in dict.fromkeys(log) if log.count(line) > done.count(line)]
            kill = {"dies_at": dies_at, "after": after, "died": died, "different": different, "again": again}
            sys.stdout.write(json.dumps(kill) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
