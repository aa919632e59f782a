"""Of two runs at once on one thread, one is told that it came too late; time travel is none of that."""

import asyncio
import operator
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import pytest
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

from tests.checkpoints.chain import config, put
from tests.checkpoints.sides import Graph
from threadloom.checkpoints import SQLSaver
from threadloom.checkpoints.errors import InvalidRequestError, StaleThreadError

Durability = Literal["sync", "async", "exit"]
DURABILITIES: list[Durability] = ["sync", "async", "exit"]


class State(TypedDict, total=False):
    log: Annotated[list[str], operator.add]


@pytest.fixture(params=["sync", "async"])
def runner(request: pytest.FixtureRequest) -> Iterator[asyncio.Runner | None]:
    with asyncio.Runner() as loop:
        yield loop if request.param == "async" else None


def _graph(saver: SQLSaver, runner: asyncio.Runner | None, meanwhile: Any = None) -> Graph:
    """A graph whose node "b", when told to, lets something happen before it returns."""

    def b(state: State) -> State:
        if meanwhile and "slow" in state["log"][-2:]:
            meanwhile()
        return {"log": ["b"]}

    graph = StateGraph(State)
    graph.add_node("a", lambda state: {"log": ["a"]})
    graph.add_node("b", b)
    graph.add_edge(START, "a")
    graph.add_edge("a", "b")
    return Graph(graph.compile(checkpointer=saver), runner)


@pytest.mark.parametrize("durability", DURABILITIES)
@pytest.mark.parametrize("new", [True, False])
def test_a_run_that_was_overtaken_is_refused(
    new_url: str, runner: asyncio.Runner | None, durability: Durability, new: bool
) -> None:
    with SQLSaver(new_url) as one, SQLSaver(new_url) as other:
        quick = _graph(other, None)
        if not new:
            quick.invoke({"log": ["before"]}, config())
        slow = _graph(one, runner, lambda: quick.invoke({"log": ["quick"]}, config()))
        with pytest.raises(StaleThreadError, match="thread 't': this run went on from") as refused:
            slow.invoke({"log": ["slow"]}, config(), durability=durability)
        assert (refused.value.thread_id, refused.value.ns) == ("t", "")
        if durability != "async":  # there the slow one may store what it did before after the quick one began
            latest = quick.get_state(config())
            assert refused.value.head_id == latest.config["configurable"]["checkpoint_id"]
            assert latest.values["log"][-3:] == ["quick", "a", "b"]
        assert slow.invoke({"log": ["again"]}, config())["log"][-3:] == ["again", "a", "b"]


def test_the_later_run_wins_if_allowed(new_url: str, runner: asyncio.Runner | None) -> None:
    with SQLSaver(new_url, on_conflict="allow") as saver:
        quick = _graph(saver, None)
        slow = _graph(saver, runner, lambda: quick.invoke({"log": ["quick"]}, config()))
        assert slow.invoke({"log": ["slow"]}, config())["log"] == ["slow", "a", "b"]
    with pytest.raises(InvalidRequestError, match="refuse, allow"):
        SQLSaver(new_url, on_conflict="maybe")  # type: ignore[arg-type]


@pytest.mark.parametrize("durability", DURABILITIES)
def test_time_travel_is_legal(saver: SQLSaver, runner: asyncio.Runner | None, durability: Durability) -> None:
    graph = _graph(saver, runner)
    graph.invoke({"log": ["in"]}, config())
    for snapshot in graph.history(config()):
        for update in (None, {"log": ["other"]}):
            graph.invoke(update, snapshot.config, durability=durability)
    assert graph.invoke({"log": ["more"]}, config(), durability=durability)["log"][-3:] == ["more", "a", "b"]


