"""Ending a run: its lease lasts until everything is undone, and what somebody wants of it stays wanted."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Annotated, Any

import pytest
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from sqlalchemy import select
from typing_extensions import TypedDict

from threadloom import Runner, compensation, effect
from threadloom.checkpoints.session import Session
from threadloom.runs import entering, lease
from threadloom.runs.entering import MOST_RECOVERIES, RECOVERIES
from threadloom.runs.errors import NotResumableError, ThreadBusyError
from threadloom.runs.outcomes import effects_of

WHILE_UNDOING: list[Callable[[], None]] = []


class State(TypedDict, total=False):
    receipt: str
    answer: str


@compensation
def refund(receipt: str) -> None:
    WHILE_UNDOING.pop()()


def _graph() -> Any:
    built: Any = StateGraph(State)
    built.add_node("pay", lambda _: {"receipt": effect("pay", lambda: "paid", compensate=refund)})
    built.add_node("ask", lambda _: {"answer": interrupt("Well?")})
    return built.add_edge(START, "pay").add_edge("pay", "ask")


@pytest.fixture
def runner(empty_url: Callable[[], str]) -> Iterator[Runner]:
    with Runner(empty_url(), {"g": _graph}) as runner:
        yield runner


def test_a_lease_lasts_as_long_as_undoing_takes(runner: Runner) -> None:
    renewed: list[bool] = []

    def long() -> None:
        before, pause = runner.saver.database.read(_leased_until), threading.Event()
        renewed.append(any(runner.saver.database.read(_leased_until) > before or pause.wait(0.1) for _ in range(200)))

    WHILE_UNDOING.append(long)
    run = runner.start("g", {}, thread_id="t")
    run.wait()
    run.cancel()
    assert renewed == [True]
    assert (run.status, run.record().error) == ("cancelled", "")
    assert [entry.state for entry in effects_of(runner.saver, "t")] == ["undone"]


def _leased_until(session: Session) -> int:
    until: int = session.execute(select(session.tables.threads.c.leased_until)).scalar_one()
    return until


def test_what_is_wanted_gives_way_only_to_more(runner: Runner) -> None:
    """A pause asked for after a cancel had the run paused, and an interrupt had it ended with nothing undone."""
    undone: list[str] = []
    run = runner.start("g", {}, thread_id="t")
    run.wait()
    runner.saver.database.write(_lost_while_wanted, run.id, "cancel")
    with pytest.raises(NotResumableError, match=r"is being ended \(cancel\); there is nothing to pause"):
        run.pause()
    with pytest.raises(NotResumableError, match=r"is being ended \(cancel\), by its owner, or by recover"):
        run.resume("yes")
    WHILE_UNDOING.append(lambda: undone.append("pay"))
    runner.saver.database.write(runner.records.want, run.id, "pause")  # by who has not seen that
    again = runner.start("g", {}, thread_id="t", busy="interrupt")
    assert (run.status, undone, again.wait().status) == ("cancelled", ["pay"], "waiting")


def test_going_on_takes_back_a_pause_and_no_more(runner: Runner) -> None:
    run = runner.start("g", {})
    run.wait()
    for wanted, left in (("pause", None), ("cancel", "cancel")):
        runner.saver.database.write(_lost_while_wanted, run.id, wanted)
        runner.saver.database.write(runner.records.want, run.id, None)
        assert run.record().wanted == left


def _lost_while_wanted(session: Session, run_id: str, wanted: str) -> None:
    runs = session.tables.runs
    session.execute(runs.update().where(runs.c.run_id == run_id).values(status="running", wanted=wanted))


def test_a_cancel_tries_again_to_undo_what_it_could_not(runner: Runner) -> None:
    undone: list[str] = []
    run = runner.start("g", {}, thread_id="t")
    run.wait()
    WHILE_UNDOING.append(_refusing)
    run.cancel()
    assert (run.status, run.record().error) == ("cancelled", "effect 'pay' was not undone: not today")
    WHILE_UNDOING.append(lambda: undone.append("pay"))
    run.cancel()
    assert (run.status, run.record().error, undone) == ("cancelled", "", ["pay"])
    with pytest.raises(NotResumableError, match="nothing to cancel"):
        run.cancel()


def _refusing() -> None:
    raise ValueError("not today")


def test_who_meets_another_at_a_run_is_told_what_helps(runner: Runner) -> None:
    """It was to start with another `busy`, which only `start` has."""
    run = runner.start("g", {}, thread_id="t")
    run.wait()
    runner.saver.database.write(lease.take, "t", "elsewhere/1", 60_000)
    for wish in (run.resume, run.cancel):
        with pytest.raises(ThreadBusyError, match="is running; elsewhere/1 has it, so try again") as told:
            wish()
        assert "busy=" not in str(told.value)


@pytest.mark.parametrize(("wanted", "checkpoints"), [("rollback", 0), ("interrupt", 3)])
def test_what_is_wanted_while_a_cancel_undoes_is_done_if_it_is_more(
    runner: Runner, wanted: str, checkpoints: int
) -> None:
    """A rollback that came in the middle was lost: the run was cancelled, and all its checkpoints stayed."""
    run = runner.start("g", {}, thread_id="t")
    run.wait()
    WHILE_UNDOING.append(lambda: runner._ask(run.id, wanted))
    run.cancel()
    assert (run.status, run.record().wanted) == ("cancelled", None)
    assert [entry.state for entry in effects_of(runner.saver, "t")] == ["undone"]
    assert len(list(runner.saver.timeline("t"))) == checkpoints


def test_a_run_that_somebody_cancels_as_it_is_given_up_is_cancelled(empty_url: Callable[[], str]) -> None:
    """What was wanted then was forgotten, and the run kept its lease until that was over."""
    while_looking: list[Callable[[], None]] = []

    def joined(_: str, new: str) -> str:  # called whenever the state is looked at
        while while_looking:
            while_looking.pop()()
        return new

    class Joined(TypedDict):
        name: Annotated[str, joined]

    graph: Any = StateGraph(Joined)
    graph.add_node("name", lambda _: {"name": "tea"}).add_node("ask", lambda _: {"name": interrupt("Well?")})
    graph.add_edge(START, "name").add_edge(START, "ask")
    with Runner(empty_url(), {"g": graph}) as runner:
        run = runner.start("g", {"name": "x"}, thread_id="t")
        run.wait()
        tried = {"checkpoint": next(runner.saver.timeline("t")).checkpoint_id, "count": MOST_RECOVERIES}
        lost = replace(run.record(), status="running", details={**run.record().details, RECOVERIES: tried})
        runner.saver.database.write(runner.records.change, lost)
        while_looking.append(lambda: runner._ask(run.id, "cancel"))
        assert runner.recover() == []
        assert (run.status, run.record().wanted) == ("cancelled", None)
        assert runner.start("g", {"name": "y"}, thread_id="t").wait().status == "waiting"


def test_a_cancel_forgets_nothing_that_a_run_has_spent_meanwhile(runner: Runner) -> None:
    """It stored the row as it was before another process went on with the run: its calls of models cost nothing."""
    run = runner.start("g", {}, thread_id="t")
    run.wait()
    before = run.record()
    spent = {**before.details, "usage": {"ask": {"calls": 1}}}
    runner.saver.database.write(runner.records.change, replace(before, details=spent))
    WHILE_UNDOING.append(lambda: None)
    entering.ended(runner, before, "cancel")
    assert (run.status, run.record().details) == ("cancelled", spent)


def test_a_run_that_has_ended_meanwhile_is_not_brought_to_the_graph_of_today(runner: Runner) -> None:
    run = runner.start("g", {}, thread_id="t")
    run.wait()
    before = replace(run.record(), details={})  # of another graph
    WHILE_UNDOING.append(lambda: None)
    run.cancel()
    with pytest.raises(NotResumableError, match="is cancelled, so it cannot go on"):
        entering.brought(runner, before)
    assert runner.start("g", {}, thread_id="t").wait().status == "waiting"  # its lease was given back
