"""A run from its start to its end, on both sides and every kind of database."""

import asyncio
import operator
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

import pytest
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from sqlalchemy import create_engine
from typing_extensions import TypedDict

from tests.runs.side import Side
from threadloom.checkpoints import SQLSaver, dialects
from threadloom.checkpoints.errors import LeaseLostError, UnsavableValueError
from threadloom.errors import UsageError
from threadloom.runs import ending, entering, lease
from threadloom.runs.errors import (
    AnswerRefusedError,
    NotResumableError,
    RunError,
    ThreadBusyError,
    UnknownGraphError,
    UnknownRunError,
)
from threadloom.runs.runner import Runner


class State(TypedDict, total=False):
    log: Annotated[list[str], operator.add]


class World:
    """What the nodes of these tests have to do with each other: where one waits, and what it does then."""

    def __init__(self) -> None:
        self.reached, self.go = threading.Event(), threading.Event()
        self.before: Callable[[], object] = lambda: None

    def graph(self) -> Any:
        """Three nodes: the first asks, the second waits until it may go on, the third is the end."""
        built = StateGraph(State)
        built.add_node("ask", self._ask)
        built.add_node("work", self._work)
        built.add_node("end", lambda state: {"log": ["end"]})
        built.add_conditional_edges(START, lambda state: "ask" if state["log"][-1] == "ask" else "work")
        built.add_edge("ask", "work")
        built.add_edge("work", "end")
        return built

    def _ask(self, state: State) -> State:
        self.before()
        return {"log": [f"told {interrupt('What?')}"]}

    def _work(self, state: State) -> State:
        self.before()
        self.reached.set()
        assert self.go.wait(60)
        return {"log": ["worked"]}


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    made.go.set()
    yield made
    made.go.set()  # no thread stays behind


@pytest.fixture(params=["sync", "async"])
def side(request: pytest.FixtureRequest, empty_url: Callable[[], str], world: World) -> Iterator[Side]:
    with Runner(empty_url(), {"g": world.graph}, owner="here") as runner:
        if request.param == "sync":
            yield Side(runner, None)
        else:
            with asyncio.Runner() as loop:
                yield Side(runner, loop)


@pytest.fixture
def runner(empty_url: Callable[[], str], world: World) -> Iterator[Runner]:
    with Runner(empty_url(), {"g": world.graph}) as runner:
        yield runner


def test_a_run_is_started_streamed_asked_answered_and_ends(side: Side, world: World) -> None:
    seen = []
    run, outcome = side.ran("g", {"log": ["ask"]}, thread_id="t")
    assert (outcome.status, outcome.state, [q.prompt for q in outcome.pending]) == (
        "waiting",
        {"log": ["ask"]},
        ["What?"],
    )
    assert side.runner.runs() == [run.record()]
    assert run.record().owner is None
    with pytest.raises(AnswerRefusedError, match="waits for an answer"):
        side.resume(run)
    assert run.status == "waiting"

    world.before = lambda: seen.append(run.record())
    side.resume(run, "that", stream_mode="updates")
    assert side.wait(side.runner.run(run.id)).state == {"log": ["ask", "told that", "worked", "end"]}
    assert {(record.status, record.owner) for record in seen} == {("running", "here")}  # while it ran
    ended = run.record()
    assert (ended.status, ended.owner, ended.error) == ("done", None, "")
    assert ended.created <= ended.updated == ended.ended
    with pytest.raises(NotResumableError, match="is done"):
        side.resume(run)
    with pytest.raises(NotResumableError, match="nothing to cancel"):
        run.cancel()

    again = side.start("g", {"log": ["now"]}, thread_id="t", stream_mode=["updates", "values"])
    events = side.events(again)
    assert [data for _, mode, data in events if mode == "updates"] == [
        {"work": {"log": ["worked"]}},
        {"end": {"log": ["end"]}},
    ]
    assert side.wait(again).state["log"][-3:] == ["now", "worked", "end"]
    assert [record.run_id for record in side.runner.runs(thread_id="t")] == [again.id, run.id]


