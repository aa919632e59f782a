"""A database that is away while a run is at work, and a process that dies after its last step."""

import operator
import threading
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from tests.outages.proxy import Proxy, proxied
from threadloom import effect
from threadloom.checkpoints import SQLSaver
from threadloom.checkpoints.errors import DatabaseUnavailableError, LeaseLostError
from threadloom.runs import ending
from threadloom.runs.run import Run
from threadloom.runs.runner import Runner

END = {"log": ["first", "paid", "end"]}


class State(TypedDict, total=False):
    log: Annotated[list[str], operator.add]


class World:
    """Three nodes, of which the second may be held; what they did."""

    def __init__(self) -> None:
        self.reached, self.go, self.left = threading.Event(), threading.Event(), threading.Event()
        self.did: list[str] = []

    def graph(self) -> Any:
        built: Any = StateGraph(State)
        built.add_node("first", lambda _: self._done("first")).add_node("hold", self._hold)
        built.add_node("end", lambda _: self._done("end"))
        return built.add_edge(START, "first").add_edge("first", "hold").add_edge("hold", "end")

    def _done(self, what: str) -> State:
        self.did.append(what)
        return {"log": [what]}

    def _hold(self, _: State) -> State:
        self.reached.set()
        assert self.go.wait(60)
        try:
            return effect("pay", lambda: self._done("paid"))
        finally:
            self.left.set()


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.go.set()


def until(condition: Any) -> None:
    """Wait for something that happens in another thread."""
    for _ in range(1_200):
        if condition():
            return
        threading.Event().wait(0.05)
    pytest.fail("what was waited for did not happen")


def stored(saver: SQLSaver) -> list[Any]:
    return [(one.checkpoint["id"], one.pending_writes) for one in saver.list({"configurable": {"thread_id": "t"}})]


def until_held(world: World, saver: SQLSaver) -> None:
    """Wait until the second node is held, and all of the first is stored."""
    assert world.reached.wait(60)
    until(lambda: len(found := stored(saver)) == 3 and found[1][1])


@pytest.fixture
def through(server_url: str) -> Iterator[tuple[Proxy, str]]:
    with proxied(server_url) as (proxy, url):
        yield proxy, url


def test_a_run_outlives_a_database_that_comes_back_within_its_lease(
    server_url: str, through: tuple[Proxy, str], world: World
) -> None:
    proxy, url = through
    with Runner(url, {"g": world.graph}, lease=60) as runner, Runner(server_url, {"g": world.graph}) as other:
        run = runner.start("g", {}, thread_id="t")
        until_held(world, other.saver)
        with proxy.away():
            until(lambda: proxy.refused > 0)  # a heartbeat
            assert (other.runs()[0].status, other.recover()) == ("running", [])
            before = other.runs()[0].owner
        world.go.set()
        assert run.wait(60).state == END
        assert (other.runs()[0].status, before, runner.owner) == ("done", runner.owner, before)
    assert world.did == ["first", "paid", "end"]


def test_a_run_whose_database_is_away_for_longer_is_lost_stores_nothing_and_is_recovered(
    server_url: str, through: tuple[Proxy, str], world: World
) -> None:
    proxy, url = through
    elsewhere = World()
    elsewhere.go.set()
    with Runner(url, {"g": world.graph}, lease=1) as runner, Runner(server_url, {"g": elsewhere.graph}) as other:
        run = runner.start("g", {}, thread_id="t")
        until_held(world, other.saver)
        before = stored(other.saver)
        with proxy.away():
            with pytest.raises(LeaseLostError):
                run.wait(60)
            until(lambda: other.runs()[0].status == "lost")
        assert stored(other.saver) == before
        found: list[Run] = []

        def recovered() -> bool:
            found.extend(other.recover())
            return bool(found)

        until(recovered)  # a heartbeat that was under way may have renewed the lease once more
        assert found[0].wait(60).state == END
        before = stored(other.saver)
        world.go.set()  # the node goes on in its thread, and finds that it has no lease
        assert world.left.wait(60)
        runner.close()
        assert (stored(other.saver), other.runs()[0].status) == (before, "done")
    assert (world.did, elsewhere.did) == (["first"], ["paid", "end"])


def test_a_process_that_dies_after_its_last_step_leaves_nothing_to_do_and_the_run_is_done(
    new_url: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`next` is empty, as it is when a run is done; what is recorded is that it is not."""
    world.go.set()
    with Runner(new_url, {"g": world.graph}) as runner:
        monkeypatch.setattr(ending, "rest", _dies)
        run = runner.start("g", {}, thread_id="t")
        with pytest.raises(DatabaseUnavailableError):
            run.wait(60)
        monkeypatch.undo()
        before = stored(runner.saver)
        assert (run.status, _next(runner)) == ("lost", ())
        assert [recovered.wait(60).status for recovered in runner.recover()] == ["done"]
        assert (run.status, runner.run(run.id).wait(60).state, stored(runner.saver)) == ("done", END, before)
    assert world.did == ["first", "paid", "end"]


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_process_that_dies_between_writes_and_checkpoint_repeats_nothing(
    new_url: str, world: World, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """`next` is empty then with work to do; what a finished task wrote is used."""
    world.go.set()
    put = SQLSaver.aput

    async def dying(self: SQLSaver, config: Any, checkpoint: Any, metadata: Any, versions: Any) -> Any:
        return _dies() if metadata["step"] == step else await put(self, config, checkpoint, metadata, versions)

    with Runner(new_url, {"g": world.graph}) as runner:
        monkeypatch.setattr(SQLSaver, "aput", dying)
        run = runner.start("g", {}, thread_id="t")
        with pytest.raises(DatabaseUnavailableError):
            run.wait(60)
        monkeypatch.undo()
        assert (run.status, _next(runner)) == ("lost", ())
        assert [recovered.wait(60).state for recovered in runner.recover()] == [END]
    assert world.did == ["first", "paid", "end"]


def test_a_process_that_dies_before_the_first_checkpoint_is_followed_by_one_that_has_the_input(
    new_url: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LangGraph knows nothing of such a run: the row of the run has what it was given."""
    world.go.set()
    with Runner(new_url, {"g": world.graph}) as runner:
        monkeypatch.setattr(SQLSaver, "aput", _dies)
        run = runner.start("g", {"log": ["given"]}, thread_id="t")
        with pytest.raises(DatabaseUnavailableError):
            run.wait(60)
        monkeypatch.undo()
        assert (run.status, world.did, stored(runner.saver)) == ("lost", [], [])
        assert [found.wait(60).state["log"] for found in runner.recover()] == [["given", *END["log"]]]


def _dies(*_: Any, **__: Any) -> Any:
    raise DatabaseUnavailableError


def _next(runner: Runner) -> Any:
    graph = runner.graph("g").copy(update={"checkpointer": runner.saver})
    return graph.get_state({"configurable": {"thread_id": "t"}}).next
