"""How an agent ends that does not end by itself: budgets, and loops that get nowhere."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.tools import tool
from langgraph.types import Command

from tests.graphs.agents import ASKED, MAIL, Run, looks, pause, results, sending, sent, weather
from tests.servers.openai_server import Answer, OpenAIServer, Raw, Reply, error
from threadloom.models.chain import ModelAnswerError
from threadloom.nodes.within import TooSlowError
from threadloom.state.budget import Limits


class Endless:
    """A model that calls the tool for ever, with another city every time, whether there are tools or not."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(self, body: dict[str, Any]) -> Answer:
        self.number += 1
        return looks(f"City {self.number}")


def test_a_model_that_never_stops_is_told_and_then_stopped(server: OpenAIServer, run: Run) -> None:
    server.scenario = Endless()
    state = run(budget=Limits(model_calls=4))
    assert len(server.requests) == 4
    assert ["tools" in request.body for request in server.requests] == [True, True, True, False]
    assert "No more tools can be called" in sent(server)[0]["content"]
    assert state["stopped"] == "the budget of 4 model calls is nearly used up"
    assert state["messages"][-1].text.startswith("The run was stopped without an answer: the budget of 4 model calls")
    assert len(results(state)) == 3


def test_the_last_answer_of_a_budget_is_an_answer(server: OpenAIServer, run: Run) -> None:
    server.scenario = lambda body: looks("Lima") if "tools" in body else Reply("As far as I know: sunny.")
    state = run(budget=Limits(model_calls=2))
    assert state["messages"][-1].text == "As far as I know: sunny."
    assert state["stopped"]


@pytest.mark.parametrize(
    ("budget", "calls"),
    [
        (Limits(tokens=20), 2),  # 18 a call: the first leaves less than a tenth, the second is the last answer
        (Limits(usd=0.0002), 3),
        (Limits(steps=6), 4),
    ],
)
def test_every_limit_holds(server: OpenAIServer, run: Run, budget: Limits, calls: int) -> None:
    server.scenario = Endless()
    state = run(budget=budget)
    assert len(server.requests) <= calls
    assert "budget of" in state["stopped"]


@pytest.mark.parametrize("calls", range(1, 7))
def test_a_summary_is_paid_for_by_the_budget_and_never_costs_the_answer(
    server: OpenAIServer, run: Run, calls: int
) -> None:
    server.scenario = lambda body: looks(f"{len(server.requests)} " + "x" * 400) if "tools" in body else Reply("Sunny.")
    state = run(budget=Limits(model_calls=calls), window=150)
    assert len(server.requests) == state["usage"]["m"]["calls"] == calls
    assert state["messages"][-1].text == "Sunny."
    summaries = [one for one in state["choices"] if one["node"] == "summary"]
    assert bool(summaries) == (calls > 4)
    assert ("no room for a summary" in state["notes"].get("summary", "")) == (calls > 2)
    assert state["work"]["steps"] == calls + len(results(state))


def summarises(server: OpenAIServer, *then: Answer) -> None:
    """Five lookings, of which a summary has to be made; what follows it is answered with `then`."""
    waiting = list(then)

    def scenario(body: dict[str, Any]) -> Answer:
        if body["messages"][0]["content"].startswith("Summarise"):
            return Reply("They looked.")
        if "They looked." in body["messages"][0]["content"]:
            return waiting.pop(0)
        return looks(f"{len(server.requests)} " + "x" * 400)

    server.scenario = scenario


def summaries(server: OpenAIServer) -> int:
    return sum(sent(server, at)[0]["content"].startswith("Summarise") for at in range(len(server.requests)))