def test_events_are_made_for_who_asks_those_of_subgraphs_too(empty_url: Callable[[], str], world: World) -> None:
    outer = StateGraph(State).add_node("inner", world.graph().compile()).add_edge(START, "inner")
    with Runner(empty_url(), {"outer": outer}) as runner:
        run = runner.start("outer", {"log": ["now"]}, stream_mode="updates")
        events = list(run.stream())
        assert [(len(path), *data) for path, data in events] == [(1, "work"), (1, "end"), (0, "inner")]
        quiet = runner.start("outer", {"log": ["now"]})
        assert quiet.wait(60).state == run.wait(60).state
        with pytest.raises(RunError, match="with stream_mode="):
            next(quiet.stream())


def test_who_has_lost_the_lease_does_not_end_the_run(runner: Runner, world: World) -> None:
    world.go.clear()
    run = runner.start("g", {"log": ["now"]})
    assert world.reached.wait(60)
    before = run.record()
    for status in ("done", "failed"):
        ended: Any = replace(before, status=status)
        with pytest.raises(LeaseLostError):
            runner.saver.database.write(partial(ending.rest, records=runner.records, record=ended, fence=1))
    assert run.record() == before
    world.go.set()
    assert run.wait(60).status == "done"


def test_leases_run_out_on_any_other_database(empty_url: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Its clock is asked each time a statement is sent, also by those that were prepared."""
    monkeypatch.setattr(dialects, "_BY_NAME", {})
    engine = create_engine(
        empty_url().replace("mysql:", "mysql+pymysql:").replace("postgresql:", "postgresql+psycopg:")
    )
    with pytest.warns(UserWarning, match="leases go by the clocks of the machines"):
        saver = SQLSaver(engine)
    with saver:
        take = partial(lease.take, thread_id="t", owner="somebody", length=1)
        first, until = saver.database.write(take), time.monotonic() + 60
        while isinstance(second := saver.database.write(take), lease.Holder) and time.monotonic() < until:
            time.sleep(0.01)
        assert not isinstance(second, lease.Holder)
        assert first != second
    engine.dispose()


def test_the_row_is_there_before_the_first_node_and_a_start_is_known_by_its_key(side: Side, world: World) -> None:
    seen = []
    world.before = lambda: seen.append(side.runner.runs()[0])
    run, _ = side.ran("g", {"log": ["x"]}, key="order-1")
    assert [(record.run_id, record.status, record.input) for record in seen] == [(run.id, "running", {"log": ["x"]})]
    same, outcome = side.ran("g", {"log": ["y"]}, key="order-1")
    assert (same.id, outcome.state) == (run.id, {"log": ["x", "worked", "end"]})
    assert len(seen) == 1
    side.runner._graphs["other"] = world.graph
    with pytest.raises(RunError, match=f"key 'order-1' is that of run {run.id}, of graph 'g'"):
        side.start("other", {"log": ["x"]}, key="order-1")
    numbered, _ = side.ran("g", {"log": ["x"]}, key=7)
    assert side.start("g", {"log": ["x"]}, key="7").id == numbered.id


def test_what_cannot_be_started_leaves_nothing(runner: Runner) -> None:
    with pytest.raises(UnknownGraphError, match="there are: g"):
        runner.start("h", {})
    with pytest.raises(RunError, match="unknown busy='no'"):
        runner.start("g", {}, busy="no")  # type: ignore[arg-type]
    runner._graphs |= {"text": "graph.py", "nothing": lambda: None}
    for name, kind in (("text", "str"), ("nothing", "NoneType")):
        with pytest.raises(RunError, match=f"'{name}' is no graph of LangGraph's but of type {kind}"):
            runner.start(name, {})
    with pytest.raises(RunError, match="lease=0: a lease is of some seconds"):
        Runner(runner.saver, {}, lease=0)
    with pytest.raises(UnsavableValueError, match="object"):
        runner.start("g", {"log": [object()]})
    with pytest.raises(UnknownRunError, match="'nobody'"):
        runner.resume("nobody")
    assert runner.runs() == []


def test_a_pause_comes_after_the_step_and_the_run_goes_on_from_there(runner: Runner, world: World) -> None:
    world.go.clear()
    run = runner.start("g", {"log": ["x"]})
    assert world.reached.wait(60)
    run.pause()
    world.go.set()
    assert (run.wait(60).status, run.wait().state) == ("paused", {"log": ["x", "worked"]})
    assert run.resume().wait(60).state == {"log": ["x", "worked", "end"]}


@pytest.mark.parametrize("here", [True, False], ids=["here", "elsewhere"])
def test_a_cancel_ends_a_run_in_the_middle_of_a_node(runner: Runner, world: World, here: bool) -> None:
    world.go.clear()
    run = runner.start("g", {"log": ["x"]}, thread_id="t")
    assert world.reached.wait(60)
    if here:
        run.cancel()
    else:
        with Runner(runner.saver, {"g": world.graph}) as other:
            other.cancel(run.id)
    assert run.wait(60).status == "cancelled"
    with pytest.raises(NotResumableError, match="is cancelled"):
        run.resume()
    world.go.set()
    assert runner.start("g", {"log": ["y"]}, thread_id="t").wait(60).state == {"log": ["x", "y", "worked", "end"]}


@pytest.mark.parametrize(
    ("policy", "state"),
    [
        ("interrupt", ["ask", "x", "worked", "end"]),
        ("rollback", ["x", "worked", "end"]),
    ],
)
@pytest.mark.parametrize("busy", ["waiting", "running"])
def test_a_start_on_a_busy_thread_makes_way(side: Side, world: World, policy: Any, state: list[str], busy: str) -> None:
    first = side.start("g", {"log": ["ask"]}, thread_id="t")
    assert side.wait(first).status == "waiting"
    if busy == "running":
        world.go.clear()
        first = side.runner.resume(first.id, "this")
        assert world.reached.wait(60)
        state = [state[0], "told this", *state[1:]] if policy == "interrupt" else state
    with pytest.raises(ThreadBusyError, match=f"run {first.id} is {busy}"):
        side.start("g", {"log": ["x"]}, thread_id="t")
    run = side.start("g", {"log": ["x"]}, thread_id="t", busy=policy)
    world.go.set()  # not before: the first run would end by itself, which it did once on a busy machine
    assert side.wait(run).state == {"log": state}
    assert first.status == "cancelled"


def test_a_start_waits_for_a_run_but_not_for_a_person(side: Side, world: World) -> None:
    world.go.clear()
    first = side.runner.start("g", {"log": ["x"]}, thread_id="t")
    assert world.reached.wait(60)
    threading.Timer(0.3, world.go.set).start()
    second = side.start("g", {"log": ["ask"]}, thread_id="t", busy="wait")
    assert side.wait(second).state == {"log": ["x", "worked", "end", "ask"]}
    assert first.status == "done"
    with pytest.raises(ThreadBusyError, match="is waiting; resume it or cancel it"):
        side.start("g", {"log": ["y"]}, thread_id="t", busy="wait")


def test_a_cancel_that_comes_as_a_run_stops_is_heard(runner: Runner, world: World) -> None:
    world.before = lambda: runner.saver.database.write(runner.records.want, runner.runs()[0].run_id, "cancel")
    assert runner.start("g", {"log": ["ask"]}).wait(60).status == "cancelled"


def test_a_deleted_thread_ends_the_run_in_it(runner: Runner, world: World) -> None:
    world.go.clear()
    run = runner.start("g", {"log": ["x"]}, thread_id="t")
    assert world.reached.wait(60)
    runner.saver.delete_thread("t")
    world.go.set()
    with pytest.raises(LeaseLostError, match="somebody deleted it"):
        run.wait(60)
    with pytest.raises(UnknownRunError):
        run.record()
    assert runner.saver.get_tuple({"configurable": {"thread_id": "t"}}) is None
    assert runner.start("g", {"log": ["y"]}, thread_id="t").wait(60).state == {"log": ["y", "worked", "end"]}


def test_what_runs_when_its_program_closes_is_handed_over(empty_url: Callable[[], str], world: World) -> None:
    url = empty_url()
    if url == "sqlite://":
        pytest.skip("ends with the Runner")
    world.go.clear()
    with Runner(url, {"g": world.graph}) as first:
        run = first.start("g", {"log": ["x"]})
        assert world.reached.wait(60)
        threading.Timer(0.3, world.go.set).start()
    with Runner(url, {"g": world.graph}) as second:
        assert second.record(run.id).status == "lost"
        assert [r.wait(60).state for r in second.recover()] == [{"log": ["x", "worked", "end"]}]


def test_a_fork_with_another_graph_is_refused(runner: Runner) -> None:
    """It would find nothing to do there, and be done."""
    runner.start("g", {"log": ["x"]}, thread_id="t").wait(60)
    other: Any = StateGraph(State)
    runner._graphs["other"] = other.add_node("o", lambda _: {}).add_edge(START, "o")
    with pytest.raises(UsageError, match="thread 't' is of the graph g, not of other"):
        runner.fork("other", "t", to="new")
    assert [run.graph for run in runner.runs()] == ["g"]


def _lose(runner: Runner, graph: str, given: Any) -> None:
    """Start a run whose process is gone at once."""
    record, fence, _ = entering.started(runner, entering.new(runner, graph, graph, given))
    assert fence is not None
    runner.saver.database.write(lease.release, record.thread_id, fence)


def test_a_graph_that_cannot_be_made_keeps_no_others_from_being_recovered(runner: Runner) -> None:
    def made() -> Any:
        raise ImportError("no such module")

    for name in ("a", "b", "c"):
        graph: Any = StateGraph(State)
        runner._graphs[name] = graph.add_node("n", lambda _: {"log": ["n"]}).add_edge(START, "n")
        _lose(runner, name, {"log": []})
    runner._compiled.clear()
    runner._graphs["b"] = made
    with pytest.warns(UserWarning, match="graph 'b': its lost runs are left alone.*ImportError: no such module"):
        assert {run.graph: run.wait(60).status for run in runner.recover()} == {"a": "done", "c": "done"}
    assert {run.graph: run.status for run in runner.runs()} == {"a": "done", "b": "lost", "c": "done"}


def test_a_state_that_its_graph_cannot_tell_keeps_no_others_from_being_recovered(runner: Runner) -> None:
    broken: list[bool] = []

    def added(before: list[str], new: list[str]) -> list[str]:
        if broken:
            raise ZeroDivisionError("no sum")
        return [*before, *new]

    class Told(TypedDict):
        log: Annotated[list[str], added]

    built: Any = StateGraph(Told)
    built.add_node("add", lambda _: {"log": ["x"]})
    built.add_node("ask", lambda _: {"log": [interrupt("What?")]})
    runner._graphs["sum"] = built.add_edge(START, "add").add_edge(START, "ask")
    run = runner.start("sum", {"log": []})
    assert run.wait(60).status == "waiting"
    _lose(runner, "g", {"log": ["x"]})
    runner.saver.database.write(runner.records.change, replace(run.record(), status="running"))
    broken.append(True)
    assert [found.wait(60).status for found in runner.recover()] == ["done"]
    assert (run.status, run.record().error) == ("failed", "ZeroDivisionError: no sum")


def test_an_exception_that_cannot_say_what_it_is_fails_the_run(runner: Runner) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise TypeError("nothing to say")

    def fail(_: State) -> State:
        raise Mute

    built: Any = StateGraph(State)
    runner._graphs["mute"] = built.add_node("fail", fail).add_edge(START, "fail")
    outcome = runner.start("mute", {"log": []}).wait(60)
    assert (outcome.status, outcome.error) == ("failed", "Mute: Mute")


@pytest.mark.parametrize("raised", [SystemExit, type("Odd", (BaseException,), {})])
def test_a_node_that_means_to_end_the_program_fails_its_run_and_no_other(
    runner: Runner, world: World, raised: type[BaseException]
) -> None:
    """SystemExit ended the event loop of all runs, which were waited for without end."""

    def end(_: State) -> State:
        raise raised("bye")

    world.go.clear()
    other = runner.start("g", {"log": ["x"]})
    assert world.reached.wait(60)
    built: Any = StateGraph(State)
    runner._graphs["end"] = built.add_node("end", end).add_edge(START, "end")
    outcome = runner.start("end", {"log": []}).wait(60)
    assert (outcome.status, f"a node raised {raised.__name__}: bye" in outcome.error) == ("failed", True)
    world.go.set()
    assert other.wait(60).status == "done"
