"""What a server can do wrong, over real HTTP: each fault is one typed error, the same through all four ways to call."""

import json
import socket
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import cache, reduce
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from operator import add
from typing import Any

import pytest
from langchain_core.exceptions import (
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelError,
    ModelInvalidRequestError,
    ModelNotFoundError,
    ModelPermissionDeniedError,
    ModelRateLimitError,
    ModelTimeoutError,
)
from langchain_core.messages import AIMessage, BaseMessage
from pydantic import BaseModel

from tests.servers.openai_server import (
    SSE,
    Answer,
    Hang,
    OpenAIServer,
    Raw,
    Reply,
    completion,
    error,
    events,
    structured,
)
from threadloom.models.errors import FALL_BACK_ON, MalformedAnswerError, describe
from threadloom.models.openai import ChatCompatible, chat_model
from threadloom.models.roles import Models
from threadloom.models.settings import ModelEntry

EVENTS = events({"model": "first", "stream_options": {"include_usage": True}}, Reply("one two three"))


@cache
def chat(url: str, name: str = "first", *, max_retries: int = 0, timeout: float = 5, **options: Any) -> ChatCompatible:
    """A model of that server; kept, since building a client is slow."""
    entry = {"model": name, "base_url": url, "timeout": timeout, "api_key": "none", **options}
    return chat_model(ModelEntry.model_validate(entry), max_retries=max_retries)


@cache
def pair(first: str, second: str, timeout: float) -> Models:
    entries = {
        name: ModelEntry.model_validate({"model": name, "base_url": url, "api_key": "none", "timeout": timeout})
        for name, url in (("first", first), ("second", second))
    }
    return Models(entries, {"default": ("first", "second")})


def chain(first: str, second: str, timeout: float = 5) -> Any:
    """Two servers' models as a role has them, whose endpoints have not failed yet."""
    models = pair(first, second, timeout)
    for breaker in models._breakers.values():
        breaker._failed = 0
    return models.chat("anything")


async def invoke(model: Any) -> Any:
    return model.invoke("hi")


async def ainvoke(model: Any) -> Any:
    return await model.ainvoke("hi")


async def stream(model: Any) -> Any:
    return _last_or_sum(list(model.stream("hi")))


async def astream(model: Any) -> Any:
    return _last_or_sum([chunk async for chunk in model.astream("hi")])


def _last_or_sum(chunks: list[Any]) -> Any:
    whole = isinstance(chunks[-1], BaseModel) and not isinstance(chunks[-1], BaseMessage)
    return chunks[-1] if whole else reduce(add, chunks)


Call = Callable[[Any], Awaitable[Any]]
CALLS: list[Call] = [invoke, ainvoke, stream, astream]


def ways(*calls: Call) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("call", calls, ids=[call.__name__ for call in calls])


def patience(answer: Answer) -> float:
    """Seconds to wait: few for a server that will not answer, plenty for a busy machine else."""
    return 0.2 if isinstance(answer, Hang) else 5


def sse(*parts: bytes, abort: bool = False) -> Raw:
    return Raw(b"".join(parts), SSE, abort=abort)


