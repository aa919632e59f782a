"""Effects in a process that lives: once over resumes, and what is told when they cannot be."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command, RetryPolicy, interrupt
from typing_extensions import TypedDict

from threadloom import effect
from threadloom.checkpoints import Encryption, SQLSaver
from threadloom.runs import ledger
from threadloom.runs.errors import AnswerRefusedError, EffectKeyError, EffectUnknownError
from threadloom.runs.runner import Runner


class State(TypedDict, total=False):
    receipt: Any
    answer: Any


Node = Any  # which LangGraph's overloads do not know


class Till:
    """Where effects show: each call with its idempotency key, and what it does then."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.then: Callable[[], Any] = lambda: len(self.keys)

    def charge(self, key: str) -> Any:
        self.keys.append(key)
        return self.then()

    async def acharge(self, key: str) -> Any:
        await asyncio.sleep(0)
        return self.charge(key)

    def node(self, kind: str, key: str = "charge") -> Node:
        """One that charges, then asks; so that what it does before it asks is repeated."""

        def pay(_: State) -> State:
            return {"receipt": effect(key, self.charge), "answer": interrupt("Sure?")}

        async def apay(_: State) -> State:
            return {"receipt": await effect(key, self.acharge), "answer": interrupt("Sure?")}

        return pay if kind == "sync" else apay


def graph(*nodes: Node, **options: Any) -> Any:
    built = StateGraph(State)
    for number, node in enumerate(nodes):
        built.add_node(str(number), node, **options)
        built.add_edge(str(number - 1) if number else START, str(number))
    return built


@pytest.fixture
def till() -> Till:
    return Till()


@pytest.fixture
def runner(empty_url: Callable[[], str]) -> Iterator[Runner]:
    with Runner(empty_url(), {}) as runner:
        yield runner


def started(runner: Runner, *nodes: Node, **options: Any) -> Any:
    runner._graphs["g"] = graph(*nodes, **options)
    return runner.start("g", {}, thread_id="t")


def entries(runner: Runner) -> list[tuple[str, str]]:
    found = runner.saver.database.read(ledger.load, runner.saver.codec, "t")
    return [(entry.key, entry.state) for entry in found]


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_an_effect_happens_once_however_often_its_node_is_resumed(
    kind: str, empty_url: Callable[[], str], encryption: Encryption | None, till: Till
) -> None:
    with SQLSaver(empty_url(), encryption=encryption) as saver, Runner(saver, {}) as runner:
        run = started(runner, till.node(kind))
        assert run.wait(60).status == "waiting"
        outcome = run.resume("yes").wait(60)
        assert (outcome.status, outcome.state) == ("done", {"receipt": 1, "answer": "yes"})
        assert len(till.keys) == 1
        assert entries(runner) == [("charge", "done")]
        another = runner.start("g", {}, thread_id="t")
        assert another.wait(60).status == "waiting"
        assert len(set(till.keys)) == 2  # of another run, another effect
        assert not any(problem for problem in saver.verify())


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_what_failed_is_tried_again_for_the_same_callee(runner: Runner, till: Till, kind: str) -> None:
    till.then = lambda: 1 / 0
    run = started(runner, till.node(kind))
    outcome = run.wait(60)
    assert (outcome.status, outcome.error) == ("failed", "ZeroDivisionError: division by zero")
    assert entries(runner) == [("charge", "failed")]
    till.then = lambda: "paid"
    assert run.resume().wait(60).status == "waiting"
    assert run.resume("yes").wait(60).state == {"receipt": "paid", "answer": "yes"}
    assert len(till.keys) == 2
    assert len(set(till.keys)) == 1


def test_a_retry_of_a_node_keeps_what_it_has_done(runner: Runner, till: Till) -> None:
    calls: list[int] = []

    def shaky(_: State) -> State:
        paid = effect("charge", till.charge)
        calls.append(1)
        if len(calls) < 3:
            raise ConnectionError
        return {"receipt": paid}

    policy = RetryPolicy(initial_interval=0, max_attempts=3, retry_on=ConnectionError)
    assert started(runner, shaky, retry_policy=policy).wait(60).state == {"receipt": 1}


def test_a_result_that_cannot_be_kept_does_not_happen_again(runner: Runner, till: Till) -> None:
    till.then = object
    run = started(runner, till.node("sync"))
    outcomes = [run.wait(60), run.resume().wait(60)]
    assert [(o.status, o.error.startswith("UnsavableValueError: effect 'charge'")) for o in outcomes] == [
        ("failed", True),
        ("failed", True),
    ]
    assert len(till.keys) == 1


@pytest.mark.parametrize(
    ("answer", "status", "receipt", "calls"),
    [
        ("retry", "waiting", 2, 2),
        ("happened", "waiting", None, 1),
        ({"outcome": "happened", "value": "seen"}, "waiting", "seen", 1),
        ("give up", "failed", None, 1),
    ],
)
def test_what_the_callee_does_not_know_is_asked(
    runner: Runner, till: Till, answer: Any, status: str, receipt: Any, calls: int
) -> None:
    till.then = partial(_fail, EffectUnknownError("charge", "the line went dead"))
    run = started(runner, till.node("sync"))
    outcome = run.wait(60)
    assert outcome.status == "waiting"
    [question] = outcome.pending
    assert (question.handle, question.kind) == ("effect charge", "effect")
    assert "the line went dead" in question.prompt
    with pytest.raises(AnswerRefusedError, match="one of retry, happened, give up"):
        run.resume("perhaps")
    till.then = lambda: len(till.keys)
    outcome = run.resume(answer).wait(60)
    assert (outcome.status, len(till.keys)) == (status, calls)
    if status == "waiting":
        assert run.resume("yes").wait(60).state == {"receipt": receipt, "answer": "yes"}
    else:
        assert outcome.error == "EffectAbandonedError: effect 'charge' was given up or undone"


