"""Asking for a schema: good answers in odd places, one repair, typed errors, and every token counted."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.exceptions import ModelError
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.graph import START, StateGraph
from pydantic import ValidationError
from typing_extensions import TypedDict

from tests.servers.openai_server import Answer, OpenAIServer, Raw, Reply, error, structured
from threadloom.models.answers import read_answer
from threadloom.models.chain import ModelAnswerError
from threadloom.models.roles import Models
from threadloom.models.settings import ModelEntry
from threadloom.models.structured import ask
from threadloom.state.drafts import FindingDraft, FindingsDraft, PlanDraft
from threadloom.state.usage import Usage

QUESTION = [HumanMessage("What is a good plan?")]
PLAN = PlanDraft(topic="sleep", sub_questions=["why?"], key_terms=["sleep"], year_from=2010)
GOOD = Reply(PLAN.model_dump_json())
NONSENSE = Reply('{"topic": 5')


def models(server: OpenAIServer, **options: Any) -> Models:
    prices = {"input_price": 1, "output_price": 10, "max_retries": 0, "api_key": "none"}
    entry = ModelEntry.model_validate({"model": "m", "base_url": server.url, **prices, **options})
    return Models({"m": entry}, {"default": ("m",)})


def used(calls: int) -> dict[str, Usage]:
    """What `calls` answers of the test server cost at the prices above."""
    cost: Any = pytest.approx(calls * (11 * 1 + 7 * 10) / 1_000_000)
    return {"m": Usage(calls=calls, input_tokens=11 * calls, output_tokens=7 * calls, cost_usd=cost)}


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_an_answer_comes_with_its_model_and_its_cost(server: OpenAIServer, method: str) -> None:
    server.scenario = lambda body: structured(body, PLAN)
    answer = ask(models(server, structured_output=method), "planner", PlanDraft, QUESTION)
    assert (answer.value, answer.model, answer.usage) == (PLAN, "m", used(1))


def test_the_schema_is_sent_in_the_strict_form(server: OpenAIServer) -> None:
    server.reply(GOOD)
    ask(models(server), "planner", PlanDraft, QUESTION)
    wanted = server.requests[0].body["response_format"]["json_schema"]
    assert wanted["strict"] is True
    assert wanted["schema"]["additionalProperties"] is False
    assert set(wanted["schema"]["required"]) == set(PlanDraft.model_fields)


JSON = PLAN.model_dump_json()
PLACES = {
    "bare": JSON,
    "fenced": f"```json\n{JSON}\n```",
    "after prose": f"Here is the plan:\n{JSON}\nI hope it helps.",
    "after thinking": f"<think>They want a plan.</think>\n\n{JSON}",
}


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
@pytest.mark.parametrize("text", PLACES.values(), ids=PLACES)
def test_json_in_the_content_will_do_whatever_was_asked(server: OpenAIServer, method: str, text: str) -> None:
    server.reply(Reply(text))
    assert ask(models(server, structured_output=method), "planner", PlanDraft, QUESTION).value == PLAN
    assert len(server.requests) == 1


BAD = {
    "cut JSON": NONSENSE,
    "no JSON": Reply("I think you should sleep."),
    "empty": Reply(""),
    "other fields": Reply('{"plan": "sleep"}'),
    "too many": Reply(PLAN.model_copy(update={"sub_questions": ["?"] * 6}).model_dump_json()),
    "refused": Reply(refusal="No."),
    "token limit": Reply(JSON, finish_reason="length"),
    "filtered": Reply(JSON, finish_reason="content_filter"),
    "another tool": Reply(calls=(("browse", {"url": "x"}),)),
}


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_bad_answer_is_repaired_once(server: OpenAIServer, method: str, bad: Reply) -> None:
    server.reply(bad, GOOD)
    answer = ask(models(server, structured_output=method), "planner", PlanDraft, QUESTION)
    assert (answer.value, answer.usage) == (PLAN, used(2))
    said, repair = server.requests[1].body["messages"][-2:]
    assert said["role"] == "assistant"
    assert "cannot be used" in repair["content"]
    assert json.dumps(PlanDraft.model_json_schema()) in repair["content"]


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_two_bad_answers_are_one_clear_line_and_paid_for(server: OpenAIServer, bad: Reply) -> None:
    server.reply(bad)
    with pytest.raises(ModelAnswerError) as caught:
        ask(models(server), "planner", PlanDraft, QUESTION)
    assert len(server.requests) == 2
    assert caught.value.usage == used(2)
    assert str(caught.value).startswith("m: the answer is not usable: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (error(500, "on fire"), "m: server error (http"),
        (error(401, "bad key"), "m: the key was refused"),
        (error(400, "response_format is unavailable"), 'set structured_output = "function_calling"'),
    ],
)
def test_a_server_that_fails_is_one_clear_line(server: OpenAIServer, answer: Answer, says: str) -> None:
    server.reply(NONSENSE, answer)
    with pytest.raises(ModelAnswerError) as caught:
        ask(models(server), "planner", PlanDraft, QUESTION)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.usage == used(1)
    assert isinstance(caught.value, ModelError)


def test_the_model_that_stood_in_is_named_and_charged(server: OpenAIServer, second: OpenAIServer) -> None:
    server.reply(error(503))
    second.reply(NONSENSE, GOOD)
    entries = {
        name: ModelEntry.model_validate({"model": name, "base_url": url, "api_key": "none", "input_price": price})
        for name, url, price in (("dear", server.url, 10), ("cheap", second.url, 1))
    }
    answer = ask(Models(entries, {"planner": ("dear", "cheap")}), "planner", PlanDraft, QUESTION)
    assert answer.model == "cheap"
    assert answer.usage == {"cheap": Usage(calls=2, input_tokens=22, output_tokens=14, cost_usd=None)}


def pair(first: OpenAIServer, second: OpenAIServer) -> Models:
    """Two entries, of one id at the provider and different prices, as one chain."""
    entries = {
        name: ModelEntry.model_validate(
            {"model": "m", "base_url": url, "api_key": f"sk-{name}", "input_price": price, "output_price": price}
        )
        for name, url, price in (("dear", first.url, 100), ("cheap", second.url, 1))
    }
    return Models(entries, {"default": ("dear", "cheap")})


def test_each_entry_has_its_own_price(server: OpenAIServer, second: OpenAIServer) -> None:
    server.reply(error(503))
    second.reply(GOOD)
    (usage,) = ask(pair(server, second), "planner", PlanDraft, QUESTION).usage.values()
    assert usage["cost_usd"] == pytest.approx(18 / 1_000_000)


def test_after_two_bad_answers_the_next_model_is_asked(server: OpenAIServer, second: OpenAIServer) -> None:
    server.reply(NONSENSE)
    second.reply(GOOD)
    answer = ask(pair(server, second), "planner", PlanDraft, QUESTION)
    assert (answer.value, answer.note) == (PLAN, "m did not answer (its answers did not fit); m did")
    assert (len(server.requests), len(second.requests)) == (2, 1)
    assert len(second.requests[0].body["messages"]) == len(QUESTION)
    assert answer.usage["m"]["calls"] == 3
    assert answer.usage["m"]["cost_usd"] == pytest.approx((2 * 18 * 100 + 18) / 1_000_000)


@pytest.mark.parametrize(
    ("answer", "why"), [(error(429), "rate limited"), (error(500), "server error"), (Raw(b"{}"), "unreadable answer")]
)
def test_who_did_not_answer_is_noted(server: OpenAIServer, second: OpenAIServer, answer: Answer, why: str) -> None:
    server.reply(answer)
    second.reply(GOOD)
    assert ask(pair(server, second), "planner", PlanDraft, QUESTION).note == f"m did not answer ({why}); m did"
    assert ask(models(second), "planner", PlanDraft, QUESTION).note == ""


def test_when_all_fail_each_is_named_with_its_reason(server: OpenAIServer, second: OpenAIServer) -> None:
    server.reply(NONSENSE)
    second.reply(error(401))
    with pytest.raises(ModelAnswerError, match=r"^m: the answer is not usable: .*; m: the key was refused") as caught:
        ask(pair(server, second), "planner", PlanDraft, QUESTION)
    assert caught.value.usage["m"]["calls"] == 2


def test_a_refusal_of_the_request_is_not_tried_on_the_next_model(server: OpenAIServer, second: OpenAIServer) -> None:
    server.reply(error(401))
    with pytest.raises(ModelAnswerError, match="the key was refused"):
        ask(pair(server, second), "planner", PlanDraft, QUESTION)
    assert second.requests == []


@pytest.mark.parametrize("status", [401, 402, 404, 429, 500])
def test_a_key_that_the_server_repeats_is_not_told(server: OpenAIServer, status: int) -> None:
    server.reply(error(status, "Incorrect API key provided: sk-topsecret, see http://h/help?key=sk-topsecret2"))
    with pytest.raises(ModelAnswerError, match=r"Incorrect API key provided: \*\*\*, see http://h/help$") as caught:
        ask(models(server, api_key="sk-topsecret"), "planner", PlanDraft, QUESTION)
    assert "topsecret" not in str(caught.value)


def test_the_query_of_the_endpoint_is_not_told(server: OpenAIServer) -> None:
    server.reply(error(500))
    with pytest.raises(ModelAnswerError) as caught:
        ask(models(server, base_url=f"{server.url}?key=hush-hush"), "planner", PlanDraft, QUESTION)
    assert "hush" not in str(caught.value)


def test_what_a_server_does_not_count_is_estimated_so_that_budgets_hold(server: OpenAIServer) -> None:
    server.reply(Reply(JSON, usage=None))
    used = ask(models(server), "planner", PlanDraft, QUESTION).usage["m"]
    assert used["calls"] == 1
    assert 0 < used["input_tokens"] < used["output_tokens"] < 60
    assert used["cost_usd"] == pytest.approx((used["input_tokens"] + 10 * used["output_tokens"]) / 1_000_000)


class Empty(TypedDict, total=False):
    """A state that carries nothing."""

    nothing: None


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_a_graph_that_streams_messages_gets_the_same_answer(server: OpenAIServer, method: str) -> None:
    """Under `stream_mode="messages"` LangGraph makes every call of a chat model a streamed one."""
    answers = []

    def node(state: Empty) -> Empty:
        answers.append(ask(models(server, structured_output=method), "planner", PlanDraft, QUESTION))
        return state

    server.scenario = lambda body: structured(body, PLAN)
    graph = StateGraph(Empty)
    graph.add_node("plan", node)
    graph.add_edge(START, "plan")
    assert list(graph.compile().stream(Empty(nothing=None), stream_mode="messages"))
    assert server.requests[0].body["stream"] is True
    assert (answers[0].value, answers[0].model, answers[0].usage) == (PLAN, "m", used(1))


def test_the_embedded_model_answers_for_nothing() -> None:
    answer = ask(Models(), "reader", FindingsDraft, QUESTION)
    assert isinstance(answer.value, FindingsDraft)
    assert answer.model == "extractive"
    assert [usage["cost_usd"] for usage in answer.usage.values()] == [0.0]


findings = st.builds(FindingDraft, claim=st.text(), quote=st.text())


@given(value=st.builds(FindingsDraft, findings=st.lists(findings, max_size=8)), cut=st.floats(0, 0.999))
def test_a_whole_answer_is_read_as_it_was_and_half_of_it_never(value: FindingsDraft, cut: float) -> None:
    text = value.model_dump_json()
    assert read_answer(FindingsDraft, AIMessage(f"```json\n{text}\n```")) == value
    with pytest.raises(ValueError, match=r"."):
        read_answer(FindingsDraft, AIMessage(text[: int(len(text) * cut)]))


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(ValidationError, match="key_terms"):
        read_answer(PlanDraft, AIMessage('{"topic": "x", "sub_questions": []}'))
