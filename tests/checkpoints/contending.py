"""A program of which several processes write to the same threads; used by `test_one_writer`.

Arguments: database URL, "put" or "run", "sync" or "async", number of processes, how often each of their two workers
writes. Prints `turn word` for every success: of storing a child of the first checkpoint of the thread named as the
turn ("put"), or of running a graph on the thread "t" ("run").
"""

import asyncio
import operator
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any

from langgraph.checkpoint.base import empty_checkpoint
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from tests.checkpoints.chain import config
from tests.checkpoints.forked import at_once
from threadloom.checkpoints import SQLSaver
from threadloom.checkpoints.errors import StaleThreadError

FIRST = "0"
Write = Callable[[int, str], Awaitable[object]]


class State(TypedDict):
    log: Annotated[list[str], operator.add]


def graph(saver: SQLSaver) -> Any:
    built = StateGraph(State)
    built.add_node("a", lambda state: {"log": []})
    built.add_node("b", lambda state: {"log": []})
    built.add_edge(START, "a")
    built.add_edge("a", "b")
    return built.compile(checkpointer=saver)


async def _run(saver: SQLSaver, side: str, turn: int, word: str) -> None:
    compiled, given = graph(saver), {"log": [word]}
    durability = ("sync", "async", "exit")[turn % 3]
    if side == "async":
        await compiled.ainvoke(given, config("t"), durability=durability)
    else:
        await asyncio.to_thread(compiled.invoke, given, config("t"), durability=durability)


async def _put(saver: SQLSaver, side: str, turn: int, word: str) -> None:
    new: Any = {"x": saver.get_next_version(None, None)}
    checkpoint: Any = empty_checkpoint() | {"channel_values": {"x": word}, "channel_versions": new}
    given: Any = (config(str(turn), checkpoint_id=FIRST), checkpoint, {"source": "loop", "step": 1}, new)
    if side == "async":
        await saver.aput(*given)
    else:
        await asyncio.to_thread(saver.put, *given)


async def _work(write: Write, turns: int, who: str) -> None:
    for turn in range(turns):
        word = f"{who}-{turn}"
        try:
            await write(turn, word)
        except StaleThreadError:
            continue
        sys.stdout.write(f"{turn} {word}\n")


async def _two(write: Write, turns: int, number: int) -> None:
    await asyncio.gather(*(_work(write, turns, f"{number}{letter}") for letter in "ab"))
    sys.stdout.flush()


def main(url: str, what: str, side: str, processes: str, turns: str) -> None:
    def work(number: int) -> None:
        with SQLSaver(url) as saver:
            write = partial({"put": _put, "run": _run}[what], saver, side)
            asyncio.run(_two(write, int(turns), number))

    sys.exit(any(at_once(int(processes), work)))


if __name__ == "__main__":
    main(*sys.argv[1:])
