"""Of two runs at once on one thread, one is told that it came too late; time travel is none of that."""

import asyncio
import operator
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import pytest
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

from tests.checkpoints.chain import config
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
    url: str, runner: asyncio.Runner | None, durability: Durability, new: bool
) -> None:
    with SQLSaver(url) as one, SQLSaver(url) as other:
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


def test_the_later_run_wins_if_allowed(url: str, runner: asyncio.Runner | None) -> None:
    with SQLSaver(url, on_conflict="allow") as saver:
        quick = _graph(saver, None)
        slow = _graph(saver, runner, lambda: quick.invoke({"log": ["quick"]}, config()))
        assert slow.invoke({"log": ["slow"]}, config())["log"] == ["slow", "a", "b"]
    with pytest.raises(InvalidRequestError, match="refuse, allow"):
        SQLSaver(url, on_conflict="maybe")  # type: ignore[arg-type]


@pytest.mark.parametrize("durability", DURABILITIES)
def test_time_travel_is_legal(saver: SQLSaver, runner: asyncio.Runner | None, durability: Durability) -> None:
    graph = _graph(saver, runner)
    graph.invoke({"log": ["in"]}, config())
    for snapshot in graph.history(config()):
        for update in (None, {"log": ["other"]}):
            graph.invoke(update, snapshot.config, durability=durability)
    assert graph.invoke({"log": ["more"]}, config(), durability=durability)["log"][-3:] == ["more", "a", "b"]


def test_naming_a_checkpoint_frees_one_run_only(url: str) -> None:
    with SQLSaver(url) as saver:
        quick = _graph(saver, None)
        quick.invoke({"log": ["in"]}, config())
        named = quick.get_state(config()).config
        slow = _graph(saver, None, lambda: quick.invoke({"log": ["quick"]}, config()))
        quick.invoke({"log": ["from there"]}, named)
        with pytest.raises(StaleThreadError):
            slow.invoke({"log": ["slow"]}, config())


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
