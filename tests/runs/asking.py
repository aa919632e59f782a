"""Graphs that ask: side by side, one after the other, in subgraphs and in what was sent."""

import operator
from typing import Annotated, Any

from langgraph.graph import START, StateGraph
from langgraph.types import Send, interrupt
from pydantic import BaseModel, field_validator
from typing_extensions import TypedDict


class State(TypedDict, total=False):
    asks: list[Any]
    got: Annotated[list[Any], operator.add]


class Number(BaseModel):
    """An answer that LangGraph checks itself, in one thing more strictly than its schema."""

    number: int

    @field_validator("number")
    @classmethod
    def _even(cls, number: int) -> int:
        if number % 2:
            raise ValueError("odd numbers do not fit")
        return number


TROUBLE: set[str] = set()
"""Nodes that fail after they have asked."""


def _failing(name: str) -> None:
    if name in TROUBLE:
        raise RuntimeError(f"{name} fails")


def one(state: State) -> State:
    """Asks what it is told to; what is a list, one after the other."""
    return {"got": [[interrupt(ask) for ask in state["asks"]]]}


def twice(_: State) -> State:
    found = [interrupt("first?"), interrupt("second?")]
    _failing("twice")
    return {"got": [found]}


def later(_: State) -> State:
    _failing("later")
    return {}


def number(_: State) -> State:
    answer = interrupt("how many?", response_schema=Number)
    return {"got": [answer.number]}


def choose(state: State) -> State:
    return {"got": [interrupt(state["asks"][0], response_schema={"enum": ["yes", "no"]})]}


def choosing() -> Any:
    return StateGraph(State).add_node("choose", choose).add_edge(START, "choose")


def simple() -> Any:
    return StateGraph(State).add_node("one", one).add_edge(START, "one")


def checking() -> Any:
    built: Any = StateGraph(State)
    return built.add_node("number", number).add_edge(START, "number")


def many() -> Any:
    """In one super-step: two that ask twice, a subgraph in a subgraph, and a node that asks after its subgraph did."""
    leaf: Any = StateGraph(State)
    leaf.add_node("one", one).add_node("later", later)
    leaf.add_edge(START, "one").add_edge("one", "later")
    deep: Any = StateGraph(State)
    deep.add_node("leaf", leaf.compile()).add_edge(START, "leaf")
    inner = simple().compile()

    def after(state: State) -> State:
        return {"got": [inner.invoke(state)["got"][-1], interrupt("after?")]}

    built: Any = StateGraph(State)
    built.add_node("twice", twice).add_node("deep", deep.compile()).add_node("after", after)
    sent = [Send("twice", {}), Send("twice", {}), Send("deep", {"asks": ["deep?"]}), Send("after", {"asks": ["in?"]})]
    return built.add_conditional_edges(START, lambda _: sent, ["twice", "deep", "after"])
