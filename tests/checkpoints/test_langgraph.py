"""LangGraph's own behaviour on this saver: interrupts, subgraphs, time travel, edits, durability."""

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


class State(TypedDict, total=False):
    log: Annotated[list[str], operator.add]


@pytest.fixture(params=["sync", "async"])
def runner(request: pytest.FixtureRequest) -> Iterator[asyncio.Runner | None]:
    with asyncio.Runner() as loop:
        yield loop if request.param == "async" else None


def _chain(*nodes: Any) -> StateGraph[State]:
    graph = StateGraph(State)
    before = START
    for name, node in nodes:
        graph.add_node(name, node)
        graph.add_edge(before, name)
        before = name
    return graph


def _say(word: str) -> Any:
    return lambda state: {"log": [word]}


def _ask(state: State) -> State:
    return {"log": [interrupt("which?")]}


Durability = Literal["sync", "async", "exit"]


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
def test_an_interrupted_subgraph_resumes(
    saver: SQLSaver, runner: asyncio.Runner | None, durability: Durability
) -> None:
    child = _chain(("before", _say("before")), ("ask", _ask))
    parent = _chain(("start", _say("start")), ("child", child.compile()), ("end", _say("end")))
    graph = Graph(parent.compile(checkpointer=saver), runner)
    paused = graph.invoke({"log": ["in"]}, config(), durability=durability)
    assert [i.value for i in paused["__interrupt__"]] == ["which?"]
    state = graph.get_state(config(), subgraphs=True)
    assert state.next == ("child",)
    assert state.tasks[0].state.next == ("ask",)
    end = graph.invoke(Command(resume="this"), config(), durability=durability)
    # What the subgraph returns, its whole log, is added to the parent's.
    assert end["log"] == ["in", "start", "in", "start", "before", "this", "end"]
    assert graph.get_state(config()).next == ()


def test_a_failed_branch_runs_again(saver: SQLSaver, runner: asyncio.Runner | None) -> None:
    failing = True

    def flaky(state: State) -> State:
        if failing:
            raise RuntimeError("down")
        return {"log": ["flaky"]}

    parallel = StateGraph(State)
    parallel.add_node("steady", _say("steady"))
    parallel.add_node("flaky", flaky)
    parallel.add_edge(START, "steady")
    parallel.add_edge(START, "flaky")
    graph = Graph(parallel.compile(checkpointer=saver), runner)
    with pytest.raises(RuntimeError, match="down"):
        graph.invoke({"log": []}, config())
    errors = {task.name: task.error for task in graph.get_state(config()).tasks}
    assert errors["flaky"] == "RuntimeError('down')"
    failing = False
    assert sorted(graph.invoke(None, config())["log"]) == ["flaky", "steady"]


def test_time_travel_replays_and_forks(saver: SQLSaver, runner: asyncio.Runner | None) -> None:
    graph = Graph(_chain(("a", _say("a")), ("b", _say("b"))).compile(checkpointer=saver), runner)
    graph.invoke({"log": ["in"]}, config())
    history = graph.history(config())
    assert [h.values["log"] for h in history] == [["in", "a", "b"], ["in", "a"], ["in"], []]
    fork = graph.update_state(history[1].config, {"log": ["edited"]})
    assert graph.invoke(None, fork)["log"] == ["in", "a", "edited", "b"]
    assert graph.get_state(history[0].config).values["log"] == ["in", "a", "b"]
    assert graph.invoke(None, history[2].config)["log"] == ["in", "a", "b"]
    assert graph.get_state(config()).values["log"] == ["in", "a", "b"]
    assert [h.metadata["source"] for h in graph.history(config(), filter={"source": "update"})] == ["update"]
    assert len(graph.history(config(), before=history[0].config, limit=2)) == 2


def test_an_edit_before_the_first_run_is_a_thread(saver: SQLSaver, runner: asyncio.Runner | None) -> None:
    graph = Graph(_chain(("a", _say("a")), ("b", _say("b"))).compile(checkpointer=saver), runner)
    graph.update_state(config(), {"log": ["seed"]}, as_node="a")
    assert graph.get_state(config()).next == ("b",)
    assert graph.invoke(None, config())["log"] == ["seed", "b"]


def test_threads_do_not_see_each_other(saver: SQLSaver, runner: asyncio.Runner | None) -> None:
    graph = Graph(_chain(("a", _say("a"))).compile(checkpointer=saver), runner)
    for thread in ("one", "two", "one"):
        graph.invoke({"log": [thread]}, config(thread))
    assert graph.get_state(config("one")).values == {"log": ["one", "a", "one", "a"]}
    assert graph.get_state(config("two")).values == {"log": ["two", "a"]}