def _fail(error: Exception) -> None:
    raise error


def _twice(till: Till) -> Node:
    def node(_: State) -> Any:
        for _number in range(2):
            effect("charge", till.charge)
        return {}

    return node


def test_a_key_for_two_effects_is_told(runner: Runner, till: Till) -> None:
    def alone(_: State) -> State:
        return {"receipt": effect("charge", till.charge)}

    for nodes in ([_twice(till)], [alone, alone], [till.node("sync"), alone]):
        till.keys.clear()
        run = started(runner, *nodes)
        outcome = run.wait(60)
        if outcome.status == "waiting":  # the step after the question is the first of a new lease
            outcome = run.resume("yes").wait(60)
        assert outcome.error.startswith("EffectKeyError: effect 'charge': something else was done")
        assert len(till.keys) == 1
        runner._compiled.clear()
        run.cancel()


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("é" * 201, "effect 'é+'…: the key has 402 bytes, and 400 at most are kept; use a hash"),
        ("", "a key is text that is not empty, not ''"),
        (7, "a key is text that is not empty, not 7"),
        ("\ud800", "the key is no text that could be stored"),
    ],
)
def test_what_can_be_no_key_anywhere_is_refused_everywhere_before_anything_happens(
    till: Till, key: Any, says: str
) -> None:
    with pytest.raises(EffectKeyError, match=says) as refused:
        effect(key, till.charge)
    assert (till.keys, "\n" in str(refused.value)) == ([], False)


def test_the_longest_key_can_be_asked_about_on_every_database(runner: Runner, till: Till) -> None:
    till.then = partial(_fail, EffectUnknownError("", "the line went dead"))
    run = started(runner, till.node("sync", "é" * 200))
    [question] = run.wait(60).pending
    assert question.handle == f"effect {'é' * 200}"
    till.then = lambda: "paid"
    assert run.resume({question.handle: "retry"}).wait(60).status == "waiting"
    assert [event.answer for event in run.trail() if event.event == "answered"] == ["retry"]


def test_a_coroutine_of_no_coroutine_function_is_refused_before_anything_happens(runner: Runner, till: Till) -> None:
    async def node(_: State) -> Any:
        return {"receipt": await effect("charge", lambda key: till.acharge(key))}  # noqa: PLW0108  # no coroutine function

    run = started(runner, node)
    assert run.wait(60).error.startswith("TypeError: effect: a coroutine is done by a coroutine function")
    assert (till.keys, entries(runner)) == ([], [("charge", "failed")])


def test_an_effect_in_a_thread_whose_branch_was_cancelled_is_waited_for(runner: Runner, till: Till) -> None:
    """LangGraph cancels the siblings of what fails; a thread goes on, and what it did is known before the run rests."""
    reached, failed = threading.Event(), threading.Event()

    def slow() -> str:
        reached.set()
        assert failed.wait(60)
        return "paid"

    def fails(state: State) -> State:
        if not failed.is_set():
            assert reached.wait(60)
            threading.Timer(0.3, failed.set).start()
            raise ValueError
        return {}

    till.then = slow
    built = StateGraph(State)
    built.add_node("pays", lambda state: {"receipt": effect("charge", till.charge)})
    built.add_node("fails", fails)
    built.add_edge(START, "pays")
    built.add_edge(START, "fails")
    runner._graphs["g"] = built
    run = runner.start("g", {}, thread_id="t")
    assert (run.wait(60).status, entries(runner)) == ("failed", [("charge", "done")])
    assert run.resume().wait(60).state == {"receipt": "paid"}
    assert len(till.keys) == 1


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_without_a_runner_a_task_that_is_repeated_is_not_done_again(saver: SQLSaver, till: Till, kind: str) -> None:
    compiled, config = graph(till.node(kind), till.node(kind)).compile(checkpointer=saver), _config()

    async def both() -> None:
        await compiled.ainvoke({}, config)
        await compiled.ainvoke(Command(resume="yes"), config)
        await compiled.ainvoke(Command(resume="yes"), config)

    asyncio.run(both())
    assert compiled.get_state(config).values == {"receipt": 2, "answer": "yes"}
    assert len(set(till.keys)) == 2
    till.then = partial(_fail, EffectUnknownError("charge", "the line went dead"))
    for said in ("the line went dead", "effects THREAD --settle"):
        with pytest.raises(EffectUnknownError, match=said):
            asyncio.run(compiled.ainvoke({} if said.startswith("the") else None, config))
    assert len(till.keys) == 3


def test_without_a_ledger_an_effect_is_a_call(till: Till) -> None:
    compiled = graph(till.node("sync")).compile(checkpointer=InMemorySaver())
    compiled.invoke({}, _config())
    compiled.invoke(Command(resume="yes"), _config())
    assert effect("charge", lambda: "alone") == "alone"
    assert len(set(till.keys)) == 2  # and whoever is called sees two


def _config() -> Any:
    return {"configurable": {"thread_id": "t"}}