@pytest.mark.parametrize("broken", [Raw(b'{"choices": [', abort=True), error(500), error(401)])
def test_a_summary_is_paid_for_once_though_the_reply_after_it_fails(
    server: OpenAIServer, run: Run, broken: Raw
) -> None:
    summarises(server, broken, Reply("Sunny."))
    state = run(window=150)
    assert (state["messages"][-1].text, state["summary"], summaries(server)) == ("Sunny.", "They looked.", 1)
    assert state["usage"]["m"]["calls"] == len(server.requests) - 1 == len(state["choices"])
    assert state["work"]["steps"] == state["usage"]["m"]["calls"] + len(results(state))


def test_a_run_that_fails_after_a_summary_is_resumed_with_it(server: OpenAIServer, run: Run) -> None:
    summarises(server, *[error(401)] * 2, Reply("Sunny."))
    with pytest.raises(ModelAnswerError):
        run(window=150)
    state = run(None, window=150)
    assert (state["messages"][-1].text, summaries(server)) == ("Sunny.", 1)
    assert state["usage"]["m"]["calls"] == len(server.requests) - 2


def test_a_summary_before_a_reply_that_takes_too_long_is_counted(
    server: OpenAIServer, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(_: float | None, work: Callable[[], Any]) -> Any:
        reply = work()
        if "late" in reply.value.text:
            raise TooSlowError
        return reply

    monkeypatch.setattr("threadloom.nodes.think.within", late)
    summarises(server, Reply("Too late."), Reply("Sunny."))
    state = run(window=150)
    assert (state["messages"][-1].text, summaries(server)) == ("Sunny.", 1)
    assert state["usage"]["m"]["calls"] == len(server.requests) - 1


def test_parallel_calls_do_not_overrun_the_steps(server: OpenAIServer, run: Run) -> None:
    server.scenario = lambda body: looks(*map(str, range(50))) if "tools" in body else Reply("Enough.")
    state = run(budget=Limits(steps=10))
    assert (state["work"]["steps"], state["messages"][-1].text) == (10, "Enough.")
    assert sum(text.endswith("sunny") for text in results(state)) == 8
    assert sum(text.startswith("Not carried out: the budget") for text in results(state)) == 42


def test_a_tool_that_hangs_ends_with_the_seconds_of_the_budget(server: OpenAIServer, run: Run) -> None:
    let_go = threading.Event()

    @tool
    def hang() -> str:
        """Never answers."""
        let_go.wait(30)
        return "late"

    server.scenario = lambda body: Reply(calls=(("hang", {}),))
    state = run(tools=[hang], budget=Limits(seconds=1))
    let_go.set()
    assert "1 seconds of work" in state["stopped"]
    assert len(server.requests) <= 2


def test_a_loop_is_nudged_replanned_and_stopped(server: OpenAIServer, run: Run) -> None:
    server.scenario = lambda body: looks("Lima") if "tools" in body else Reply("I keep seeing sun.")
    state = run()
    assert [step["kind"] for step in state["interventions"]] == ["nudge", "replan", "stop"]
    assert len(server.requests) == 10
    assert "3 times with the same result" in sent(server, 3)[0]["content"]
    assert "make a different plan" in sent(server, 6)[0]["content"]
    assert "tools" not in server.requests[-1].body
    assert state["messages"][-1].text == "I keep seeing sun."
    assert state["stopped"].startswith("no progress: the same step")


def test_a_nudge_that_helps_is_the_only_one(server: OpenAIServer, run: Run) -> None:
    server.scenario = lambda body: Reply("Sun.") if "Note:" in body["messages"][0]["content"] else looks("Lima")
    state = run()
    assert [step["kind"] for step in state["interventions"]] == ["nudge"]
    assert (state["stopped"], state["messages"][-1].text) == ("", "Sun.")


def test_polling_is_not_cut_off(server: OpenAIServer, run: Run) -> None:
    asked = iter(range(20))

    @tool
    def progress() -> str:
        """How far the job is."""
        return f"{next(asked)} of 12"

    def scenario(body: dict[str, Any]) -> Answer:
        done = body["messages"][-1].get("content") == "12 of 12"
        return Reply("Done.") if done else Reply(calls=(("progress", {}),))

    server.scenario = scenario
    state = run(tools=[progress])
    assert (state["interventions"], state["messages"][-1].text) == ([], "Done.")


def test_unknown_tools_again_and_empty_answers_are_noticed(server: OpenAIServer, run: Run) -> None:
    server.reply(
        Reply(calls=(("nothing", {"a": 1}),)), Reply(calls=(("nothing", {"a": 2}),)), Reply(""), Reply("Well.")
    )
    state = run()
    assert [step["reason"] for step in state["interventions"]] == [
        "there is no tool 'nothing', as was said before",
        "the answer was empty",
    ]
    assert state["messages"][-1].text == "Well."


def test_a_tool_that_is_unknown_twice_in_one_message_was_not_told_of_before(server: OpenAIServer, run: Run) -> None:
    server.reply(Reply(calls=(("nothing", {"a": 1}), ("nothing", {"a": 2}))), Reply("Well."))
    state = run()
    assert (state["interventions"], state["messages"][-1].text) == ([], "Well.")


def test_an_answer_that_stays_empty_ends_the_run(server: OpenAIServer, run: Run) -> None:
    server.reply(Reply(""))
    state = run()
    assert len(server.requests) == 4
    assert state["messages"][-1].text == "The run was stopped without an answer: no progress: the answer was empty."


def test_a_person_may_give_more_budget(server: OpenAIServer, run: Run) -> None:
    server.scenario = Endless()
    options: Any = {"budget": Limits(model_calls=2), "at_limit": "ask"}
    question = pause(run(**options))
    assert (question["kind"], question["details"]["spent"]["model_calls"]) == ("budget", 1)
    again = pause(run(Command(resume={"model_calls": -1}), **options))
    assert "model_calls" in again["refused"]
    again = pause(run(Command(resume={"tokens": 5}), **options))
    assert "not enough: the budget of 2 model calls" in again["refused"]
    question = pause(run(Command(resume={"model_calls": 2}), **options))
    assert question["details"]["spent"]["model_calls"] == 3
    server.scenario = lambda body: Reply("That is all.") if "tools" not in body else error(500)
    state = run(Command(resume={"stop": True}), **options)
    assert (state["messages"][-1].text, len(server.requests)) == ("That is all.", 4)
    assert len(results(state)) == 3


def test_the_budget_is_counted_on_over_a_pause_and_anew_for_a_new_question(server: OpenAIServer, run: Run) -> None:
    options: Any = {"tools": [sending([]), weather], "budget": Limits(model_calls=3)}
    server.scenario = lambda body: MAIL if "tools" in body else Reply("Out of budget.")
    run(**options)
    run(Command(resume={"action": "reject"}), **options)
    state = run(Command(resume={"action": "reject"}), **options)
    assert (len(server.requests), state["usage"]["m"]["calls"]) == (3, 3)
    server.reply(Reply("Fresh."))
    state = run({"messages": [{"role": "user", "content": "And now?"}]}, **options)
    assert (state["usage"]["m"]["calls"], state["stopped"], state["interventions"]) == (1, "", [])


def test_a_caller_may_narrow_the_budget_but_not_widen_it(server: OpenAIServer, run: Run) -> None:
    server.scenario = Endless()
    state = run({**ASKED, "budget": {"model_calls": 2}}, budget=Limits(model_calls=5, steps=9))
    assert state["limits"] == {"model_calls": 2, "steps": 9}
    state = run({**ASKED, "budget": {"model_calls": 50}}, budget=Limits(model_calls=5, steps=9))
    assert state["limits"] == {"model_calls": 5, "steps": 9}
    state = run({**ASKED, "budget": {"model_calls": 0}})
    assert state["messages"][-1].text.startswith("The run was stopped without an answer: the budget of 0 model calls")
    with pytest.raises(ValueError, match="budget: unknown calls"):
        run({**ASKED, "budget": {"calls": 50}})
