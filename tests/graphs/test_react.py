"""The agent loop end to end: real models over HTTP, tools that fail in every way, people who answer wrongly."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import BaseTool, StructuredTool, tool
from langgraph.types import Command

from tests.servers.openai_server import Answer, OpenAIServer, Raw, Reply, error
from threadloom.checkpoints import SQLSaver
from threadloom.graphs.react import build
from threadloom.models.chain import ModelAnswerError
from threadloom.models.openai import chat_model
from threadloom.models.roles import Models
from threadloom.models.settings import ModelEntry
from threadloom.nodes.choose import by_effort
from threadloom.nodes.history import LOST
from threadloom.state.budget import Limits

THREAD: Any = {"configurable": {"thread_id": "t"}}
ASKED: Any = {"messages": [{"role": "user", "content": "What is it like in Lima and in Oslo?"}]}


def entry(server: OpenAIServer, model: str = "m", **options: Any) -> ModelEntry:
    priced = {"input_price": 1, "output_price": 10, "max_retries": 0, "api_key": "none"}
    return ModelEntry.model_validate({"model": model, "base_url": server.url, **priced, **options})


def models(server: OpenAIServer, **options: Any) -> Models:
    return Models({"m": entry(server, **options)}, {"default": ("m",)})


@tool
def weather(city: str) -> str:
    """Weather of a city."""
    return f"{city}: sunny"


def sending(log: list[str]) -> BaseTool:
    def send(to: str, text: str = "") -> str:
        """Send a message."""
        log.append(f"{to}: {text}")
        return f"sent to {to}"

    return StructuredTool.from_function(send, metadata={"acts": True})


def looks(*cities: str) -> Reply:
    return Reply(calls=tuple(("weather", {"city": city}) for city in cities))


@pytest.fixture
def saver() -> Iterator[SQLSaver]:
    with SQLSaver("sqlite://") as saver:
        yield saver


Run = Callable[..., Any]


@pytest.fixture(params=["sync", "async"])
def run(request: pytest.FixtureRequest, server: OpenAIServer, saver: SQLSaver) -> Run:
    """Runs an agent on thread `t`, through `invoke` or `ainvoke`."""

    def call(given: Any = ASKED, *, tools: Any = (weather,), **options: Any) -> Any:
        options.setdefault("models", models(server))
        agent = build(tools=list(tools), **options).compile(checkpointer=saver)
        if request.param == "async":
            return asyncio.run(agent.ainvoke(given, THREAD))
        return agent.invoke(given, THREAD)

    return call


def results(state: Any) -> list[str]:
    return [message.text for message in state["messages"] if isinstance(message, ToolMessage)]


def sent(server: OpenAIServer, number: int = -1) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = server.requests[number].body["messages"]
    return messages


def test_calls_run_at_once_and_their_results_keep_the_order(server: OpenAIServer, run: Run) -> None:
    meeting = threading.Barrier(3)

    @tool
    def weather(city: str) -> str:
        """Weather of a city."""
        meeting.wait(10)  # nobody passes until all three are here
        return f"{city}: sunny"

    server.reply(looks("Lima", "Oslo", "Rome"), Reply("Sunny everywhere."))
    state = run(tools=[weather])
    assert results(state) == ["Lima: sunny", "Oslo: sunny", "Rome: sunny"]
    assert state["messages"][-1].text == "Sunny everywhere."
    assert (state["stopped"], state["usage"]["m"]["calls"], state["work"]["steps"]) == ("", 2, 5)
    assert state["usage"]["m"]["cost_usd"] == pytest.approx(2 * (11 + 70) / 1e6)
    assert [(choice["role"], choice["model"]) for choice in state["choices"]] == [("agent", "m")] * 2
    assert [message["content"] for message in sent(server) if message["role"] == "tool"] == results(state)
    assert state["finished_at"]


def test_one_that_fails_hangs_or_does_not_exist_does_not_keep_the_others_from_their_results(
    server: OpenAIServer, run: Run
) -> None:
    let_go = threading.Event()

    @tool
    def hang() -> str:
        """Never answers."""
        let_go.wait(30)
        return "late"

    @tool
    def fail(city: str) -> str:
        """Fails."""
        raise OSError(f"no wire to {city}, see http://host/path?key=secret")

    server.reply(
        Reply(
            calls=(
                ("hang", {}),
                ("fail", {"city": "Oslo"}),
                ("nothing", {}),
                ("weather", {"town": "Rome"}),
                ("weather", {"city": "Lima"}),
                ("weather", '{"city": "Pa'),
            )
        ),
        Reply("Lima is sunny."),
    )
    state = run(tools=[weather, hang, fail], timeout={"hang": 0.1})
    let_go.set()
    hung, failed, unknown, wrong, good, broken = results(state)
    assert hung == "hang gave no answer within 0.1 s."
    assert failed == "fail failed: OSError: no wire to Oslo, see http://host/path"
    assert unknown == "There is no tool 'nothing'. The tools are: weather, hang, fail."
    assert wrong.startswith("bad arguments: city: Field required. weather takes: {")
    assert good == "Lima: sunny"
    assert broken == 'The arguments are not a JSON object: {"city": "Pa'
    assert state["messages"][-1].text == "Lima is sunny."


def test_a_tool_that_is_asynchronous_only(server: OpenAIServer, run: Run) -> None:
    async def later(city: str) -> str:
        """Weather of a city."""
        await asyncio.sleep(0)
        return f"{city}: rain"

    server.reply(Reply(calls=(("later", {"city": "Lima"}),)), Reply("Rain."))
    assert results(run(tools=[StructuredTool.from_function(coroutine=later)])) == ["Lima: rain"]


def test_a_result_of_5_mb_never_reaches_the_model(server: OpenAIServer, run: Run) -> None:
    @tool(response_format="content_and_artifact")
    def flood() -> tuple[str, object]:
        """Says a lot."""
        return "x" * 5_000_000, {"not": {"json"}}

    server.reply(Reply(calls=(("flood", {}),)), Reply("A lot."))
    state = run(tools=[flood])
    [shown] = [message for message in sent(server) if message["role"] == "tool"]
    assert len(shown["content"]) < 31_000
    assert "30,000 of 5,000,000 characters" in shown["content"]
    assert state["messages"][-2].artifact is None


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


def test_parallel_calls_do_not_overrun_the_steps(server: OpenAIServer, run: Run) -> None:
    server.scenario = lambda body: looks(*map(str, range(50))) if "tools" in body else Reply("Enough.")
    state = run(budget=Limits(steps=10))
    assert state["work"]["steps"] >= 10
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


def test_an_answer_that_stays_empty_ends_the_run(server: OpenAIServer, run: Run) -> None:
    server.reply(Reply(""))
    state = run()
    assert len(server.requests) == 4
    assert state["messages"][-1].text == "The run was stopped without an answer: no progress: the answer was empty."


def test_a_refusal_is_an_answer(server: OpenAIServer, run: Run) -> None:
    server.reply(Reply(refusal="I would rather not."))
    assert run()["messages"][-1].text == "I would rather not."


MAIL = Reply(calls=(("send", {"to": "ann", "text": "hello"}), ("weather", {"city": "Lima"})))


def pause(state: Any) -> dict[str, Any]:
    [waiting] = state["__interrupt__"]
    question: dict[str, Any] = waiting.value
    return question


@pytest.mark.parametrize(
    ("answer", "log", "told"),
    [
        ({"action": "approve"}, ["ann: hello"], "sent to ann"),
        (
            {"action": "edit", "args": {"to": "bob"}},
            ["bob: hello"],
            'A person changed the arguments: {"to": "bob"}\nsent to bob',
        ),
        ({"action": "reject", "text": "Not now."}, [], "A person refused this call. Not now."),
        ({"action": "respond", "text": "She knows."}, [], "She knows."),
    ],
)
def test_a_tool_that_acts_waits_for_a_person(
    server: OpenAIServer, run: Run, answer: dict[str, Any], log: list[str], told: str
) -> None:
    done: list[str] = []
    tools = [sending(done), weather]
    server.reply(MAIL, Reply("Done."))
    question = pause(run(tools=tools))
    assert (question["kind"], question["details"]["args"], done) == ("call", {"to": "ann", "text": "hello"}, [])
    state = run(Command(resume=answer), tools=tools)
    assert (done, results(state)) == (log, [told, "Lima: sunny"])
    assert [act["args"]["to"] for act in state["acts"]] == [line.split(":")[0] for line in log]
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("yes", "an answer is a JSON object"),
        ({"action": "maybe"}, "action: Input should be 'approve', 'edit', 'reject' or 'respond'"),
        ({"action": "approve", "args": {"to": "bob"}}, "args belong to edit"),
        ({"action": "edit", "args": {"to": 5}}, "bad arguments: to: Input should be a valid string"),
        ({"action": "respond"}, "a response needs text"),
    ],
)
def test_an_answer_that_does_not_fit_is_asked_again(server: OpenAIServer, run: Run, answer: Any, why: str) -> None:
    done: list[str] = []
    tools = [sending(done), weather]
    server.reply(MAIL, Reply("Done."))
    run(tools=tools)
    again = pause(run(Command(resume=answer), tools=tools))
    assert why in again["refused"]
    run(Command(resume={"action": "approve"}), tools=tools)
    assert done == ["ann: hello"]


def test_each_call_is_approved_by_itself_though_the_server_repeats_its_ids(server: OpenAIServer, run: Run) -> None:
    done: list[str] = []
    tools = [sending(done)]
    mail = [Reply(calls=(("send", {"to": to}),)) for to in ("ann", "bob")]
    server.reply(Reply(calls=(*mail[0].calls, *mail[1].calls)), mail[1], Reply("Done."))
    assert pause(run(tools=tools))["details"]["args"] == {"to": "ann"}
    assert pause(run(Command(resume={"action": "approve"}), tools=tools))["details"]["args"] == {"to": "bob"}
    assert done == []
    third = pause(run(Command(resume={"action": "reject"}), tools=tools))
    assert (third["details"]["args"], done) == ({"to": "bob"}, ["ann: "])
    state = run(Command(resume={"action": "reject"}), tools=tools)
    assert done == ["ann: "]
    calls = [call["id"] for m in state["messages"] if isinstance(m, AIMessage) for call in m.tool_calls]
    assert len(set(calls)) == 3


def test_a_call_nobody_could_carry_out_needs_no_approval(server: OpenAIServer, run: Run) -> None:
    server.reply(Reply(calls=(("send", {"whom": "ann"}),)), Reply("Oh."))
    assert "bad arguments" in results(run(tools=[sending([])]))[0]


def test_a_new_question_while_one_waits_leaves_no_call_dangling(server: OpenAIServer, run: Run) -> None:
    done: list[str] = []
    tools = [sending(done), weather]
    server.reply(MAIL, Reply("Never mind."))
    run(tools=tools)
    state = run({"messages": [{"role": "user", "content": "Forget it."}]}, tools=tools)
    assert state["messages"][-1].text == "Never mind."
    assert [message["content"] for message in sent(server) if message["role"] == "tool"] == [LOST, LOST]
    assert done == []


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


def test_the_next_model_answers_when_the_first_cannot(server: OpenAIServer, second: OpenAIServer, run: Run) -> None:
    server.reply(error(429))
    second.reply(looks("Lima"), Reply("Sun."))
    chain = Models({"a": entry(server, "a"), "b": entry(second, "b")}, {"default": ("a", "b")})
    state = run(models=chain)
    assert [choice["model"] for choice in state["choices"]] == ["b", "b"]
    assert state["notes"]["model"] == "a did not answer (rate limited); b did"
    assert state["messages"][-1].text == "Sun."


def test_a_run_without_a_model_fails_and_goes_on_when_there_is_one(server: OpenAIServer, run: Run) -> None:
    server.reply(looks("Lima"), error(401))
    with pytest.raises(ModelAnswerError, match="the key was refused"):
        run()
    assert len(server.requests) == 2  # what was refused is not repeated
    server.reply(Reply("Sun."))
    state = run(None)
    assert (results(state), state["messages"][-1].text) == (["Lima: sunny"], "Sun.")


def test_an_unreadable_answer_is_asked_for_once_more(server: OpenAIServer, run: Run) -> None:
    server.reply(Raw(b"{"), Reply("Sun."))
    assert run()["messages"][-1].text == "Sun."


class Killed(BaseException):
    """Stands for the end of the process."""


def test_finished_calls_are_not_repeated_after_a_crash(server: OpenAIServer, run: Run) -> None:
    done: list[str] = []
    finished = threading.Event()
    dying = [True]

    @tool
    def weather(city: str) -> str:
        """Weather of a city."""
        if city == "Oslo" and dying:
            finished.wait(10)
            dying.clear()
            raise Killed
        done.append(city)
        finished.set()
        return f"{city}: sunny"

    server.reply(looks("Lima", "Oslo"), Reply("Sun."))
    with pytest.raises(Killed):
        run(tools=[weather])
    state = run(None, tools=[weather])
    assert (done, results(state)) == (["Lima", "Oslo"], ["Lima: sunny", "Oslo: sunny"])
    assert len(server.requests) == 2


def test_a_router_picks_by_task_and_its_choices_are_in_the_state(server: OpenAIServer, run: Run) -> None:
    server.scenario = lambda body: Reply(f"{body['model']} says so.")
    both = Models(
        {"s": entry(server, "small"), "l": entry(server, "large")},
        {"default": ("s",), "cheap": ("s",), "strong": ("l",)},
    )
    easy = run(models=both, role=by_effort("cheap", "strong"))
    hard = run(
        {"messages": [{"role": "user", "content": "Why is that? Compare and prove it step by step."}]},
        models=both,
        role=by_effort("cheap", "strong"),
    )
    assert easy["choices"] == [{"node": "model", "role": "cheap", "model": "small", "reason": "an easy task"}]
    assert hard["choices"][0]["model"] == "large"
    assert hard["choices"][0]["reason"] == "hard: compare, prove, step by step, why"


def test_a_long_conversation_is_summarised_for_the_model_and_whole_in_the_state(server: OpenAIServer, run: Run) -> None:
    def scenario(body: dict[str, Any]) -> Answer:
        if body["messages"][0]["content"].startswith("Summarise"):
            return Reply("They talked about Lima.")
        results_ = [message for message in body["messages"] if message["role"] == "tool"]
        return (
            looks(f"Town {len(server.requests)}")
            if "tools" in body and len(server.requests) < 8
            else Reply(f"{len(results_)} seen.")
        )

    @tool
    def weather(city: str) -> str:
        """Weather of a city."""
        return f"{city}: " + "sunny " * 100

    server.scenario = scenario
    state = run(tools=[weather], window=600)
    assert state["summary"] == "They talked about Lima."
    assert "They talked about Lima." in sent(server)[0]["content"]
    assert ASKED["messages"][0]["content"] in [message["content"] for message in sent(server)]
    assert len(results(state)) > len([message for message in sent(server) if message["role"] == "tool"])
    assert state["usage"]["m"]["calls"] == len(server.requests)


async def streamed(server: OpenAIServer, *, use_async: bool) -> list[Any]:
    server.reply(looks("Lima"), Reply("It is sunny there."))
    agent = build(models=models(server), tools=[weather]).compile()
    modes: Any = ["messages", "custom", "updates"]
    if use_async:
        return [event async for event in agent.astream(ASKED, stream_mode=modes)]
    return list(agent.stream(ASKED, stream_mode=modes))


@pytest.mark.parametrize("use_async", [False, True])
async def test_tokens_calls_and_events_are_streamed(server: OpenAIServer, use_async: bool) -> None:
    events = await streamed(server, use_async=use_async)
    chunks = [event[0] for mode, event in events if mode == "messages"]
    assert "".join(chunk.text for chunk in chunks if chunk.type == "AIMessageChunk") == "It is sunny there."
    assert [chunk.text for chunk in chunks if chunk.type == "AIMessageChunk" and chunk.text][:2] == ["It ", "is "]
    assert any(chunk.tool_call_chunks for chunk in chunks if chunk.type == "AIMessageChunk")
    custom = [event["event"] for mode, event in events if mode == "custom"]
    assert custom == ["tool_started", "tool_ended"]
    nodes = [next(iter(event)) for mode, event in events if mode == "updates"]
    assert nodes == ["begin", "model", "tool", "model", "conclude"]


def test_without_a_language_model_it_calls_what_obviously_fits_and_says_what_it_is() -> None:
    agent = build(models=Models(), tools=[weather, sending([])]).compile()
    state = agent.invoke({"messages": [{"role": "user", "content": "What is the weather like in the city of Lima?"}]})
    assert "sunny" in state["messages"][-1].text
    assert "no language model" in state["messages"][-1].text


def test_any_chat_model_of_langchain(server: OpenAIServer) -> None:
    server.reply(looks("Lima"), Reply("Sun."))
    agent = build(model=chat_model(entry(server), max_retries=0), tools=[weather]).compile()
    state = agent.invoke(ASKED)
    assert (state["messages"][-1].text, state["usage"]["m"]["cost_usd"]) == ("Sun.", None)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"tools": []}, "tools: none given"),
        ({"tools": [weather, weather]}, "tools: more than one is named weather"),
        ({"budget": {"model_calls": 0}}, "budget: model_calls is 0, which allows nothing"),
        ({"budget": {"seconds": float("nan")}}, "budget: seconds is nan"),
        ({"budget": {"calls": 5}}, "budget: unknown calls"),
        ({"budget": {"usd": "much"}}, "budget: usd must be a number"),
        ({"budget": {"usd": 1.0}}, "budget: usd cannot be kept, the price of m is not known"),
        ({"models": Models()}, "model, models: give one of them"),
    ],
)
def test_what_cannot_work_is_said_when_it_is_built(server: OpenAIServer, options: Any, why: str) -> None:
    model = chat_model(entry(server), max_retries=0)
    with pytest.raises(ValueError, match=why):
        build(**{"model": model, "tools": [weather], **options})
