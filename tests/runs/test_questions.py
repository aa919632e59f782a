"""Questions of runs: each is listed once, answered once, and what became of it is kept."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from tests.checkpoints.chain import KEYS
from tests.programs import Program
from tests.runs import asking
from threadloom.checkpoints import SQLSaver
from threadloom.runs.errors import AnswerRefusedError, NotResumableError, RunError, ThreadBusyError
from threadloom.runs.question import Policy, questions_of
from threadloom.runs.run import Run
from threadloom.runs.runner import Runner

GRAPHS = {"simple": asking.simple, "many": asking.many, "checking": asking.checking, "choosing": asking.choosing}
SOON: Any = {"expires_after": 3600}


@pytest.fixture
def runner(empty_url: Callable[[], str]) -> Iterator[Runner]:
    """On every kind of database."""
    asking.TROUBLE.clear()
    with Runner(empty_url(), GRAPHS) as made:
        yield made


@pytest.fixture
def one(url: str) -> Iterator[Runner]:
    """On SQLite, encrypted."""
    with SQLSaver(url, encryption=KEYS) as saver, Runner(saver, GRAPHS) as made:
        yield made


def waiting(runner: Runner, *asks: Any, graph: str = "simple") -> Run:
    run = runner.start(graph, {"asks": [*asks]})
    assert run.wait(60).status == "waiting"
    return run


def asked(prompt: str = "Pay?", **policy: Any) -> dict[str, Any]:
    return {"prompt": prompt, "policy": Policy(**policy).asked()}


def events(run: Run) -> list[tuple[str, str, Any]]:
    return [(event.event, event.by, event.answer) for event in run.trail()]


def hours_pass(runner: Runner) -> None:
    """Everything that was noted, or is to come, was an hour ago, or is to come an hour sooner."""
    table = runner.saver.database
    questions = table.read(lambda session: session.tables.questions)
    table.write(lambda session: session.execute(update(questions).values(at=questions.c.at - 3_600_000)))


def test_all_that_is_asked_in_a_super_step_and_below_is_listed_once_and_answered_in_any_order(runner: Runner) -> None:
    run = waiting(runner, graph="many")
    found = run.pending()
    assert sorted((q.prompt, q.node, q.path) for q in found) == [
        ("deep?", "one", ("deep", "leaf")),
        ("first?", "twice", ()),
        ("first?", "twice", ()),
        ("in?", "one", ("after",)),
    ]
    assert len({question.handle for question in found}) == 4
    for word in (run.id[:9], run.thread_id[:9], run.id):
        assert [one.run_id for one in runner.saver.database.read(runner.records.named, word, 5)] == [run.id]
    for wrong in ("yes", {}, {"yes": 1}, {found[0].handle: "a", "0" * 32: "b"}):
        with pytest.raises(AnswerRefusedError):
            run.resume(wrong)
    assert run.pending() == found

    seen: list[str] = []
    asking.TROUBLE.update({"twice", "later"})  # what was answered before a failure is not asked again
    while questions := run.pending():
        question = questions[-1]
        seen.append(question.prompt)
        run.resume({question.handle: f"{len(seen)}"}).wait(60)
    assert sorted(seen) == sorted(["deep?", "first?", "first?", "in?", "second?", "second?", "after?"])
    assert run.status == "failed"
    graph = runner.graph("many").copy(update={"checkpointer": runner.saver})
    state = graph.get_state({"configurable": {"thread_id": run.thread_id}}, subgraphs=True)
    assert state.interrupts  # LangGraph still shows what was answered before the failure
    assert questions_of(runner.saver, state, []) == []
    asking.TROUBLE.clear()
    outcome = run.resume().wait(60)
    assert outcome.status == "done"
    assert len({str(answer) for got in outcome.state["got"] for answer in got}) == 7
    answered = [event for event in run.trail() if event.event == "answered"]
    assert sorted(event.answer for event in answered) == sorted(map(str, range(1, 8)))


def test_an_answer_is_never_taken_for_one_to_the_next_question(one: Runner) -> None:
    run = waiting(one, "first?", "second?")
    [first] = run.pending()
    run.resume({first.handle: 1}, by="ann").wait(60)
    [second] = run.pending()
    assert (second.prompt, second.handle != first.handle) == ("second?", True)
    with pytest.raises(AnswerRefusedError, match="answered already by ann"):
        run.resume({first.handle: 2})
    with pytest.raises(AnswerRefusedError, match="no question is pending with handle"):
        run.resume({"f" * 32: 2})
    with pytest.raises(AnswerRefusedError, match="no question is pending with handle 'slip'"):
        run.resume({second.handle: 2, "slip": 3})  # it was the answer as a whole
    assert run.resume({second.handle: {"some": "mapping"}}).wait(60).state["got"] == [[1, {"some": "mapping"}]]
    with pytest.raises(NotResumableError):
        run.resume({second.handle: 3})


def test_of_two_who_answer_at_once_one_is_told(runner: Runner) -> None:
    run = waiting(runner, "who?")
    handle, told, gate = run.pending()[0].handle, [], threading.Barrier(2)

    def answer(runner: Runner, by: str) -> None:
        gate.wait()
        try:
            runner.resume(run.id, {handle: by}, by=by).wait(60)
        except RunError as error:
            told.append((by, error))

    with Runner(runner.saver, GRAPHS) as other:
        threads = [threading.Thread(target=answer, args=pair) for pair in ((runner, "ann"), (other, "bob"))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    [(loser, error)] = told
    assert isinstance(error, ThreadBusyError | NotResumableError | AnswerRefusedError)
    [winner] = {"ann", "bob"} - {loser}
    assert runner.run(run.id).wait(60).state["got"] == [[winner]]
    assert [event for event in events(run) if event[0] == "answered"] == [("answered", winner, winner)]


def test_an_answer_that_langgraph_will_not_have_is_given_back(one: Runner) -> None:
    run = waiting(one, graph="checking")
    with pytest.raises(AnswerRefusedError, match="number"):
        run.resume({"number": "many"})
    outcome = run.resume({"number": 3}, by="ann").wait(60)  # its schema lets 3 pass; the node does not
    assert (outcome.status, "odd numbers" in outcome.error) == ("waiting", True)
    assert outcome.pending == run.pending() != []
    assert run.resume({"number": 4}, by="ann").wait(60).state["got"] == [4]
    assert [name for name, *_ in events(run)] == ["asked", "refused", "answered", "returned", "asked", "answered"]


def test_it_takes_so_many_to_agree(one: Runner) -> None:
    run = waiting(one, asked(needed=2, of=("ann", "bob", "cy")))
    for by, says in (("dan", "dan may not"), ("", "ann, bob, cy may")):
        with pytest.raises(AnswerRefusedError, match=says):
            run.resume("yes", by=by)
    assert run.resume("yes", by="ann", why="looks fine").wait(60).status == "waiting"
    with pytest.raises(AnswerRefusedError, match="said so already"):
        run.resume("yes", by="ann")
    contradicted = run.resume("no", by="bob").wait(60).pending[0].standing
    assert 'answers contradict each other: ann says "yes"; bob says "no"' in contradicted
    with pytest.raises(AnswerRefusedError, match="waits for an answer"):
        run.resume()
    assert run.resume("yes", by="cy").wait(60).state["got"] == [["yes"]]
    assert events(run) == [
        ("asked", "", None),
        ("refused", "dan", None),
        ("refused", "", None),
        ("approved", "ann", "yes"),
        ("refused", "ann", None),
        ("approved", "bob", "no"),
        ("answered", "cy", "yes"),
    ]
    assert [event.why for event in run.trail() if event.event == "approved"] == ["looks fine", ""]


def test_what_expires_is_escalated_answered_or_given_up(runner: Runner) -> None:
    ways: dict[str, Any] = {"escalate": {"escalate": ["boss"]}, "answer": {"answer": {"pay": False}}, "up": "give up"}
    of = {"needed": 2, "of": ("ann", "bob")}
    runs = {way: waiting(runner, asked(way, then=then, **of, **SOON)) for way, then in ways.items()}
    late = waiting(runner, asked("late", then={"answer": 1}, **SOON))
    assert runner.recover() == []
    assert events(runs["up"]) == [("asked", "", None), ("expires", "", None)]
    assert all("expires" in run.wait().pending[0].standing for run in runs.values())
    hours_pass(runner)
    with pytest.raises(AnswerRefusedError, match="has expired"):
        late.resume(2)
    assert late.resume().wait(60).state["got"] == [[1]]

    [recovered] = runner.recover()
    assert (recovered.id, recovered.wait(60).state["got"]) == (runs["answer"].id, [[{"pay": False}]])
    assert runner.recover() == []
    assert runner.run(runs["answer"].id).wait(60).state["got"] == [[{"pay": False}]]
    assert [name for name, *_ in events(runs["answer"])] == ["asked", "expires", "expired", "answered"]
    given_up = runs["up"].record()
    assert (given_up.status, "in time" in given_up.error) == ("cancelled", True)
    [question] = runs["escalate"].pending()
    assert "escalated to boss" in question.standing
    assert runs["escalate"].resume("yes", by="bob").wait(60).status == "waiting"
    assert runs["escalate"].resume("no", by="boss").wait(60).state["got"] == [["no"]]


def test_what_is_no_policy_lets_nobody_answer(one: Runner) -> None:
    run = waiting(one, {"prompt": "?", "policy": {"needed": 2, "of": ["ann"], "then": "give up"}})
    with pytest.raises(AnswerRefusedError, match="1 different names, so nobody can answer it"):
        run.resume("yes", by="ann")
    assert "1 different names" in run.pending()[0].standing
    assert one.recover() == []
    run.cancel()
    assert run.status == "cancelled"
    assert waiting(one, {"policy": "strict"}).resume("ok").wait(60).state["got"] == [["ok"]]  # a word of its own


def test_the_answer_that_is_taken_at_last_has_to_be_one_when_it_is_asked(one: Runner) -> None:
    run = waiting(one, asked(then={"answer": "maybe"}, **SOON), graph="choosing")
    [question] = run.pending()
    says = "then has the answer 'maybe', which the question does not take: the answer: 'maybe' is not one of"
    assert says in question.standing
    with pytest.raises(AnswerRefusedError, match=f"{says}.*nobody can answer it: correct the node and cancel the run"):
        run.resume("yes")
    hours_pass(one)
    assert one.recover() == []
    assert events(run)[:1] == [("asked", "", None)]
    waiting(one, asked(then={"answer": "no"}, **SOON), graph="choosing")
    hours_pass(one)
    assert [recovered.wait(60).state["got"] for recovered in one.recover()] == [["no"]]


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        ({"needed": 0}, "from 1"),
        ({"needed": 3, "of": ["ann", "ann"]}, "1 different"),
        ({"of": "ann"}, "list of names"),
        ({"expires_after": 1}, "belong together"),
        ({"expires_after": -1, "then": "give up"}, "seconds from 0"),
        ({"expires_after": 1, "then": "panic"}, "panic"),
        ({"needed": 1, "off": ["ann"]}, "off is not known"),
    ],
)
def test_what_is_wrong_with_a_policy_is_said(policy: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Policy.of_prompt({"policy": policy})


def test_a_policy_is_read_as_it_was_asked() -> None:
    made = Policy(needed=2, of=("ann", "bob"), expires_after=0, then={"escalate": ["cy"]})
    assert Policy.of_prompt({"policy": made.asked()}) == made
    assert Policy.of_prompt({"policy": {"title": "refunds within 30 days"}}) == Policy()


def test_an_answer_is_taken_once_wherever_the_process_dies_that_gives_it(program: Program, tmp_path: Path) -> None:
    done = program("-m", "tests.runs.answer_crash", str(tmp_path), "3")
    assert (done.returncode, done.stderr) == (0, "")
    kills = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(kill["got"] == [["yes", "no"]] and kill["answers"] == kill["given"] for kill in kills)
    assert all((kill["asks"] == "two?") == kill["given"] for kill in kills)
    assert {(kill["given"], kill["was"]) for kill in kills} == {(False, "waiting"), (True, "lost"), (True, "waiting")}
