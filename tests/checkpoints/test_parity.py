"""Any sequence of runs, answers, edits and forks reads back as it does from InMemorySaver."""

import asyncio
import operator
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import EmptyInputError
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Command, Send, interrupt
from typing_extensions import TypedDict

from tests.checkpoints.sides import Graph
from threadloom.checkpoints import Encryption, SQLSaver

CONFIG: Any = {"configurable": {"thread_id": "t"}}


class State(TypedDict):
    text: str
    notes: Annotated[list[Any], operator.add]
    messages: Annotated[list[AnyMessage], add_messages]


def _first(state: State) -> dict[str, Any]:
    if "boom" in state.get("text", ""):
        raise RuntimeError(state["text"])
    return {"notes": ["first"], "messages": [AIMessage("seen " + state.get("text", ""), id="seen")]}


def _spread(state: State) -> Sequence[Send]:
    return [Send("branch", {"text": f"{state.get('text', '')}{n}"}) for n in range(2)]


def _branch(state: State) -> dict[str, Any]:
    return {"notes": [state["text"]]}


def _ask(state: State) -> dict[str, Any]:
    return {"notes": [interrupt("more?")]} if "ask" in state.get("text", "") else {}


def _again(state: State) -> Literal["child", "__end__"]:
    return "child" if len(state["notes"]) % 2 else "__end__"


def _graph() -> StateGraph[State]:
    child = StateGraph(State)
    child.add_node("ask", _ask)
    child.add_edge(START, "ask")
    graph = StateGraph(State)
    graph.add_node("first", _first)
    graph.add_node("branch", _branch)
    graph.add_node("child", child.compile())
    graph.add_edge(START, "first")
    graph.add_conditional_edges("first", _spread, ["branch"])
    graph.add_edge("branch", "child")
    graph.add_conditional_edges("child", _again, {"child": END, "__end__": END})
    return graph


TEXTS = st.sampled_from(["plain", "ask", "boom", "ünïcode 🧵", "nul\0", ""])
STEPS = st.one_of(
    st.tuples(st.just("run"), TEXTS, st.sampled_from(["sync", "async", "exit"])),
    st.tuples(st.just("answer"), st.one_of(TEXTS, st.integers(-(2**63), 2**64 - 1), st.lists(st.binary(max_size=3)))),
    st.tuples(st.just("edit"), TEXTS, st.integers(0, 6)),
    st.tuples(st.just("fork"), st.integers(0, 6)),
)


def _apply(graph: Graph, step: tuple[Any, ...]) -> str | None:
    """Do one step; returns the error it ended with."""
    past = graph.history(CONFIG)
    try:
        match step:
            case ("run", text, durability):
                graph.invoke({"text": text, "messages": [HumanMessage(text, id="h")]}, CONFIG, durability=durability)
            case ("answer", value):
                graph.invoke(Command(resume=value), CONFIG)
            case ("edit", text, back) if past:
                graph.update_state(past[back % len(past)].config, {"text": text, "notes": [text]}, as_node="first")
            case ("fork", back) if past:
                graph.invoke(None, past[back % len(past)].config)
    except (RuntimeError, EmptyInputError) as exc:
        return repr(exc)
    return None


def _seen(graph: Graph) -> list[Any]:
    """The history without what differs between two runs of the same steps: ids and times."""
    past = graph.history(CONFIG)
    ids = {snapshot.config["configurable"]["checkpoint_id"]: place for place, snapshot in enumerate(past)}
    return [
        (
            snapshot.values,
            snapshot.next,
            {key: snapshot.metadata[key] for key in ("source", "step")},
            snapshot.parent_config and ids[snapshot.parent_config["configurable"]["checkpoint_id"]],
            [(t.name, t.path, t.error, [i.value for i in t.interrupts], t.result) for t in snapshot.tasks],
        )
        for snapshot in past
    ]


@pytest.mark.parametrize("side", ["sync", "async"])
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(STEPS, min_size=1, max_size=6))
def test_reads_back_like_the_saver_in_memory(
    empty_url: Callable[[], str], encryption: Encryption | None, side: str, steps: list[tuple[Any, ...]]
) -> None:
    with SQLSaver(empty_url(), encryption=encryption) as saver, asyncio.Runner() as loop:
        runner = loop if side == "async" else None
        graphs = [Graph(_graph().compile(checkpointer=s), runner) for s in (saver, InMemorySaver())]
        for step in steps:
            assert _apply(graphs[0], step) == _apply(graphs[1], step)
        ours, theirs = map(_seen, graphs)
        assert ours == theirs
        assert graphs[0].get_state(CONFIG).values == graphs[1].get_state(CONFIG).values
