"""Chains: what does not fit together is an error when they are built; what was done is taken back; budgets hold."""

from collections.abc import Callable
from dataclasses import replace
from operator import add
from threading import Event
from typing import Annotated, Any, NotRequired

import pytest
from langgraph.graph import END
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

from tests.graphs.agents import THREAD
from threadloom.checkpoints import SQLSaver
from threadloom.graphs.sequential import abandon, build
from threadloom.nodes.step import Step, StepError
from threadloom.state.budget import Limits
from threadloom.state.usage import Usage


class Text(TypedDict):
    text: str


class Words(TypedDict):
    words: int


class Report(TypedDict):
    text: str
    words: int
    remark: NotRequired[str]


class Line(TypedDict):
    line: str


class Place(TypedDict):
    place: str


def count(given: Text) -> Words:
    return {"words": len(given["text"].split())}


def tell(given: Report) -> Line:
    return {"line": f"{given['words']} words, {sorted(given)}"}


def test_each_step_gets_what_it_takes_and_no_more() -> None:
    def first(given: Words) -> Line:
        return {"line": str(dict(given))}

    assert build([Step(count), Step(tell)], input=Text).compile().invoke({"text": "a b"})["line"] == (
        "2 words, ['text', 'words']"
    )
    assert build([Step(count), Step(first)], input=Text).compile().invoke({"text": "a b"})["line"] == "{'words': 2}"


def wrong(given: Text) -> Words:
    return {"words": "two"}  # type: ignore[typeddict-item]  # what the step is caught at


def nothing(given: Text) -> Words:
    return {}  # type: ignore[typeddict-item]  # what the step is caught at


def more(given: Text) -> Words:
    return {"words": 1, "line": ""}  # type: ignore[typeddict-unknown-key]  # what the step is caught at


def forgets(given: Text) -> Words:
    return None  # type: ignore[return-value]  # what the step is caught at


@pytest.mark.parametrize(
    ("step", "complaint"),
    [
        (wrong, "step wrong: words is not what it promised"),
        (nothing, "step nothing did not return what it gives: words"),
        (more, "step more did not return what it gives: line"),
        (forgets, "step forgets returned None, not a dict of what it gives"),
    ],
)
def test_a_step_that_breaks_its_promise_is_named(step: Any, complaint: str) -> None:
    with pytest.raises(StepError, match=complaint):
        build([Step(step)], input=Text).compile().invoke({"text": "a"})


def as_text(given: Text) -> Line:
    return {"line": ""}


class Number(TypedDict):
    text: int


def as_place(given: Text) -> Place:
    return {"place": given["text"]}


def as_number(given: Number) -> Line:
    return {"line": ""}


def untyped(given: Any) -> Any:
    return given


