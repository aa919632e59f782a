"""A local server that speaks the OpenAI protocol over real HTTP, with a scripted model behind it.

A `Reply` becomes a Chat Completion, whole or streamed; the Responses API is served with `Raw` answers only.

What it sends is checked against the types of the `openai` package, and so is what it receives: a request that the real
API would refuse as malformed is a 400 here too.
"""

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self, cast

from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.chat.completion_create_params import CompletionCreateParams
from openai.types.responses.response_create_params import ResponseCreateParams
from pydantic import BaseModel, TypeAdapter, ValidationError

CHAT = "/v1/chat/completions"
REQUEST = TypeAdapter[Any](CompletionCreateParams)
RESPONSES_REQUEST = TypeAdapter[Any](ResponseCreateParams)
JSON, SSE = "application/json", "text/event-stream"


@dataclass(frozen=True)
class Reply:
    """What the model says: text, tool calls (name, arguments) or a refusal."""

    text: str = ""
    calls: tuple[tuple[str, Mapping[str, Any] | str], ...] = ()
    """Arguments that are text are sent as they are, JSON or not."""
    refusal: str | None = None
    finish_reason: str = ""
    usage: tuple[int, int] | None = (11, 7)
    """Tokens in and out; None for a server that does not count."""
    model: str = ""
    """The name the server gives its model; the requested one by default."""

    @property
    def reason(self) -> str:
        return self.finish_reason or ("tool_calls" if self.calls else "stop")


@dataclass(frozen=True)
class Raw:
    """Exactly these bytes. `abort` breaks the connection after them, before the announced end."""

    body: bytes
    content_type: str = JSON
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    abort: bool = False


@dataclass(frozen=True)
class Hang:
    """Nothing until the server stops, or nothing after these events of a stream."""

    after: bytes = b""


def error(status: int, message: str = "no", *, retry_after: str | None = None) -> Raw:
    """An error as the API words it."""
    body = {"error": {"message": message, "type": "some_error", "param": None, "code": None}}
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return Raw(json.dumps(body).encode(), status=status, headers=headers)


class Request(NamedTuple):
    """One request as it arrived; header names in lower case."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]


Answer = Reply | Raw | Hang
Scenario = Callable[[dict[str, Any]], Answer]


class OpenAIServer:
    """`with OpenAIServer() as server:` listens on `server.url`; without a script the model is `obliging`."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self.reset()
        self._http = _Listener(("127.0.0.1", 0), _Handler)
        self._http.owner = self
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}/v1"

    def reset(self) -> None:
        """Forget the script and the requests; let go of those that hang."""
        self.stopping.set()
        self.stopping = threading.Event()
        self.scenario: Scenario = obliging
        self.requests: list[Request] = []

    def reply(self, *answers: Answer) -> None:
        """Answer with these, one a request; the last one serves all later requests too."""
        waiting = list(answers)
        self.scenario = lambda _: waiting.pop(0) if len(waiting) > 1 else waiting[0]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


def completion(body: dict[str, Any], reply: Reply) -> bytes:
    """The whole answer as one JSON object."""
    calls = [_call(n, name, args) for n, (name, args) in enumerate(reply.calls)]
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or None, "refusal": reply.refusal}
    if calls:
        message["tool_calls"] = calls
    choice = {"index": 0, "message": message, "finish_reason": reply.reason, "logprobs": None}
    answer = {**_head(body, reply, "chat.completion"), "choices": [choice], **_usage(reply)}
    ChatCompletion.model_validate(answer)
    return json.dumps(answer).encode()


def events(body: dict[str, Any], reply: Reply) -> list[bytes]:
    """The same answer as server-sent events, a word or a call at a time; the last is `[DONE]`."""
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": word} for word in re.findall(r"\s*\S+\s*", reply.text)]
    deltas += [{"refusal": reply.refusal}] if reply.refusal else []
    for n, (name, args) in enumerate(reply.calls):
        deltas += [{"tool_calls": [part | {"index": n}]} for part in _split_call(_call(n, name, args))]
    steps: list[tuple[dict[str, Any], str | None]] = [*((delta, None) for delta in deltas), ({}, reply.reason)]
    head = _head(body, reply, "chat.completion.chunk")
    chunks: list[dict[str, Any]] = [
        {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}]}
        for delta, reason in steps
    ]
    if (body.get("stream_options") or {}).get("include_usage"):
        chunks.append({**head, "choices": [], **_usage(reply)})
    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk)
    return [f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks] + [b"data: [DONE]\n\n"]


def structured(body: dict[str, Any], value: BaseModel | Mapping[str, Any]) -> Reply:
    """`value` in the way the request asks for it: as a call of its only tool, else as JSON content."""
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    if tools := body.get("tools"):
        return Reply(calls=((tools[0]["function"]["name"], plain),))
    return Reply(json.dumps(plain))