REFUSED: dict[str, tuple[Answer, type[ModelError]]] = {
    "400": (error(400), ModelInvalidRequestError),
    "401": (error(401), ModelAuthenticationError),
    "402": (error(402), ModelInvalidRequestError),
    "403": (error(403), ModelPermissionDeniedError),
    "404": (error(404), ModelNotFoundError),
    "422": (error(422), ModelInvalidRequestError),
}
FAILED: dict[str, tuple[Answer, type[ModelError]]] = {
    "408": (error(408), ModelTimeoutError),
    "429": (error(429), ModelRateLimitError),
    "429 for an hour": (error(429, retry_after="3600"), ModelRateLimitError),
    "429 in HTML": (Raw(b"<h1>Slow down</h1>", "text/html", 429), ModelRateLimitError),
    "500": (error(500), ModelAPIError),
    "503": (error(503), ModelAPIError),
    "hangs": (Hang(), ModelTimeoutError),
    "breaks off": (Raw(b'{"id": "x", ', abort=True), ModelConnectionError),
}
UNREADABLE: dict[str, Raw] = {
    "cut JSON": Raw(b'{"id": "x", "choices": [{"mess'),
    "not UTF-8": Raw(b'{"id": "\xff\xfe'),
    "not the protocol": Raw(b'{"hello": "world"}'),
    "no choices": Raw(b'{"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": []}'),
    "choices are null": Raw(b'{"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": null}'),
    "a choice without message": Raw(b'{"id": "x", "model": "m", "choices": [{"index": 0}]}'),
    "an error in a 200": Raw(b'{"error": {"message": "overloaded"}}'),
    "a login page": Raw(b"<html>Please log in</html>", "text/html"),
    "a list": Raw(b"[1, 2]"),
    "empty": Raw(b""),
}
BAD_STREAMS: dict[str, tuple[Answer, type[ModelError]]] = {
    "stalls": (Hang(EVENTS[0]), ModelTimeoutError),
    "ends without a finish": (sse(*EVENTS[:3]), MalformedAnswerError),
    "is done without a finish": (sse(*EVENTS[:3], b"data: [DONE]\n\n"), MalformedAnswerError),
    "is empty": (sse(), MalformedAnswerError),
    "breaks off": (sse(*EVENTS[:3], abort=True), ModelConnectionError),
    "cuts an event": (sse(*EVENTS[:2], EVENTS[2][:40] + b"\n\n"), MalformedAnswerError),
    "is not the protocol": (sse(EVENTS[0], b'data: {"choices": [{"index": 0}]}\n\n'), MalformedAnswerError),
    "sends bare text": (sse(EVENTS[0], b'data: "overloaded"\n\n'), MalformedAnswerError),
    "reports an error": (sse(EVENTS[0], b'data: {"error": {"message": "overloaded"}}\n\n'), ModelAPIError),
}


@ways(*CALLS)
@pytest.mark.parametrize(("answer", "expected"), (REFUSED | FAILED).values(), ids=REFUSED | FAILED)
async def test_an_error_of_the_server_is_typed(
    server: OpenAIServer, call: Call, answer: Answer, expected: type[ModelError]
) -> None:
    server.reply(answer)
    with pytest.raises(expected) as caught:
        await call(chat(server.url, timeout=patience(answer)))
    assert isinstance(caught.value, FALL_BACK_ON) == (expected not in {kind for _, kind in REFUSED.values()})
    assert len(server.requests) == 1
    line = describe(caught.value)
    assert "\n" not in line
    assert len(line) <= 300


@ways(*CALLS)
async def test_nobody_listening_is_a_connection_error(call: Call) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}/v1"
    with pytest.raises(ModelConnectionError) as caught:
        await call(chat(f"http://me:hidden@{address}"))
    assert f"http://{address}" in describe(caught.value)


@ways(invoke, ainvoke)
@pytest.mark.parametrize("answer", UNREADABLE.values(), ids=UNREADABLE)
async def test_an_unreadable_answer_is_malformed(server: OpenAIServer, call: Call, answer: Raw) -> None:
    server.reply(answer)
    with pytest.raises(MalformedAnswerError):
        await call(chat(server.url))


@ways(stream, astream)
@pytest.mark.parametrize(("answer", "expected"), BAD_STREAMS.values(), ids=BAD_STREAMS)
async def test_a_bad_stream_is_an_error(
    server: OpenAIServer, call: Call, answer: Answer, expected: type[ModelError]
) -> None:
    server.reply(answer)
    with pytest.raises(expected):
        await call(chat(server.url, timeout=patience(answer)))


