"""The agent loop end to end: real models over HTTP, tools that fail in every way, streams, crashes."""

import asyncio
import re
import threading
from pathlib import Path
from typing import Annotated, Any

import pytest
from langchain_core.messages import ToolMessage
from langchain_core.tools import InjectedToolCallId, StructuredTool, tool
from langgraph.prebuilt import InjectedState
from pydantic import BaseModel, ConfigDict, Field, model_validator

from tests.graphs.agents import ASKED, Run, entry, looks, models, results, sending, sent, weather
from tests.graphs.dying import Killed, when_stored
from tests.servers.openai_server import Answer, OpenAIServer, Raw, Reply, error
from threadloom.checkpoints import SQLSaver
from threadloom.graphs.react import build
from threadloom.models.chain import ModelAnswerError
from threadloom.models.openai import chat_model
from threadloom.models.roles import Models
from threadloom.nodes.choose import by_effort
from threadloom.tools.calendar.diary import Diary
from threadloom.tools.calendar.tool import calendar_tools


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


def test_fifty_calls_run_at_once(server: OpenAIServer, run: Run) -> None:
    meeting = threading.Barrier(50)

    @tool
    def meet(number: int) -> str:
        """Meet the others."""
        meeting.wait(30)  # nobody passes until all are here
        return f"{number} was there"

    server.reply(Reply(calls=tuple(("meet", {"number": number}) for number in range(50))), Reply("All were there."))
    state = run(tools=[meet])
    assert [one.text for one in state["messages"][2:-1]] == [f"{number} was there" for number in range(50)]


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


@pytest.mark.parametrize("raw", ["[1]", '"Lima"', "5", "null", "", '{"city": NaN}', '{"city": "Li', "[" * 9_999])
@pytest.mark.parametrize("stream", [False, True])
def test_nonsense_arguments_are_explained_and_the_other_call_runs(server: OpenAIServer, raw: str, stream: bool) -> None:
    server.reply(Reply(calls=(("weather", raw), ("weather", {"city": "Oslo"}))), Reply("Sun."))
    agent = build(models=models(server), tools=[weather]).compile()
    events: list[Any] = list(agent.stream(ASKED, stream_mode=["messages", "values"] if stream else ["values"]))
    state = events[-1][1]
    assert "Oslo: sunny" in results(state)
    [other] = [text for text in results(state) if text != "Oslo: sunny"]
    assert other.startswith(("bad arguments: ", "The arguments are not a JSON object: ", "Li: sunny"))
    assert state["messages"][-1].text == "Sun."


def test_arguments_are_what_the_tool_itself_takes(server: OpenAIServer, run: Run, tmp_path: Path) -> None:
    class Trip(BaseModel):
        model_config = ConfigDict(extra="forbid")
        origin: str = Field(alias="from")
        id_: Annotated[str, InjectedToolCallId]

        @model_validator(mode="before")
        @classmethod
        def _read(cls, given: dict[str, Any]) -> dict[str, Any]:
            legs = given.pop("legs")
            if not legs:
                raise KeyError("none")
            return {**given, "from": legs.pop()}

    def travel(origin: str, id_: str) -> str:
        return f"{origin} {bool(id_)}"

    trip = StructuredTool.from_function(travel, description="Travels.", args_schema=Trip)
    days = {"start": "Friday", "end": "Friday"}
    calls: Any = (("calendar_events", days), ("travel", {"legs": ["Oslo"]}), ("travel", {"legs": []}))
    server.reply(Reply(calls=(*calls, ("travel", {"legs": ["Oslo"], "to": "Lima"}))), Reply("Nothing is on."))
    state = run(tools=[*calendar_tools(Diary({"office": str(tmp_path / "none.ics")}, "UTC")), trip])
    friday, told, broken, more = results(state)
    assert re.match(r"\d{4}-\d\d-\d\d to \d{4}-\d\d-\d\d: 0 events", friday)
    assert told == "Oslo True"
    assert broken.startswith("bad arguments: KeyError: 'none'. travel takes: {")
    assert more.startswith("bad arguments: to: Extra inputs are not permitted. travel takes: {")
    assert state["messages"][1].tool_calls[1]["args"] == {"legs": ["Oslo"]}


def test_a_tool_that_takes_nothing_ignores_what_it_is_given(server: OpenAIServer, run: Run) -> None:
    class Nothing(BaseModel):
        model_config = ConfigDict(extra="forbid")

    ready = StructuredTool.from_function(lambda: "ready", name="ready", description="Is it?", args_schema=Nothing)
    server.reply(Reply(calls=(("ready", {"now": True}),)), Reply("It is."))
    assert results(run(tools=[ready])) == ["ready"]


def test_without_a_language_model_a_refusal_is_told_without_the_schema() -> None:
    def sum_up(expression: int) -> str:
        return f"{expression}"

    # It reads "2 + 3" off the request, whatever the type is.
    tool_ = StructuredTool.from_function(sum_up, name="sum_up", description="Works out a sum.")
    state = build(models=Models(), tools=[tool_]).compile().invoke({"messages": [("user", "Sum up 2 + 3.")]})
    assert "bad arguments: expression" in state["messages"][-1].text
    assert "takes: {" not in state["messages"][-1].text


def test_a_tool_that_is_asynchronous_only(server: OpenAIServer, run: Run) -> None:
    async def later(city: str) -> str:
        """Weather of a city."""
        await asyncio.sleep(0)
        return f"{city}: rain"

    server.reply(Reply(calls=(("later", {"city": "Lima"}),)), Reply("Rain."))
    assert results(run(tools=[StructuredTool.from_function(coroutine=later)])) == ["Lima: rain"]


