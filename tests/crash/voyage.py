"""A graph with all that a run can be in the middle of: a fan-out, a subgraph, a question, a loop, a long list."""

from operator import add
from typing import Annotated, Any

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langgraph.graph import START, StateGraph, add_messages
from langgraph.types import Send, interrupt
from typing_extensions import TypedDict

PORTS = ("Acre", "Bari", "Cork")


class Voyage(TypedDict, total=False):
    """The state of the whole."""

    name: str
    messages: Annotated[list[AnyMessage], add_messages]
    visited: Annotated[list[str], add]
    rounds: int
    permit: str
    ended: bool


class Customs(TypedDict, total=False):
    """The state of the subgraph."""

    permit: str
    visited: Annotated[list[str], add]
    papers: Annotated[list[str], add]


START_INPUT: Voyage = {
    "name": "voyage",
    "messages": [HumanMessage(f"Log entry {n}. " * 12, id=f"log-{n}") for n in range(60)],
}


def _sail(state: Voyage) -> Voyage:
    number = state.get("rounds", 0) + 1
    said = AIMessage(f"Round {number} begins after {len(state['messages'])} entries. " * 8, id=f"round-{number}")
    # The last entry is corrected in place: a long list does not only grow.
    corrected = HumanMessage(f"Corrected in round {number}. " * 12, id="log-59")
    return {"rounds": number, "messages": [corrected, said]}


def _ports(state: Voyage) -> list[Send]:
    return [Send("visit", {"name": port, "rounds": state["rounds"]}) for port in PORTS]


def _visit(state: Voyage) -> Voyage:
    name = f"{state['name']} {state['rounds']}"
    return {"visited": [name], "messages": [AIMessage(f"Called at {name}. " * 20, id=name)]}


def _meet(state: Voyage) -> Voyage:
    return {}


def _again(state: Voyage) -> str:
    return "sail" if state["rounds"] < 2 else "customs"


def _declare(state: Customs) -> Customs:
    return {"papers": ["declared " * 60]}


def _ask(state: Customs) -> Customs:
    answer = interrupt({"question": "May we land?", "papers": len(state["papers"])})
    return {"permit": str(answer), "visited": ["customs"]}


def _land(state: Voyage) -> Voyage:
    said = AIMessage(f"Landed, {state['permit']}, with {len(state['messages'])} entries.", id="landed")
    return {"ended": True, "messages": [said]}


def built() -> StateGraph[Any, Any, Any, Any]:
    """The graph, to be compiled with a saver."""
    customs = StateGraph(Customs)
    customs.add_node("declare", _declare)
    customs.add_node("ask", _ask)
    customs.add_edge(START, "declare")
    customs.add_edge("declare", "ask")
    voyage = StateGraph(Voyage)
    voyage.add_node("sail", _sail)
    voyage.add_node("visit", _visit)
    voyage.add_node("meet", _meet)
    voyage.add_node("customs", customs.compile())
    voyage.add_node("land", _land)
    voyage.add_edge(START, "sail")
    voyage.add_conditional_edges("sail", _ports, ["visit"])
    voyage.add_edge("visit", "meet")
    voyage.add_conditional_edges("meet", _again, ["sail", "customs"])
    voyage.add_edge("customs", "land")
    return voyage
