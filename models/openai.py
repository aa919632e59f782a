"""Chat models behind any OpenAI-compatible endpoint, with every failure a typed error.

langchain-openai takes a stream that ends early for a whole answer, lets unreadable JSON escape as JSONDecodeError,
loses a structured answer (and what it cost) when it was cut off, and a whole answer when one of its tool calls has
arguments that are JSON but no object. This subclass closes those four holes.
"""

import atexit
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache, partial
from json import JSONDecodeError
from time import monotonic
from typing import Any, Literal, TypeGuard

import httpx2
import openai
from langchain_core.exceptions import ModelAPIError, ModelError, ModelInvalidRequestError, ModelTimeoutError
from langchain_core.language_models import LanguageModelInput
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableLambda, RunnableParallel
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, Field

from threadloom.models.answers import read_answer
from threadloom.models.breaker import Breaker
from threadloom.models.errors import MalformedAnswerError
from threadloom.models.redaction import redact
from threadloom.models.settings import ModelEntry

Method = Literal["function_calling", "json_mode", "json_schema"]


class ChatCompatible(ChatOpenAI):
    """`ChatOpenAI` that raises langchain-core's `ModelError` types for whatever a server does.

    In `response_metadata`, `model_name` is the model that was asked for, by which prices are known, and `served_model`
    the name (a dated version, or anything a local server likes) under which the server answered.
    """

    structured_output: Method = "json_schema"
    """How `with_structured_output` asks unless told. Servers can decode under a JSON schema whatever the model, while
    tool calling depends on it (Ollama refuses tools for many models); a few providers have only tools."""

    breaker: Breaker | None = Field(default=None, exclude=True, repr=False)
    """Shared by the models of an endpoint; none for a model that is to be asked whatever happened before."""

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """No: langchain's `load` admits only langchain's own classes, and settings say which models there are."""
        return False

    def with_structured_output(
        self, schema: Any = None, *, method: Method | None = None, include_raw: bool = False, **kwargs: Any
    ) -> Runnable[LanguageModelInput, Any]:
        """As in ChatOpenAI, but a pydantic schema is read strictly: ValueError when the answer was cut off or refused.

        With `include_raw` the answer comes along with that error, never instead of it.
        """
        method = method or self.structured_output
        if method != "json_schema" or kwargs.get("tools") or not _is_model(schema):
            return super().with_structured_output(schema, method=method, include_raw=include_raw, **kwargs)
        kwargs.pop("strict", None)
        chat = self._bind_schema(schema, kwargs)
        if include_raw:
            return RunnableParallel(raw=chat) | RunnableLambda(partial(_parse, schema))
        return chat | RunnableLambda(partial(read_answer, schema))

    def _bind_schema(self, schema: type[BaseModel], kwargs: dict[str, Any]) -> Runnable[LanguageModelInput, Any]:
        function = openai.pydantic_function_tool(schema)["function"]
        json_schema = {"name": function["name"], "strict": True, "schema": function.get("parameters", {})}
        wanted: dict[str, Any] = {"response_format": {"type": "json_schema", "json_schema": json_schema}}
        if not self._use_responses_api({}):
            # In the extra body the SDK does not see it, else it parses the answer and raises a cut-off one away.
            wanted = {"extra_body": {**(self.extra_body or {}), **wanted}}
        traced = {"kwargs": {"method": "json_schema", "strict": True}, "schema": convert_to_openai_tool(schema)}
        return self.bind(ls_structured_output_format=traced, **wanted, **kwargs)

    def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
        with self._faults():
            result = super()._generate(*args, **kwargs)
        return self._named(result, kwargs)

    async def _agenerate(self, *args: Any, **kwargs: Any) -> ChatResult:
        with self._faults():
            result = await super()._agenerate(*args, **kwargs)
        return self._named(result, kwargs)

    def _stream(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        ended = False
        with self._faults():
            for chunk in super()._stream(*args, **kwargs):
                ended = self._ends(chunk, kwargs) or ended
                yield chunk
            _require(ended)

    async def _astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        ended = False
        with self._faults():
            async for chunk in super()._astream(*args, **kwargs):
                ended = self._ends(chunk, kwargs) or ended
                yield chunk
            _require(ended)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """What goes wrong inside is typed, and counted against the endpoint."""
        with self.breaker.guard() if self.breaker else nullcontext(), _typed_errors():
            yield

    def _ends(self, chunk: ChatGenerationChunk, kwargs: dict[str, Any]) -> bool:
        """Whether the server says with this chunk that the answer is complete; if so, write down who gave it."""
        info = chunk.generation_info or {}
        # The Responses API, which langchain-openai uses for a few models, marks the last chunk instead.
        finished = info.get("finish_reason") or getattr(chunk.message, "chunk_position", None) == "last"
        if finished:
            self._name(chunk, info, kwargs)
        return bool(finished)

    def _named(self, result: ChatResult, kwargs: dict[str, Any]) -> ChatResult:
        for generation in result.generations:
            self._name(generation, result.llm_output or {}, kwargs)
        return result

    def _name(self, generation: ChatGeneration, info: dict[str, Any], kwargs: dict[str, Any]) -> None:
        metadata = generation.message.response_metadata
        metadata["served_model"] = info.get("model_name") or metadata.get("model_name", "")
        metadata["model_name"] = kwargs.get("model", self.model_name)

    def _create_chat_result(self, response: Any, generation_info: dict[str, Any] | None = None) -> ChatResult:
        with _readable():
            _keep_odd_arguments(response)
            result = super()._create_chat_result(response, generation_info)
        if not result.generations:
            raise MalformedAnswerError("it holds no choices")
        return result

    def _convert_chunk_to_generation_chunk(self, *args: Any, **kwargs: Any) -> ChatGenerationChunk | None:
        with _readable():
            return super()._convert_chunk_to_generation_chunk(*args, **kwargs)


def chat_model(entry: ModelEntry, *, max_retries: int, breaker: Breaker | None = None) -> ChatCompatible:
    """The chat model of a complete entry (see ModelSettings.entries).

    `max_retries` holds unless the entry has its own; the SDK spends them on 408, 409, 429, 5xx, timeouts and broken
    connections, waiting as long as `Retry-After` asks, up to two minutes.
    """
    return ChatCompatible(
        model=entry.model,
        base_url=entry.base_url,
        api_key=entry.api_key,
        timeout=openai.Timeout(entry.timeout, connect=min(5.0, entry.timeout)),
        stream_chunk_timeout=entry.timeout,
        http_client=_http_client(entry.timeout),
        max_retries=max_retries if entry.max_retries is None else entry.max_retries,
        temperature=entry.temperature,
        stream_usage=True,
        structured_output=entry.structured_output,
        breaker=breaker,
        # Reasoning models refuse the parameter, and a forced tool call is a single one anyway.
        disabled_params={"parallel_tool_calls": None},
    )


@cache
def _http_client(seconds: float) -> openai.DefaultHttpxClient:
    """A client that gives a call up after so many seconds; kept, since reading the certificate store takes 50 ms."""

    def start(request: httpx2.Request) -> None:
        request.extensions["end"] = monotonic() + seconds

    def bound(response: httpx2.Response) -> None:
        # What is streamed to a reader may take as long as chunks keep coming.
        if not response.headers.get("content-type", "").startswith("text/event-stream"):
            response.stream = _Bounded(response.stream, response.request)

    client = openai.DefaultHttpxClient(event_hooks={"request": [start], "response": [bound]})
    atexit.register(client.close)
    return client


class _Bounded(httpx2.SyncByteStream):
    """A body that must be complete by its request's end: the client's own timeout begins anew with every byte."""

    def __init__(self, body: Any, request: httpx2.Request) -> None:
        self._body, self._request = body, request

    def __iter__(self) -> Iterator[bytes]:
        for part in self._body:
            if monotonic() > self._request.extensions["end"]:
                raise httpx2.ReadTimeout("no whole answer in time", request=self._request)
            yield part

    def close(self) -> None:
        self._body.close()


def _is_model(schema: object) -> TypeGuard[type[BaseModel]]:
    return isinstance(schema, type) and issubclass(schema, BaseModel)


def _parse(schema: type[BaseModel], answer: dict[str, Any]) -> dict[str, Any]:
    try:
        return {**answer, "parsed": read_answer(schema, answer["raw"]), "parsing_error": None}
    except ValueError as error:
        return {**answer, "parsed": None, "parsing_error": error}


def _keep_odd_arguments(response: Any) -> None:
    """Make arguments that are JSON but no object unreadable, in place: an invalid call, as when streamed."""
    for choice in getattr(response, "choices", None) or []:
        for call in getattr(choice.message, "tool_calls", None) or []:
            function = getattr(call, "function", None)
            if function and _is_no_object(function.arguments):
                function.arguments = f"not an object: {function.arguments}"


def _is_no_object(arguments: str) -> bool:
    try:
        return not isinstance(json.loads(arguments), (dict, type(None)))
    except (ValueError, RecursionError):
        return False  # langchain-openai finds out by itself


def _require(ended: bool) -> None:
    if not ended:
        raise MalformedAnswerError("the stream ended before the answer was complete")


@contextmanager
def _readable() -> Iterator[None]:
    """An answer that is JSON but not the protocol makes langchain-openai trip in these ways."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MalformedAnswerError(f"not what the protocol allows: {error}") from error


@contextmanager
def _typed_errors() -> Iterator[None]:
    """Translate what langchain-openai lets through; it types most errors itself."""
    try:
        yield
    except ModelError:
        raise
    except (JSONDecodeError, UnicodeDecodeError, AttributeError) as error:  # the last for JSON that is no object
        raise MalformedAnswerError(f"not JSON, or not an object: {error}") from error
    except TimeoutError as error:
        raise ModelTimeoutError(str(error)) from error
    except openai.APIStatusError as error:
        kind = ModelTimeoutError if error.status_code == 408 else ModelInvalidRequestError
        raise kind(str(error)) from error
    except openai.APIError as error:  # an error event in the middle of a stream
        raise ModelAPIError(error.message) from error


def probe(entry: ModelEntry, deadline: float) -> str:
    """Why the model cannot be had, in one line; empty if its endpoint lists it, or does not keep such a list.

    Asks for the list of models, which costs nothing; `deadline` is in seconds.
    """
    client = chat_model(entry, max_retries=0).root_client.with_options(timeout=deadline)
    try:
        known = {model.id for model in client.models.list()}
    except openai.NotFoundError:
        return ""
    except openai.APIConnectionError:
        return f"{client.base_url.copy_with(userinfo=b'', query=None)} cannot be reached"
    except openai.AuthenticationError:
        return "the key was refused"
    except (openai.OpenAIError, ValueError, AttributeError, TypeError) as error:  # the last three: not the protocol
        said = redact(" ".join(str(error)[:2_000].split()), client.api_key)
        return f"does not speak the OpenAI protocol: {said[:120]}"
    return "" if not known or entry.model in known else f"the endpoint has no model {entry.model!r}"