@ways(stream, astream)
@pytest.mark.parametrize("end", range(len(EVENTS)))
async def test_a_stream_counts_as_whole_exactly_from_its_finish_on(server: OpenAIServer, call: Call, end: int) -> None:
    finished = any(b'"finish_reason": "stop"' in event for event in EVENTS[:end])
    server.reply(sse(*EVENTS[:end]))
    if finished:
        assert (await call(chat(server.url))).text == "one two three"
    else:
        with pytest.raises(MalformedAnswerError):
            await call(chat(server.url))


async def test_all_ways_to_call_give_the_same_answer(server: OpenAIServer) -> None:
    server.reply(Reply("one two", model="first-2026-01-01"))
    answers = [await call(chat(server.url)) for call in CALLS]
    assert {answer.text for answer in answers} == {"one two"}
    assert {answer.response_metadata["finish_reason"] for answer in answers} == {"stop"}
    assert {answer.response_metadata["model_name"] for answer in answers} == {"first"}
    assert {answer.response_metadata["served_model"] for answer in answers} == {"first-2026-01-01"}
    assert {(a.usage_metadata["input_tokens"], a.usage_metadata["output_tokens"]) for a in answers} == {(11, 7)}


async def test_parallel_tool_calls_come_through_whole(server: OpenAIServer) -> None:
    calls = (("add", {"a": 1, "b": 2}), ("greet", {"name": "你好"}))
    server.reply(Reply(calls=calls))
    for call in CALLS:
        answer = await call(chat(server.url))
        assert tuple((made["name"], made["args"]) for made in answer.tool_calls) == calls


@ways(*CALLS)
async def test_the_token_limit_shows(server: OpenAIServer, call: Call) -> None:
    server.reply(Reply("one two", finish_reason="length"))
    assert (await call(chat(server.url))).response_metadata["finish_reason"] == "length"


def test_the_sdk_waits_and_asks_again(server: OpenAIServer) -> None:
    server.reply(error(429, retry_after="0.01"), error(503, retry_after="0.01"), Reply("at last"))
    assert chat(server.url, max_retries=2).invoke("hi").text == "at last"
    assert len(server.requests) == 3


class Trickle(BaseHTTPRequestHandler):
    """A space now and then, at last an answer."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        whole = completion(body, Reply("at last"))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        with suppress(OSError):
            for _ in range(100):
                self.wfile.write(b" ")
                threading.Event().wait(0.01)
            self.wfile.write(whole)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        pass


def test_an_answer_that_trickles_in_is_given_up() -> None:
    """The client's timeout begins anew with every byte; ours does not."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Trickle) as trickling:
        threading.Thread(target=trickling.serve_forever, args=(0.01,), daemon=True).start()
        with pytest.raises(ModelTimeoutError):
            chat(f"http://127.0.0.1:{trickling.server_port}/v1", timeout=0.3).invoke("hi")
        trickling.shutdown()


class City(BaseModel):
    """A city."""

    name: str
    millions: float | None = None


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
@pytest.mark.parametrize("include_raw", [False, True])
async def test_structured_output_over_both_methods(server: OpenAIServer, method: str, include_raw: bool) -> None:
    server.scenario = lambda body: structured(body, City(name="Lima", millions=11))
    asked = chat(server.url, structured_output=method).with_structured_output(City, include_raw=include_raw)
    for call in CALLS:
        answer = await call(asked)
        assert (answer["parsed"] if include_raw else answer) == City(name="Lima", millions=11)
    body = server.requests[0].body
    assert ("response_format" in body, "tools" in body) == (method == "json_schema", method == "function_calling")
    assert "parallel_tool_calls" not in body


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
@ways(*CALLS)
async def test_a_structured_answer_that_does_not_fit_keeps_its_tokens(
    server: OpenAIServer, method: str, call: Call
) -> None:
    server.reply(Reply('{"name": 5}', finish_reason="length"))
    asked = chat(server.url, structured_output=method).with_structured_output(City, include_raw=True)
    answer = await call(asked)
    assert answer.get("parsed") is None
    assert isinstance(answer["raw"], AIMessage)
    assert answer["raw"].usage_metadata is not None
    assert answer["raw"].usage_metadata["output_tokens"] == 7
    assert answer["raw"].response_metadata["finish_reason"] == "length"


