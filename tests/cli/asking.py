"""A graph that asks a person for one answer of a shape and says what it was given; tests put it into the catalogue."""

import json
from typing import Any, NotRequired

from langgraph.graph import END, START, StateGraph
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from threadloom.nodes.question import ask_person
from threadloom.state.answers import ANSWERS


class Given(BaseModel):
    """What it is given: everything that the command line has options for."""

    kind: str = Field(description="Which question to ask")
    tags: list[str] = []
    loud: bool = True
    most: int = 3
    extra: dict[str, int] | None = None
    details: dict[str, Any] = {}


class State(TypedDict):
    """The input, and the answer in the end."""

    kind: str
    tags: list[str]
    loud: bool
    most: int
    extra: dict[str, int] | None
    details: dict[str, Any]
    refused: NotRequired[str]
    answer: NotRequired[str]
    finished_at: NotRequired[str | None]


def ask(state: State) -> dict[str, Any]:
    kind = state["kind"]
    if kind not in ANSWERS:
        return {"answer": json.dumps({key: state.get(key) for key in Given.model_fields}), "finished_at": "now"}
    try:
        answer = ask_person(
            ANSWERS[kind], kind, f"A {kind}?", state.get("refused", ""), {}, ids=["a"], details=state["details"]
        )
    except ValueError as error:
        return {"refused": str(error)}
    return {"answer": answer.model_dump_json(exclude_defaults=True), "refused": "", "finished_at": "now"}


def build() -> Any:
    graph = StateGraph(State, input_schema=Given)
    graph.add_node("ask", ask)
    graph.add_edge(START, "ask")
    graph.add_conditional_edges("ask", lambda state: "ask" if state.get("refused") else END, ["ask", END])
    return graph