def test_naming_a_checkpoint_frees_one_run_only(saver: SQLSaver) -> None:
    quick = _graph(saver, None)
    quick.invoke({"log": ["in"]}, config())
    named = quick.get_state(config()).config

    def overtake() -> None:
        quick.invoke({"log": ["quick"]}, config())
        for _ in range(3):
            quick.get_state(named)  # looking at it does not free the run that is about to store

    slow = _graph(saver, None, overtake)
    quick.invoke({"log": ["from there"]}, named)
    for durability in ("sync", "exit"):
        named = quick.get_state(config()).config
        quick.get_state(named)
        with pytest.raises(StaleThreadError):
            slow.invoke({"log": ["slow"]}, config(), durability=durability)


def test_a_program_without_a_graph_is_guarded_too(saver: SQLSaver) -> None:
    first = put(saver, config(), {"x": 1}, source="loop")
    head = put(saver, first, {"x": 2}, source="loop")
    with pytest.raises(StaleThreadError) as refused:
        put(saver, first, {"x": 3}, source="loop")
    ids = [at["configurable"]["checkpoint_id"] for at in (first, head)]
    assert [refused.value.parent_id, refused.value.head_id] == ids
    assert saver.get_tuple(first)
    put(saver, first, {"x": 3}, source="loop")
    with pytest.raises(StaleThreadError):
        put(saver, first, {"x": 4}, source="loop")
    put(saver, config(), {"x": 0}, source="loop")  # a history may be written in any order


@pytest.mark.parametrize("durability", DURABILITIES)
def test_what_langgraph_does_by_itself_is_legal(
    new_url: str, runner: asyncio.Runner | None, durability: Durability
) -> None:
    """Two processes (two savers stand for them) take turns; failures, jumps, edits, deletions in between."""
    down = True

    def jump(state: State) -> Command[Literal["end"]]:
        if down:
            raise RuntimeError("down")
        return Command(goto="end", update={"log": ["jump"]})

    def build(saver: SQLSaver) -> Graph:
        memory = StateGraph(State)
        memory.add_node("remember", lambda state: {"log": ["remember"]})
        memory.add_edge(START, "remember")
        graph = StateGraph(State)
        graph.add_node("memory", memory.compile(checkpointer=True))
        graph.add_node("jump", jump)
        graph.add_node("end", lambda state: {"log": [interrupt("?")]})
        graph.add_edge(START, "memory")
        graph.add_edge("memory", "jump")
        return Graph(graph.compile(checkpointer=saver), runner)

    with SQLSaver(new_url) as first, SQLSaver(new_url) as second:
        one, two = build(first), build(second)
        for _ in range(2):
            down = True
            with pytest.raises(RuntimeError, match="down"):
                one.invoke({"log": ["in"]}, config(), durability=durability)
            down = False
            again = two.invoke({"log": ["retry"]}, config(), durability=durability)
            assert [i.value for i in again["__interrupt__"]] == ["?"]
            assert one.invoke(Command(resume="yes"), config(), durability=durability)["log"][-1] == "yes"
            two.update_state(config(), {"log": ["edit"]}, as_node="jump")
            for snapshot in one.history(config())[::2]:
                two.invoke({"log": ["fork"]}, snapshot.config, durability=durability)
                one.invoke(Command(resume="on"), config(), durability=durability)
            second.delete_thread("t")


@pytest.mark.parametrize("durability", DURABILITIES)
def test_an_interrupted_subgraph_goes_on(
    saver: SQLSaver, runner: asyncio.Runner | None, durability: Durability
) -> None:
    child = StateGraph(State)
    child.add_node("ask", lambda state: {"log": [interrupt("?"), interrupt("??")]})
    child.add_edge(START, "ask")
    parent = StateGraph(State)
    parent.add_node("child", child.compile())
    parent.add_edge(START, "child")
    graph = Graph(parent.compile(checkpointer=saver), runner)
    graph.invoke({"log": ["in"]}, config(), durability=durability)
    for answer in ("x", "y"):
        end = graph.invoke(Command(resume=answer), config(), durability=durability)
    assert end["log"][-2:] == ["x", "y"]