def obliging(body: dict[str, Any]) -> Reply:
    """A model that does what it is asked: calls each tool it is given once, fits any schema, else says a few words."""
    hint = next((str(m["content"]) for m in reversed(body["messages"]) if m["role"] == "user"), "")
    wanted = body.get("response_format") or {}
    if wanted.get("type") == "json_schema":
        return Reply(json.dumps(sample(wanted["json_schema"]["schema"], hint)))
    if wanted.get("type") == "json_object":
        return Reply(json.dumps(dict.fromkeys(re.findall(r"'(\w+)'", hint), "word")))
    if body.get("tools") and body["messages"][-1]["role"] != "tool":
        return Reply(calls=tuple(_obliging_calls(body, hint)))
    return Reply("Certainly, here it is.")


def unpaired(messages: list[dict[str, Any]]) -> str:
    """What the API says of tool calls without results right behind them, or results without calls; empty if all fit."""
    open_: list[str] = []
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_:
                return f"messages with role 'tool' must follow their call: {message['tool_call_id']}"
            open_.remove(message["tool_call_id"])
        elif open_:
            break
        else:
            open_ = [call["id"] for call in message.get("tool_calls") or []]
    return f"tool_call_ids did not have response messages: {open_}" if open_ else ""


def sample(schema: Mapping[str, Any], hint: str = "", defs: Mapping[str, Any] | None = None) -> Any:
    """A value that fits a JSON schema; numbers and quoted words are taken from the hint."""
    known: Mapping[str, Any] = schema.get("$defs", {}) if defs is None else defs
    if "$ref" in schema:
        return sample(known[schema["$ref"].rsplit("/", 1)[1]], hint, known)
    if options := schema.get("anyOf") or schema.get("allOf"):
        return sample(options[0], hint, known)
    if "enum" in schema or "const" in schema:
        return [schema.get("const"), *schema.get("enum", [])][-1]
    if schema.get("type") == "object":
        return {name: sample(part, hint, known) for name, part in schema.get("properties", {}).items()}
    if schema.get("type") == "array":
        return [sample(schema.get("items", {}), hint, known)]
    quoted, number = re.findall(r"'([^']+)'", hint) or ["word"], re.findall(r"\d+", hint) or ["1"]
    return {"integer": int(number[0]), "number": float(number[0]), "boolean": True, "null": None}.get(
        schema.get("type", "string"), quoted[0]
    )


def _obliging_calls(body: dict[str, Any], hint: str) -> Iterator[tuple[str, dict[str, Any]]]:
    choice = body.get("tool_choice")
    only = choice["function"]["name"] if isinstance(choice, dict) else None
    for tool in body["tools"]:
        function = tool["function"]
        if only in {None, function["name"]}:
            yield function["name"], sample(function.get("parameters", {"type": "object"}), hint)


def _call(n: int, name: str, args: Mapping[str, Any] | str) -> dict[str, Any]:
    arguments = args if isinstance(args, str) else json.dumps(args, ensure_ascii=False)
    return {"id": f"call_{n}", "type": "function", "function": {"name": name, "arguments": arguments}}


def _split_call(call: dict[str, Any]) -> list[dict[str, Any]]:
    arguments = call["function"]["arguments"]
    middle = len(arguments) // 2
    start = {**call, "function": {**call["function"], "arguments": arguments[:middle]}}
    return [start, {"function": {"arguments": arguments[middle:]}}]


def _head(body: dict[str, Any], reply: Reply, kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": 1_760_000_000, "model": reply.model or body["model"]}


def _usage(reply: Reply) -> dict[str, Any]:
    if reply.usage is None:
        return {}
    read, written = reply.usage
    return {"usage": {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}}


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    owner: OpenAIServer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits 40 ms for an acknowledgement

    @property
    def owner(self) -> OpenAIServer:
        return cast("_Listener", self.server).owner

    def do_GET(self) -> None:
        """The list of models: one, named m."""
        body = json.dumps({"object": "list", "data": [{"id": "m", "object": "model", "created": 0, "owned_by": "us"}]})
        self.send_response(200 if self.path == "/v1/models" else 404)
        self.send_header("Content-Type", JSON)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.owner.requests.append(Request(self.path, headers, body))
        answer = self._answer(body)
        if isinstance(answer, Raw):
            self._send(answer)
            return
        stopping = self.owner.stopping
        if answer.after:
            self._send(Raw(answer.after, SSE, abort=True))
        stopping.wait()
        self.close_connection = True

    def _answer(self, body: dict[str, Any]) -> Raw | Hang:
        try:
            (REQUEST if self.path == CHAT else RESPONSES_REQUEST).validate_python(body)
        except ValidationError as problem:
            return error(400, str(problem))
        if complaint := unpaired(body.get("messages", [])):
            return error(400, complaint)
        answer = self.owner.scenario(body)
        if not isinstance(answer, Reply):
            return answer
        if self.path != CHAT:
            return error(404, f"no {self.path} for a Reply")
        return Raw(b"".join(events(body, answer)), SSE) if body.get("stream") else Raw(completion(body, answer))

    def _send(self, raw: Raw) -> None:
        self.send_response(raw.status)
        for name, value in raw.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", raw.content_type)
        self.send_header("Content-Length", str(len(raw.body) + raw.abort))
        self.end_headers()
        self.wfile.write(raw.body)
        self.close_connection = raw.abort

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Keep test output quiet."""
