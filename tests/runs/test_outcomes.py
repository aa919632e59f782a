"""What may have happened in a graph without a Runner is listed, and goes on as somebody says."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langgraph.graph import START, StateGraph
from langgraph.types import Send
from typing_extensions import TypedDict

from tests.graphs.dying import Killed
from threadloom import effect
from threadloom.checkpoints import SQLSaver
from threadloom.runs.errors import EffectAbandonedError, EffectError, EffectUnknownError
from threadloom.runs.outcomes import effects_of, settle
from threadloom.runs.runner import Runner

CONFIG: Any = {"configurable": {"thread_id": "t"}}


class State(TypedDict, total=False):
    receipt: Any


class Till:
    """Charges, and dies with the process the first time."""

    def __init__(self) -> None:
        self.charged: list[str] = []

    def charge(self, key: str) -> str:
        self.charged.append(key)
        if len(self.charged) == 1:
            raise Killed
        return "paid"

    def pay(self, _: State) -> State:
        return {"receipt": effect("charge", self.charge)}

    async def apay(self, _: State) -> Any:
        async def charge(key: str) -> str:
            return self.charge(key)

        return {"receipt": await effect("charge", charge)}


def killed(saver: SQLSaver, till: Till, kind: str) -> Any:
    """A graph whose process died in the middle of the effect."""
    node: Any = till.pay if kind == "sync" else till.apay
    graph = StateGraph(State).add_node("pay", node).add_edge(START, "pay").compile(checkpointer=saver)
    with pytest.raises(Killed):
        asyncio.run(graph.ainvoke({}, CONFIG, durability="sync")) if kind == "async" else graph.invoke(
            {}, CONFIG, durability="sync"
        )
    return graph


def gone_on(graph: Any, kind: str) -> Any:
    return asyncio.run(graph.ainvoke(None, CONFIG)) if kind == "async" else graph.invoke(None, CONFIG)


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_an_effect_that_may_have_happened_goes_on_as_somebody_says(saver: SQLSaver, kind: str) -> None:
    """On every kind of database, plain and encrypted."""
    for outcome, value, receipt, calls in (
        ("happened", {"number": 7}, {"number": 7}, 1),
        ("happened", None, None, 1),
        ("retry", None, "paid", 2),
    ):
        till = Till()
        graph = killed(saver, till, kind)
        for _ in range(2):
            with pytest.raises(
                EffectUnknownError, match="`threadloom effects THREAD --settle`, and run the graph again"
            ):
                gone_on(graph, kind)
        assert [(entry.key, entry.state) for entry in effects_of(saver, "t")] == [("charge", "begun")]
        settle(saver, "t", "charge", outcome, value=value)
        assert gone_on(graph, kind) == {"receipt": receipt}
        assert (len(till.charged), len(set(till.charged))) == (calls, 1)  # and whom it calls knows it again
        assert [entry.state for entry in effects_of(saver, "t")] == ["done"]
        saver.delete_thread("t")


def test_who_gave_an_effect_up_may_think_better_of_it(saver: SQLSaver) -> None:
    graph = killed(saver, Till(), "sync")
    settle(saver, "t", "charge", "give up")
    with pytest.raises(EffectAbandonedError):
        graph.invoke(None, CONFIG)
    settle(saver, "t", "charge", "retry")
    assert graph.invoke(None, CONFIG) == {"receipt": "paid"}


def test_of_several_tasks_with_one_key_it_is_said_whose_it_is(url: str) -> None:
    tills = [Till(), Till()]
    built: Any = StateGraph(State)
    built.add_node("pay", lambda state: tills[state["number"]].pay(state))
    sends = [Send("pay", {"number": number}) for number in range(2)]
    with SQLSaver(url) as saver:
        graph = built.add_conditional_edges(START, lambda _: sends, ["pay"]).compile(checkpointer=saver)
        while len(effects_of(saver, "t")) < 2:
            with pytest.raises((Killed, EffectUnknownError)):
                graph.invoke(None if effects_of(saver, "t") else {}, CONFIG, durability="sync")
        first, second = effects_of(saver, "t")
        with pytest.raises(EffectError, match=f"say whose it is, of these: .*{second.scope}"):
            settle(saver, "t", "charge", "retry")
        settle(saver, "t", "charge", "happened", task=first.task[:8])
        assert [entry.state for entry in effects_of(saver, "t")] == ["begun", "done"]
        settle(saver, "t", "charge", "retry")  # of the other, it is clear now


@pytest.mark.parametrize(
    ("thread", "key", "outcome", "value", "says"),
    [
        ("t", "charge", "perhaps", None, "is one of happened, retry, give up, not 'perhaps'"),
        ("t", "charge", "retry", 7, "leave the value out"),
        ("t", "nothing", "retry", None, "thread 't' has no effect 'nothing'"),
        ("nobody", "charge", "retry", None, "thread 'nobody' has no effect 'charge'"),
    ],
)
def test_what_cannot_be_settled_is_one_line_and_changes_nothing(
    url: str, thread: str, key: str, outcome: str, value: Any, says: str
) -> None:
    with SQLSaver(url) as saver:
        killed(saver, Till(), "sync")
        before = effects_of(saver, "t")
        with pytest.raises(EffectError, match=says):
            settle(saver, thread, key, outcome, value=value)
        assert (effects_of(saver, "t"), effects_of(saver, "nobody")) == (before, [])
        settle(saver, "t", "charge", "happened")
        with pytest.raises(EffectError, match="is known; there is nothing to say"):
            settle(saver, "t", "charge", "retry")


def test_an_effect_of_a_run_is_for_whom_the_runner_asks(empty_url: Callable[[], str]) -> None:
    def charge() -> str:
        raise EffectUnknownError("", "the line went dead")

    def pay(_: State) -> State:
        return {"receipt": effect("charge", charge)}

    built: Any = StateGraph(State)
    with Runner(empty_url(), {"g": built.add_node("pay", pay).add_edge(START, "pay")}) as runner:
        run = runner.start("g", {}, thread_id="t")
        assert run.wait(60).status == "waiting"
        with pytest.raises(EffectError, match=f"is of run {run.id}: resume that with an answer"):
            settle(runner.saver, "t", "charge", "retry")
        assert [entry.state for entry in effects_of(runner.saver, "t")] == ["unknown"]
