"""Kills an agent's run at every write boundary and resumes it; prints one JSON line for every kill.

Run as a program of its own, because it forks: `python -m tests.graphs.agent_crash FOLDER URL`, URL of a scripted model.
"""

import json
import sys
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.tools import BaseTool, StructuredTool
from langgraph.types import Command

from tests.crash.death import Death
from tests.crash.matrix import forked
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


def life(folder: Path, chat: BaseChatModel, at: int, say: Callable[[str], object]) -> None:
    """One process that starts the run, or goes on with it, until it ends, pauses or dies at a boundary."""
    death = Death(say)
    death.watch_calls()
    with SQLSaver(f"sqlite:///{folder}/db") as saver:
        graph = build(model=chat, tools=tools(folder / "log"), budget=Limits(model_calls=9)).compile(checkpointer=saver)
        state = graph.get_state(THREAD)
        given: Any = None if saver.get_tuple(THREAD) else ASKED
        if state.interrupts:
            given = Command(resume={state.interrupts[0].id: {"action": "approve"}})
        death.arm(at)
        graph.invoke(given, THREAD, durability="sync")


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


def sending_is_recorded(folder: Path) -> bool:
    """Whether the result of the call that sends is stored."""
    with SQLSaver(f"sqlite:///{folder}/db") as saver:
        found = saver.get_tuple(THREAD)
    return found is not None and "name='send'" in repr((found.checkpoint["channel_values"], found.pending_writes))


def to_the_end(
    folder: Path, chat: BaseChatModel, part: int = 0, at: int = 0
) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """Live as often as it takes, dying in one part; where and when, the final state, and what the tools did."""
    folder.mkdir()
    death: dict[str, Any] = {}
    for number in range(6):
        killed, said = forked(partial(life, folder, chat, at if number == part else 0))
        if killed:
            death = {"boundary": said, "recorded": sending_is_recorded(folder)}
        if (state := finished(folder)) is not None:
            return death, state, (folder / "log").read_text().splitlines()
    raise RuntimeError("the run does not come to its end")


def main(folder: Path, url: str) -> None:
    entry = ModelEntry.model_validate({"model": "m", "base_url": url, "api_key": "none"})
    chat = chat_model(entry, max_retries=2)  # once: it reads the certificate store, and connects in its forks only
    _, undisturbed, done = to_the_end(folder / "undisturbed", chat)
    for part in range(2):  # until it asks for approval, and after that
        for at in count(1):
            death, state, log = to_the_end(folder / f"{part}-{at}", chat, part, at)
            if not death:
                break
            different = [key for key in undisturbed if state[key] != undisturbed[key]]
            again = [line for line in dict.fromkeys(log) if log.count(line) > done.count(line)]
            kill = {"part": part, "at": at, **death, "different": different, "again": again}
            sys.stdout.write(json.dumps(kill) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