@pytest.mark.parametrize(
    ("steps", "complaint"),
    [
        (
            lambda: [Step(tell), Step(count)],
            "step tell takes words, which neither the input nor a step before it gives",
        ),
        (lambda: [Step(as_number)], "step as_number takes text as int, but the input gives str"),
        (lambda: [Step(count), Step(count)], "'count' cannot be the name of several"),
        (list, "none given"),
        (lambda: [Step(untyped)], "step untyped: takes: a TypedDict is needed"),
        (lambda: [Step(count, then=lambda _: END)], "give both or neither"),
        (lambda: [Step(count, then=lambda _: "gone", to=["gone"])], "step count may go to gone, which is no step"),
    ],
)
def test_what_does_not_fit_together_is_said_at_build_time(steps: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        build(steps(), input=Text)


class Paid(TypedDict):
    paid: str
    usage: dict[str, Usage]


class Rest(TypedDict):
    paid: str
    budget: NotRequired[Limits | None]


def pay(given: Text) -> Paid:
    return {"paid": given["text"], "usage": {"m": Usage(calls=1, input_tokens=1, output_tokens=1, cost_usd=0.0)}}


def pay_again(given: Rest) -> Paid:
    return {**pay({"text": given["paid"]}), "paid": str(given.get("budget"))}


def end(given: Paid) -> Line:
    return {"line": given["paid"]}


def test_a_step_that_spends_is_told_what_is_left_and_not_begun_without() -> None:
    steps = [Step(pay), Step(pay_again), Step(end)]
    chain = build(steps, input=Text, budget={"model_calls": 3, "tokens": 10}).compile()
    assert chain.invoke({"text": "a"})["line"] == "{'model_calls': 2, 'tokens': 8}"
    state = build(steps, input=Text, budget={"model_calls": 1}).compile().invoke({"text": "a"})
    assert ("line" in state, state["stopped"]) == (False, "the budget of 1 model calls is used up")
    assert (state["usage"]["m"]["calls"], state["work"]["steps"], state["limits"]) == (1, 1, {"model_calls": 1})
    instead = [steps[0], replace(steps[1], without=lambda reason: {"paid": f"a template: {reason}"}), steps[2]]
    state = build(instead, input=Text, budget={"model_calls": 1}).compile().invoke({"text": "a"})
    assert (state["line"], state["stopped"]) == ("a template: the budget of 1 model calls is used up", "")


def test_no_step_is_waited_for_beyond_the_budgets_seconds() -> None:
    let_go = Event()

    def hang(given: Text) -> Paid:
        let_go.wait(30)
        return pay(given)

    state = build([Step(hang), Step(end)], input=Text, budget={"seconds": 0.2}).compile().invoke({"text": "a"})
    let_go.set()
    assert ("line" in state, state["stopped"]) == (
        False,
        "the budget left no more time: step hang gave no answer within 0.2 s",
    )


def test_a_chain_that_the_budget_stops_is_taken_back() -> None:
    log: list[str] = []
    steps = [
        Step(count, compensate=lambda state: log.append(f"no {state['words']}")),
        Step(pay),
        Step(pay_again, compensate=lambda _: log.append("never done")),
    ]
    state = build(steps, input=Text, budget={"model_calls": 1}).compile().invoke({"text": "a b"})
    assert log == ["no 2"]
    assert state["abandoned"] == state["stopped"] == "the budget of 1 model calls is used up"


class Log(TypedDict):
    done: Annotated[list[str], add]


def logging(name: str, **more: Any) -> Step:
    return Step(lambda _: {"done": [name]}, name, takes=Log, gives=Log, **more)


@pytest.mark.parametrize("acts", [False, True])
def test_a_loop_of_steps_that_do_not_spend_ends_with_the_budget(acts: bool) -> None:
    taken: list[str] = []
    hook = (lambda _: taken.append("a")) if acts else None
    steps = [logging("a", compensate=hook), logging("b"), logging("c", then=lambda _: "b", to=["b", END])]
    state = build(steps, input=Log, budget={"steps": 2}).compile().invoke({"done": []})
    assert (state["done"], state["stopped"]) == (["a", *["b", "c"] * 3], "the budget of 2 steps is used up")
    assert taken == ["a"] * acts
    itself = [logging("a"), logging("b", then=lambda _: "b", to=["b"]), logging("c")]
    assert build(itself, input=Log, budget={"steps": 2}).compile().invoke({"done": []})["done"] == ["a", "b", "b", "b"]


@pytest.mark.parametrize(
    ("steps", "budget", "complaint"),
    [
        ([Step(pay)], {"model_calls": 0}, "budget: model_calls is 0, which allows nothing"),
        ([Step(pay)], {"calls": 1}, "budget: unknown calls"),
        (
            [Step(pay), Step(end, then=lambda _: "pay", to=["pay"])],
            {"steps": 1},
            "step end goes back to the first, where a budget begins anew",
        ),
    ],
)
def test_a_budget_that_cannot_be_kept_is_said_at_build_time(steps: Any, budget: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        build(steps, input=Text, budget=budget)


class Allowed(Text):
    budget: NotRequired[Limits | None]


def test_a_budget_that_is_none_is_no_failure_of_a_step() -> None:
    chain = build([Step(count, compensate=lambda _: None)], input=Allowed).compile()
    with pytest.raises(ValueError, match=r"^budget: unknown calls"):
        chain.invoke({"text": "a", "budget": {"calls": 1}})


@pytest.mark.parametrize("acts", [False, True])
def test_a_step_that_hangs_is_left_behind(acts: bool) -> None:
    let_go = Event()

    def hang(given: Place) -> Words:
        let_go.wait(30)
        return {"words": 1}

    step = Step(hang, deadline=0.2, compensate=(lambda _: None) if acts else None)
    chain, late = build([step], input=Place).compile(), "step hang gave no answer within 0.2 s"
    if acts:
        assert chain.invoke({"place": "Rome"})["abandoned"] == f"hang failed: StepError: {late}"
    else:
        with pytest.raises(StepError, match=late):
            chain.invoke({"place": "Rome"})
    let_go.set()


def test_a_compensation_has_the_deadline_of_its_step() -> None:
    let_go = Event()
    undo: Any = lambda _: let_go.wait(30)  # noqa: E731 - what it returns does not matter

    def acts(given: Place) -> Words:
        return {"words": 1}

    def fails(given: Place) -> Line:
        raise OSError("no wire")

    chain = build([Step(acts, deadline=0.2, compensate=undo), Step(fails)], input=Place).compile()
    state = chain.invoke({"place": "Rome"})
    let_go.set()
    [done] = state["compensated"]
    assert done["error"] == "it gave no answer within 0.2 s: whether it was taken back is not known"


def trip(log: list[str], *, fails: bool = False) -> list[Step]:
    """Three bookings that can be taken back, but for the hotel's; then a person, then payment."""

    def book(what: str) -> Callable[[Any], Place]:
        def step(given: Any) -> Place:
            log.append(what)
            return {"place": what[0]}

        return step

    def cancel(what: str) -> Callable[[Any], None]:
        def hook(state: Any) -> None:
            log.append(f"no {what} ({state['place']})")
            if what == "hotel":
                raise OSError("no line")

        return hook

    def ask(given: Place) -> Line:
        return {"line": interrupt("Pay?")}

    def pay(given: Line) -> Words:
        if fails:
            raise OSError("declined")
        return {"words": 1}

    booked = [
        Step(book(what), what, takes=Text, gives=Place, compensate=cancel(what)) for what in ("flight", "hotel", "car")
    ]
    return [*booked, Step(ask), Step(pay)]


TAKEN_BACK = ["no car (c)", "no hotel (c)", "no flight (c)"]


@pytest.mark.parametrize("fails", [True, False])
def test_what_steps_did_is_taken_back_when_the_run_is_given_up(saver: SQLSaver, fails: bool) -> None:
    log: list[str] = []
    chain = build(trip(log, fails=fails), input=Text).compile(checkpointer=saver)
    for again in range(2):  # a thread may have several runs
        log.clear()
        chain.invoke({"text": "Rome"}, THREAD)
        if fails:
            state = chain.invoke(Command(resume="yes"), THREAD)
        else:
            state = abandon(chain, THREAD, "a person changed their mind")
        assert log[-3:] == TAKEN_BACK, again
        assert state["compensated"] == [
            {"step": "car", "error": ""},
            {"step": "hotel", "error": "no line"},
            {"step": "flight", "error": ""},
        ]
        assert state["abandoned"] == ("pay failed: OSError: declined" if fails else "a person changed their mind")
        assert chain.get_state(THREAD).next == ()


def lost(state: Any) -> str:
    raise OSError("no map")


@pytest.mark.parametrize(
    ("then", "why"),
    [
        (lost, "book failed: OSError: no map"),
        (lambda _: "gone", "book failed: ValueError: step book goes on to 'gone'; it may go to count, __end__"),
    ],
)
@pytest.mark.parametrize("acts", [False, True])
def test_a_chain_that_does_not_know_where_to_go_is_taken_back(
    saver: SQLSaver, then: Callable[[Any], str], why: str, acts: bool
) -> None:
    log: list[str] = []
    hook = (lambda state: log.append(f"no {state['text']}")) if acts else None
    book = Step(as_place, "book", compensate=hook, then=then, to=["count", END])
    other = Step(count, compensate=lambda _: log.append("never done"))
    for _ in range(2):  # a thread may have several runs
        state = build([book, other], input=Text).compile(checkpointer=saver).invoke({"text": "Rome"}, THREAD)
        assert (state["abandoned"], "words" in state) == (why, False)
    assert log == ["no Rome"] * 2 * acts


@pytest.mark.parametrize("budget", [None, {"steps": 9}])
def test_a_step_that_goes_where_it_may_not_is_named(budget: Any) -> None:
    chain = build([Step(count, then=lambda _: "gone", to=[END])], input=Text, budget=budget).compile()
    with pytest.raises(ValueError, match="step count goes on to 'gone'; it may go to __end__"):
        chain.invoke({"text": "a"})


def test_a_run_that_is_not_given_up_takes_nothing_back(saver: SQLSaver) -> None:
    log: list[str] = []
    chain = build(trip(log), input=Text).compile(checkpointer=saver)
    chain.invoke({"text": "Rome"}, THREAD)
    state = chain.invoke(Command(resume="yes"), THREAD)
    assert (log, state["words"], state["compensated"]) == (["flight", "hotel", "car"], 1, [])


def test_a_run_killed_while_it_takes_back_goes_on_there(saver: SQLSaver) -> None:
    log: list[str] = []
    steps = trip(log)
    dies = iter([True])

    def killed(state: Any) -> None:
        if next(dies, False):
            raise KeyboardInterrupt
        log.append("no hotel at last")

    chain = build([steps[0], replace(steps[1], compensate=killed), *steps[2:]], input=Text).compile(checkpointer=saver)
    chain.invoke({"text": "Rome"}, THREAD)
    with pytest.raises(KeyboardInterrupt):
        abandon(chain, THREAD, "no money")
    chain.invoke(None, THREAD)
    assert log[3:] == ["no car (c)", "no hotel at last", "no flight (c)"]


def test_a_chain_without_anything_to_take_back_cannot_be_abandoned(saver: SQLSaver) -> None:
    with pytest.raises(ValueError, match="no step of this chain can be taken back"):
        abandon(build([Step(count)], input=Text).compile(checkpointer=saver), THREAD, "why not")
    with pytest.raises(ValueError, match="begin"):
        build([Step(count, "begin", compensate=print)], input=Text)


def test_nothing_can_be_given_up_on_a_thread_that_has_nothing(saver: SQLSaver) -> None:
    chain = build([Step(count, compensate=lambda _: None)], input=Text).compile(checkpointer=saver)
    with pytest.raises(ValueError, match="nothing was begun on this thread"):
        abandon(chain, THREAD, "no money")
    assert saver.get_tuple(THREAD) is None
