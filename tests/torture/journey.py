"""The graph that is tortured: ten steps with effects, branches abreast, a subgraph, and two questions."""

import operator
from itertools import pairwise
from typing import Annotated, Any

from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict

from tests.runs.errands import Witness
from threadloom import effect

EFFECTS = ("reserve", "left", "middle", "right", "charge", "insure", "ship")
QUESTIONS = ("Go on?", "Insure it?")


class State(TypedDict, total=False):
    name: str
    log: Annotated[list[str], operator.add]


def done(what: str, answer: str = "") -> str:
    """What a step leaves in the log."""
    return f"{what} {answer}".strip()


def expected(name: str) -> dict[str, Any]:
    """The final state of a journey, the log sorted: branches end in any order."""
    plain = [done(what) for what in ("begin", *EFFECTS, "join", "end")]
    return {"name": name, "log": sorted([*plain, *(done("answered", question.upper()) for question in QUESTIONS)])}


def journey(witness: Witness) -> Any:
    """The graph; its effects are told to the witness with their idempotency keys."""

    def act(what: str) -> Any:
        def node(state: State) -> State:
            return {"log": [effect(what, lambda key: _told(witness, what, state, key))]}

        return node

    def act_async(what: str) -> Any:
        async def node(state: State) -> State:
            async def fn(key: str) -> str:
                return _told(witness, what, state, key)

            return {"log": [await effect(what, fn)]}

        return node

    def ask(question: str) -> Any:
        return lambda state: {"log": [done("answered", interrupt(question))]}

    inner = StateGraph(State, output_schema=Log)
    inner.add_node("ask", ask(QUESTIONS[1]))
    inner.add_node("insure", act_async("insure"))
    inner.add_edge(START, "ask")
    inner.add_edge("ask", "insure")
    inside = inner.compile()

    async def go_inside(state: State) -> Any:
        return await inside.ainvoke({"name": state["name"], "log": []})

    built = StateGraph(State)
    built.add_node("begin", lambda state: {"log": [done("begin")]})
    built.add_node("reserve", act("reserve"))
    built.add_node("left", act("left"))
    built.add_node("middle", act_async("middle"))
    built.add_node("right", act("right"))
    built.add_node("join", lambda state: {"log": [done("join")]})
    built.add_node("ask", ask(QUESTIONS[0]))
    built.add_node("charge", act("charge"))
    built.add_node("inner", go_inside)
    built.add_node("ship", act_async("ship"))
    built.add_node("end", lambda state: {"log": [done("end")]})
    path = [START, "begin", "reserve", "left", "join", "ask", "charge", "inner", "ship", "end"]
    for before, after in pairwise(path):
        built.add_edge(before, after)
    for branch in ("middle", "right"):
        built.add_edge("reserve", branch)
        built.add_edge(branch, "join")
    return built


class Log(TypedDict):
    """What the subgraph gives to the graph."""

    log: Annotated[list[str], operator.add]


def _told(witness: Witness, what: str, state: State, key: str) -> str:
    witness.tell(f"{what} {state['name']} {key}")
    return done(what)