def test_half_characters_are_never_sent(server: OpenAIServer, run: Run) -> None:
    """JSON may hold them, files and pages do; no request can be encoded with them, so that the thread would be lost."""

    @tool
    def listing() -> str:
        """Names of files, as Python reads them."""
        return "caf\udce9.txt"

    broken = Reply(calls=(("weather", '{"city": "Li\\ud800ma"}'), ("listing", {}), ("weather", '{"city": "\\udfff')))
    server.scenario = lambda body: Reply("Well \ud83d.") if body["messages"][-1]["role"] == "tool" else broken
    state = run(tools=[weather, listing])
    assert results(state)[:2] == ["Li\ufffdma: sunny", "caf\ufffd.txt"]
    assert state["messages"][-1].text == "Well \ufffd."
    state = run({"messages": [("user", "And now \ud83d?")]}, tools=[weather, listing])
    assert state["messages"][-1].text == "Well \ufffd."


def test_a_message_that_a_tool_makes_is_the_result_of_its_call(server: OpenAIServer, run: Run) -> None:
    @tool
    def own() -> ToolMessage:
        """Makes a message of its own."""
        return ToolMessage("mine", tool_call_id="another")

    server.reply(Reply(calls=(("own", {}),)), Reply("Yours."))
    run(tools=[own])
    assert [message["content"] for message in sent(server) if message["role"] == "tool"] == ["mine"]


@pytest.mark.parametrize("error", [asyncio.CancelledError("the session is gone"), GeneratorExit()])
def test_a_tool_that_was_cancelled_by_nobody_here_has_failed(
    server: OpenAIServer, run: Run, error: BaseException
) -> None:
    @tool
    async def remote() -> str:
        """Asks a server whose connection breaks."""
        raise error

    server.reply(Reply(calls=(("remote", {}), ("weather", {"city": "Lima"}))), Reply("Sunny."))
    state = run(tools=[remote, weather])
    failed, other = results(state)
    assert failed.startswith("remote failed: RuntimeError: it was cancelled")
    assert (other, state["messages"][-1].text) == ("Lima: sunny", "Sunny.")


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


def test_a_refusal_is_an_answer(server: OpenAIServer, run: Run) -> None:
    server.reply(Reply(refusal="I would rather not."))
    assert run()["messages"][-1].text == "I would rather not."


def test_the_next_model_answers_when_the_first_cannot(server: OpenAIServer, second: OpenAIServer, run: Run) -> None:
    server.reply(error(429))
    second.reply(looks("Lima"), Reply("Sun."))
    chain = Models({"a": entry(server, "a"), "b": entry(second, "b")}, {"default": ("a", "b")})
    state = run(models=chain)
    assert [choice["model"] for choice in state["choices"]] == ["b", "b"]
    assert state["notes"]["model"] == "a did not answer (rate limited); b did"
    assert state["messages"][-1].text == "Sun."


def test_an_answer_without_a_language_model_says_so_also_after_a_fall(server: OpenAIServer, run: Run) -> None:
    server.reply(error(503))
    state = run(models=Models({"m": entry(server)}, {"default": ("m", "extractive")}))
    assert "no language model" in state["messages"][-1].text
    assert state["choices"][0]["model"] == "extractive"


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


def test_finished_calls_are_not_repeated_after_a_crash(
    server: OpenAIServer, run: Run, saver: SQLSaver, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    recorded, dying = when_stored("Lima: sunny", saver, monkeypatch), [True]

    @tool
    def weather(city: str) -> str:
        """Weather of a city."""
        if city == "Oslo" and dying:
            assert recorded.wait(10)
            dying.clear()
            raise Killed
        done.append(city)
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
    assert nodes == ["begin", "model", "tool", "model"]


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


@tool
def nosy(state: Annotated[dict[str, Any], InjectedState]) -> str:
    """Reads the conversation."""
    return str(state)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"tools": []}, "tools: none given"),
        ({"tools": [weather, weather]}, "tools: more than one is named weather"),
        ({"tools": [nosy]}, "tools: nosy wants state, but a tool is given its arguments only"),
        ({"budget": {"model_calls": 0}}, "budget: model_calls is 0, which allows nothing"),
        ({"budget": {"seconds": float("nan")}}, "budget: seconds is nan"),
        ({"budget": {"calls": 5}}, "budget: unknown calls"),
        ({"budget": {"usd": "much"}}, "budget: usd must be a number"),
        ({"budget": {"usd": 1.0}}, "budget: usd cannot be kept, the price of m is not known"),
        ({"timeout": -1}, "timeout: -1 is not a number of seconds that can be waited"),
        ({"timeout": float("nan")}, "timeout: nan is not a number of seconds that can be waited"),
        ({"timeout": float("inf")}, "timeout: inf is not a number of seconds that can be waited"),
        ({"timeout": {"weather": 0}}, "timeout: weather: 0 is not a number of seconds"),
        ({"timeout": {"nix": 3}}, "timeout: there is no tool 'nix'; there are weather"),
        ({"window": 0}, "window: 0 is not a number of tokens"),
        ({"window": float("nan")}, "window: nan is not a number of tokens"),
        ({"models": Models()}, "model, models: give one of them"),
    ],
)
def test_what_cannot_work_is_said_when_it_is_built(server: OpenAIServer, options: Any, why: str) -> None:
    model = chat_model(entry(server), max_retries=0)
    with pytest.raises(ValueError, match=why):
        build(**{"model": model, "tools": [weather], **options})
