"""A program to be killed: a graph that counts to ten with a side record of what ran; used by `test_faults`.

Arguments: database URL, thread, the number of the storage call at which to die, and whether before or after it.
"""

import itertools
import os
import signal
import sys
from typing import Annotated, Any

from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from threadloom.checkpoints import SQLSaver


def _append(old: list[int], new: list[int]) -> list[int]:
    return old + new


class State(TypedDict):
    count: int
    seen: Annotated[list[int], _append]


def _step(state: State) -> dict[str, Any]:
    return {"count": state["count"] + 1, "seen": [state["count"]]}


def _even(state: State) -> dict[str, Any]:
    return {"seen": [-state["count"]]}


def _route(state: State) -> str:
    return "step" if state["count"] < 5 else "__end__"


def graph(saver: SQLSaver) -> Any:
    built = StateGraph(State)
    built.add_node("step", _step)
    built.add_node("even", _even)
    built.add_edge(START, "step")
    built.add_edge("step", "even")
    built.add_conditional_edges("even", _route, ["step", "__end__"])
    return built.compile(checkpointer=saver)


class Mortal(SQLSaver):
    """A saver that kills its process at the n-th call that stores something."""

    def __init__(self, url: str, death: int, moment: str) -> None:
        super().__init__(url)
        self._death, self._moment = death, moment
        self._calls = itertools.count(1)

    def put(self, *args: Any, **kwargs: Any) -> Any:
        return self._maybe_die(super().put, *args, **kwargs)

    def put_writes(self, *args: Any, **kwargs: Any) -> Any:
        return self._maybe_die(super().put_writes, *args, **kwargs)

    def _maybe_die(self, call: Any, *args: Any, **kwargs: Any) -> Any:
        last = next(self._calls) == self._death
        if last and self._moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = call(*args, **kwargs)
        if last:
            os.kill(os.getpid(), signal.SIGKILL)
        return result


def main(url: str, thread: str, death: str, moment: str) -> None:
    with Mortal(url, int(death), moment) as saver:
        graph(saver).invoke({"count": 0}, {"configurable": {"thread_id": thread}})


if __name__ == "__main__":
    main(*sys.argv[1:])
