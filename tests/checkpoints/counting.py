"""A graph that counts to five, with a record of what ran."""

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
