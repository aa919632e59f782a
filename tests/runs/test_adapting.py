"""Runs that were stopped on an older version of their graph, through the Runner."""

import operator
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

import pytest
from langgraph.graph import StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict

from threadloom import Runner
from threadloom.checkpoints import SQLSaver
from threadloom.runs.errors import AnswerRefusedError, GraphChangedError
from threadloom.runs.fingerprint import fingerprint
from threadloom.runs.lineage import Migrations
from threadloom.runs.migrations import RenamedNode


class State(TypedDict):
    """What was said."""

    said: Annotated[list[str], operator.add]


def _graph(ask: str, *more: str) -> Any:
    """Asks in a node of this name, then has other nodes."""

    def asking(state: State) -> dict[str, Any]:
        return {"said": [f"{ask}: {interrupt('well?')}"]}

    def going(state: State) -> dict[str, Any]:
        return {"said": ["on"]}

    graph = StateGraph(State)
    names = [ask, *more]
    graph.add_node(ask, asking)
    for name in more:
        graph.add_node(name, going)
    for before, after in zip(["__start__", *names], names, strict=False):
        graph.add_edge(before, after)
    return graph


OLD, RENAMED, LONGER = _graph("ask"), _graph("question"), _graph("ask", "after")
STEPS = Migrations("g").step(
    fingerprint(OLD).digest, fingerprint(RENAMED).digest, [RenamedNode(before="ask", after="question")]
)


def _stopped(saver: SQLSaver) -> tuple[str, str]:
    with Runner(saver, {"g": OLD}) as runner:
        run = runner.start("g", {"said": []})
        run.wait()
        return run.id, run.pending()[0].handle


def test_a_renamed_question_is_refused_and_the_run_stays_until_a_migration_is_given(saver: SQLSaver) -> None:
    run_id, handle = _stopped(saver)
    with Runner(saver, {"g": RENAMED}) as runner:
        with pytest.raises(GraphChangedError, match=r"node ask is gone.*Give the Runner migrations") as refused:
            runner.resume(run_id, "yes")
        assert "\n" not in str(refused.value)
        assert runner.record(run_id).status == "waiting"
    with Runner(saver, {"g": RENAMED}, migrations={"g": STEPS}) as runner:
        outcome = runner.resume(run_id, {handle: "yes"}, by="ann").wait()
        assert (outcome.status, outcome.state["said"]) == ("done", ["question: yes"])
        record = runner.record(run_id)
        assert record.details["fingerprint"] == fingerprint(RENAMED).text
        assert len(record.details["migrated"]) == 1
        trail = runner.trail(run_id)
        assert [(event.event, event.by) for event in trail if event.handle != handle][-1] == ("answered", "ann")
    assert list(saver.verify()) == []


def test_an_old_handle_answers_also_after_the_migration_and_a_second_one(saver: SQLSaver) -> None:
    """Whoever was asked before has no other, and an answer that was refused was the one that migrated the run."""
    run_id, handle = _stopped(saver)
    with Runner(saver, {"g": RENAMED}, migrations={"g": STEPS}) as runner:
        with pytest.raises(AnswerRefusedError, match="no question is pending with handle 'f"):
            runner.resume(run_id, {"f" * 32: "yes"})
        assert runner.adapt(run_id) == {handle: runner.pending(run_id)[0].handle}
    back = fingerprint(RENAMED).digest, fingerprint(OLD).digest, [RenamedNode(before="question", after="ask")]
    with Runner(saver, {"g": OLD}, migrations={"g": Migrations("g").step(*back)}) as runner:
        now = runner.adapt(run_id)
        assert (len(now), {*now.values()}) == (2, {runner.pending(run_id)[0].handle})
        assert runner.resume(run_id, {handle: "yes"}).wait().state["said"] == ["ask: yes"]


def test_what_still_fits_goes_on_by_itself(saver: SQLSaver) -> None:
    run_id, _ = _stopped(saver)
    with Runner(saver, {"g": LONGER}) as runner:
        assert runner.resume(run_id, "yes").wait().state["said"] == ["ask: yes", "on"]


@pytest.mark.parametrize("migrations", [{}, {"g": STEPS}], ids=["refused", "migrated"])
def test_a_lost_run_is_recovered_on_the_graph_of_today(saver: SQLSaver, migrations: Mapping[str, Migrations]) -> None:
    run_id, _ = _stopped(saver)
    with Runner(saver, {"g": OLD}) as runner:  # as if its process had died while it went on
        runner.saver.database.write(runner.records.change, _running(runner.record(run_id)))
    with Runner(saver, {"g": RENAMED}, migrations=migrations) as runner:
        outcomes = [run.wait() for run in runner.recover()]
        record = runner.record(run_id)
    if migrations:
        assert [(outcome.status, outcome.pending[0].node) for outcome in outcomes] == [("waiting", "question")]
    else:
        assert (outcomes, record.status) == ([], "failed")
        assert "has changed" in record.error


def _running(record: Any) -> Any:
    return replace(record, status="running")
