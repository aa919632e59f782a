"""langchain-openai sends a few models to the Responses API by itself: whole answers pass there too, cut ones do not."""

import json
from typing import Any

import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import BaseModel, TypeAdapter

from tests.servers.openai_server import SSE, OpenAIServer, Raw
from threadloom.models.errors import MalformedAnswerError
from threadloom.models.openai import ChatCompatible, chat_model
from threadloom.models.settings import ModelEntry

EVENT = TypeAdapter[Any](ResponseStreamEvent)


class City(BaseModel):
    """A city."""

    name: str


def chat(server: OpenAIServer) -> ChatCompatible:
    entry = {"model": "gpt-5-pro", "base_url": server.url, "api_key": "none"}
    return chat_model(ModelEntry.model_validate(entry), max_retries=0)


def response(text: str, status: str = "completed", reason: str | None = None) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": []}
    message = {"id": "m", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    answer = {
        "id": "r", "object": "response", "created_at": 1, "model": "gpt-5-pro-1", "status": status, "output": [message],
        "parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "error": None, "metadata": {},
        "incomplete_details": {"reason": reason} if reason else None,
        "usage": {
            "input_tokens": 11, "output_tokens": 7, "total_tokens": 18,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens_details": {"reasoning_tokens": 0},
        },
    }  # fmt: skip
    Response.model_validate(answer)
    return answer


def stream(text: str) -> list[bytes]:
    done = response(text)
    at: dict[str, Any] = {"item_id": "m", "output_index": 0, "content_index": 0}
    part = done["output"][0]["content"][0]
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": {**done, "status": "in_progress", "output": [], "usage": None}},
        {"type": "response.output_item.added", "output_index": 0, "item": {**done["output"][0], "content": []}},
        {"type": "response.content_part.added", **at, "part": {**part, "text": ""}},
        {"type": "response.output_text.delta", **at, "delta": text, "logprobs": []},
        {"type": "response.output_text.done", **at, "text": text, "logprobs": []},
        {"type": "response.completed", "response": done},
    ]
    numbered = [{**event, "sequence_number": n} for n, event in enumerate(events)]
    for event in numbered:
        EVENT.validate_python(event)
    return [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in numbered]


def test_a_whole_stream_passes_and_a_cut_one_does_not(server: OpenAIServer) -> None:
    events = stream("one two")
    server.reply(Raw(b"".join(events), SSE))
    chunks = list(chat(server).stream("hi"))
    answer = sum(chunks[1:], chunks[0])
    assert answer.text == "one two"
    assert answer.response_metadata["model_name"] == "gpt-5-pro"
    assert answer.response_metadata["served_model"] == "gpt-5-pro-1"
    for end in range(len(events)):
        server.reply(Raw(b"".join(events[:end]), SSE))
        with pytest.raises(MalformedAnswerError):
            list(chat(server).stream("hi"))


def test_structured_output_says_when_it_was_cut_off(server: OpenAIServer) -> None:
    asked = chat(server).with_structured_output(City, include_raw=True)
    server.reply(Raw(json.dumps(response('{"name": "Lima"}')).encode()))
    assert asked.invoke("hi")["parsed"] == City(name="Lima")
    assert server.requests[0].path == "/v1/responses"
    assert server.requests[0].body["text"]["format"]["strict"] is True
    server.reply(Raw(json.dumps(response('{"name": "Lima"}', "incomplete", "max_output_tokens")).encode()))
    answer = asked.invoke("hi")
    assert answer["parsed"] is None
    assert "cut off" in str(answer["parsing_error"])
    assert answer["raw"].usage_metadata["output_tokens"] == 7