@pytest.mark.parametrize("reply", [Reply(refusal="I would rather not"), Reply('{"name": "Li', finish_reason="length")])
def test_a_refused_or_cut_off_structured_answer_is_no_answer(server: OpenAIServer, reply: Reply) -> None:
    server.reply(reply)
    with pytest.raises(ValueError, match=r"refusal|cut off"):
        chat(server.url).with_structured_output(City).invoke("hi")


FALLS = {name: answer for name, (answer, _) in FAILED.items()}


@ways(*CALLS)
@pytest.mark.parametrize("answer", FALLS.values(), ids=FALLS)
async def test_the_next_model_answers_after_a_failure(
    server: OpenAIServer, second: OpenAIServer, call: Call, answer: Answer
) -> None:
    server.reply(answer)
    reply = await call(chain(server.url, second.url, timeout=patience(answer)))
    assert reply.response_metadata["model_name"] == "second"
    assert (len(server.requests), len(second.requests)) == (1, 1)


@ways(invoke, ainvoke)
@pytest.mark.parametrize("answer", UNREADABLE.values(), ids=UNREADABLE)
async def test_the_next_model_answers_after_an_unreadable_answer(
    server: OpenAIServer, second: OpenAIServer, call: Call, answer: Raw
) -> None:
    server.reply(answer)
    assert (await call(chain(server.url, second.url))).response_metadata["model_name"] == "second"


@ways(*CALLS)
@pytest.mark.parametrize(("answer", "expected"), REFUSED.values(), ids=REFUSED)
async def test_a_refused_request_is_not_tried_on_the_next_model(
    server: OpenAIServer, second: OpenAIServer, call: Call, answer: Answer, expected: type[ModelError]
) -> None:
    server.reply(answer)
    with pytest.raises(expected):
        await call(chain(server.url, second.url))
    assert second.requests == []


def test_half_a_stream_is_not_finished_by_another_model(server: OpenAIServer, second: OpenAIServer) -> None:
    server.reply(sse(*EVENTS[:3]))
    chunks = chain(server.url, second.url).stream("hi")
    assert next(chunks) is not None
    with pytest.raises(MalformedAnswerError):
        list(chunks)
    assert second.requests == []


def test_a_cut_stream_behind_invoke_falls_back(server: OpenAIServer, second: OpenAIServer) -> None:
    """LangGraph's message streaming makes `invoke` stream; nothing is lost there, the answer is put together first."""
    server.reply(sse(*EVENTS[:3]))
    answer = chain(server.url, second.url).invoke("hi", stream=True)
    assert answer.response_metadata["model_name"] == "second"
    assert server.requests[0].body["stream"] is True


def test_structured_output_and_tools_fall_back_too(server: OpenAIServer, second: OpenAIServer) -> None:
    server.reply(error(500))
    second.scenario = lambda body: structured(body, City(name="Lima"))
    pair = chain(server.url, second.url)
    answer = pair.with_structured_output(City, include_raw=True).invoke("hi")
    assert answer["parsed"] == City(name="Lima")
    assert answer["raw"].response_metadata["model_name"] == "second"
    assert pair.bind_tools([City]).invoke("hi").tool_calls[0]["args"]["name"] == "Lima"


def test_a_key_is_sent_but_never_shown(server: OpenAIServer) -> None:
    entry = ModelEntry.model_validate({"model": "first", "base_url": server.url, "api_key": "sk-hidden"})
    model = chat_model(entry, max_retries=0)
    model.invoke("hi")
    assert server.requests[0].headers["authorization"] == "Bearer sk-hidden"
    assert "hidden" not in repr(model) + repr(entry) + json.dumps(entry.model_dump(mode="json"))
