"""What is known to go wrong with LangGraph's runs does not go wrong under a Runner; see also `test_lives`."""

import operator
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

import pytest
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict

from tests.checkpoints.chain import BEFORE, KEYS
from threadloom import effect
from threadloom.checkpoints import SQLSaver
from threadloom.runs import ledger
from threadloom.runs.errors import AnswerRefusedError, NotResumableError, UnknownGraphError
from threadloom.runs.runner import Runner


class State(TypedDict, total=False):
    log: Annotated[list[str], operator.add]


def asking(name: str) -> Any:
    return lambda state: {"log": [f"{name}: {interrupt(f'{name}?')}"]}


def note(state: State) -> State:
    return {"log": ["noted"]}


def nested() -> Any:
    """Three questions in one super-step, one of them in a subgraph of a subgraph, and a sibling that fails once."""
    failed = threading.Event()

    def fail(state: State) -> State:
        if not failed.is_set():
            failed.set()
            raise ConnectionError("later")
        return {"log": ["recovered"]}

    innermost = StateGraph(State)
    innermost.add_node("ask", asking("inside"))
    innermost.add_edge(START, "ask")
    inner = StateGraph(State)
    inner.add_node("deep", innermost.compile())
    inner.add_edge(START, "deep")
    built = StateGraph(State)
    built.add_node("one", asking("one"))
    built.add_node("two", asking("two"))
    built.add_node("sub", inner.compile())
    built.add_node("fail", fail)
    for name in ("one", "two", "sub", "fail"):
        built.add_edge(START, name)
    return built


@pytest.fixture
def runner(url: str) -> Iterator[Runner]:
    noting = StateGraph(State)
    noting.add_node("note", note)
    noting.add_edge(START, "note")
    with Runner(url, {"nested": nested, "noting": noting}) as runner:
        yield runner


def test_inputs_at_the_same_time_are_all_kept(runner: Runner) -> None:
    def start(word: str) -> None:
        runner.start("noting", {"log": [word]}, thread_id="t", busy="wait").wait(60)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(start, "abcd"))
    log = runner.start("noting", {"log": []}, thread_id="t").wait(60).state["log"]
    assert sorted(log) == ["a", "b", "c", "d", *["noted"] * 5]


def test_questions_in_one_step_are_answered_in_any_order_beside_a_branch_that_failed(runner: Runner) -> None:
    run = runner.start("nested", {})
    outcome = run.wait(60)
    assert (outcome.status, outcome.error) == ("waiting", "ConnectionError: later")
    handles = {question.prompt: question.handle for question in outcome.pending}
    outcome = run.resume({handles.popitem()[1]: "x"}).wait(60) if handles else run.resume().wait(60)
    while outcome.status == "waiting":
        question = outcome.pending[-1]
        gone = {"0" * 32: "never asked"}
        with pytest.raises(AnswerRefusedError, match="no question is pending with handle '000"):
            run.resume(gone)
        outcome = run.resume({question.handle: "x"}).wait(60)
    assert outcome.status == "done"
    assert sorted(outcome.state["log"]) == ["inside: x", "one: x", "recovered", "two: x"]


def test_an_answer_to_a_question_that_is_gone_is_not_taken_for_one_to_the_next(url: str) -> None:
    built = StateGraph(State)
    built.add_node("one", asking("one"))
    built.add_node("two", asking("two"))
    built.add_edge(START, "one")
    built.add_edge("one", "two")
    with Runner(url, {"g": built}) as runner:
        run = runner.start("g", {})
        answer = {run.wait(60).pending[0].handle: "yes"}
        assert run.resume(answer).wait(60).pending[0].prompt == "two?"
        with pytest.raises(AnswerRefusedError, match="no question is pending"):
            run.resume(answer)
        assert run.resume("no").wait(60).state == {"log": ["one: yes", "two: no"]}


def test_what_makes_no_sense_is_refused_in_a_line_and_the_run_stays_as_it_is(runner: Runner) -> None:
    """Answers to nothing, and a Runner that does not have the graph."""
    done = runner.start("noting", {"log": []}, thread_id="t")
    done.wait(60)
    with pytest.raises(NotResumableError, match="is done, so it cannot go on; start another one"):
        done.resume("yes")
    failing: Any = StateGraph(State)
    failing.add_node("note", lambda state: state["nothing"]).add_edge(START, "note")
    with Runner(runner.saver, {"noting": failing}) as other:
        failed = other.start("noting", {"log": []})
        assert failed.wait(60).status == "failed"
        with pytest.raises(AnswerRefusedError, match="nothing is pending, so there is nothing to answer"):
            failed.resume("yes")
    with Runner(runner.saver, {"another": failing}) as other:
        with pytest.raises(UnknownGraphError, match="no graph is called 'noting'; there are: another"):
            other.resume(failed.id)
        assert (other.recover(), other.record(failed.id).status) == ([], "failed")
    assert runner.resume(failed.id).wait(60).state == {"log": ["noted"]}  # nobody is left with the lease


def test_a_store_is_looked_after_with_its_runs(saver: SQLSaver) -> None:
    """What belongs to a run goes with its thread, is encrypted like it, and stays out of copies."""
    built = StateGraph(State)
    built.add_node("pay", lambda state: {"log": [effect("pay", lambda: "paid")]})
    built.add_node("ask", asking("one"))
    built.add_edge(START, "pay")
    built.add_edge("pay", "ask")
    with Runner(saver, {"g": built}) as runner:
        run = runner.start("g", {"log": ["x"]}, thread_id="t")
        assert run.wait(60).status == "waiting"
        assert not list(saver.verify())
        saver.copy_thread("t", "copy")
        assert [record.thread_id for record in runner.runs()] == ["t"]
        assert run.resume("yes").wait(60).state == {"log": ["x", "paid", "one: yes"]}
        saver.delete_thread("t")
        assert runner.runs() == []
        assert saver.database.read(ledger.load, saver.codec, "t") == []


def test_a_store_with_runs_is_given_another_key(url: str) -> None:
    built = StateGraph(State)
    built.add_node("pay", lambda state: {"log": [effect("pay", lambda: "paid")]})
    built.add_node("ask", asking("one"))
    built.add_edge(START, "pay")
    built.add_edge("pay", "ask")
    with SQLSaver(url, encryption=BEFORE) as saver, Runner(saver, {"g": built}) as runner:
        run = runner.start("g", {"log": ["x"]}, thread_id="t")
        assert run.wait(60).status == "waiting"
    with SQLSaver(url, encryption=KEYS) as saver, Runner(saver, {"g": built}) as runner:
        saver.rekey()
        assert runner.resume(run.id, "yes").wait(60).state == {"log": ["x", "paid", "one: yes"]}
        seals = saver.database.seals
        stale = [table.select().where(seals.stale(table)) for table in seals.documents]
        assert not saver.database.read(lambda session: [row for query in stale for row in session.execute(query)])
