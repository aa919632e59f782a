"""A graph of a user's own whose nodes ask models, fail, ask people and call a subgraph."""

import operator
from typing import Annotated, Any

from langchain_core.messages import AIMessage, AnyMessage
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Send, interrupt
from typing_extensions import TypedDict

from threadloom.checkpoints import SQLSaver

FAILING: set[str] = set()
"""What fails while it is in here."""


class State(TypedDict, total=False):
    messages: Annotated[list[AnyMessage], add_messages]
    notes: Annotated[list[str], operator.add]
    topic: str


def answer(text: str, read: int, written: int) -> AIMessage:
    """As a model gives it, its tokens counted."""
    usage = {"input_tokens": read, "output_tokens": written, "total_tokens": read + written}
    return AIMessage(text, usage_metadata=usage, response_metadata={"model_name": "m"})


PRICES = {"m": (1000.0, 2000.0)}


def _draft(state: State) -> dict[str, Any]:
    return {"messages": [answer(f"draft of {state['topic']}", 10, 5)], "notes": ["drafted"]}


def _check(state: State) -> dict[str, Any]:
    if state["topic"] in FAILING:
        raise RuntimeError(f"cannot check {state['topic']}")
    return {"notes": ["checked"]}


def _look(state: Any) -> dict[str, Any]:
    return {"notes": [f"looked at {state['part']}"], "messages": [answer("looked", 1, 1)]}  # both say the same


def _think(state: State) -> dict[str, Any]:
    return {"messages": [answer(f"thought about {state['topic']}", 100, 50)]}


def _ask(state: State) -> dict[str, Any]:
    if "?" not in state["topic"]:
        return {}
    return {"messages": [("user", interrupt({"question": state["topic"]}))]}


def build() -> StateGraph[Any]:
    inner = StateGraph(State).add_node("think", _think).add_node("ask", _ask)
    inner.add_edge(START, "think").add_edge("think", "ask")
    outer = StateGraph(State)
    outer.add_node("draft", _draft).add_node("check", _check).add_node("look", _look)
    outer.add_node("deeper", inner.compile())
    outer.add_edge(START, "draft").add_edge("draft", "check")
    outer.add_conditional_edges("check", lambda _: [Send("look", {"part": part}) for part in "ab"], ["look"])
    outer.add_edge("look", "deeper").add_edge("deeper", END)
    return outer


def compiled(saver: SQLSaver) -> Any:
    return build().compile(checkpointer=saver)
