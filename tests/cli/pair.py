"""A graph that works for a while, and then asks two things at once; tests put it into the catalogue."""

import threading
from typing import Any

from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict

from threadloom.runs.question import Policy

GO = threading.Event()
GO.set()
REACHED = threading.Event()


class State(TypedDict, total=False):
    what: str
    pay: str
    when: str
    finished_at: str | None


def work(_: State) -> State:
    REACHED.set()
    assert GO.wait(60)
    return {}


def pay(_: State) -> State:
    return {"pay": interrupt({"prompt": "Pay?", "policy": Policy(needed=2, of=("ann", "bob")).asked()})}


def when(_: State) -> State:
    return {"when": interrupt("When?")}


def build() -> Any:
    graph: Any = StateGraph(State)
    graph.add_node("work", work).add_node("pay", pay).add_node("when", when)
    graph.add_node("end", lambda _: {"finished_at": "now"})
    graph.add_edge(START, "work").add_edge("work", "pay").add_edge("work", "when").add_edge(["pay", "when"], "end")
    return graph
