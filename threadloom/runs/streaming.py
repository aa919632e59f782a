"""Where streams of models pass the record: LangChain shows to no cache what a node asks with `stream` or `astream`.

So these two methods of all chat models are others from the first run on; outside of runs they do as before. A stream
is noted when it has come to its end, as if it were the answer to `invoke`; it is replayed by way of that, in one piece.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.language_models._utils import _normalize_messages  # as done before a cache is asked
from langchain_core.load import dumps
from langchain_core.messages import AIMessage, AIMessageChunk, message_chunk_to_message
from langchain_core.outputs import ChatGeneration

from threadloom.runs.calls import Call
from threadloom.runs.recorder import Request
from threadloom.runs.request import asked

FORMATS = ("ls_structured_output_format", "structured_output_format")
"""What LangChain takes out of the settings of a call before it looks at them: it is for traces."""
_behind: dict[str, Any] = {}


def install() -> None:
    """From now on streams pass the record. For good: whoever wraps the methods later relies on what they wrapped."""
    if not _behind:
        _behind.update(stream=BaseChatModel.stream, astream=BaseChatModel.astream)
        BaseChatModel.stream = _recorded  # type: ignore[method-assign,assignment]  # there is no other way in
        BaseChatModel.astream = _arecorded  # type: ignore[method-assign,assignment]  # the same


def _recorded(model: Any, /, input: Any, config: Any = None, *, stop: Any = None, **kwargs: Any) -> Iterator[Any]:  # noqa: A002  # LangChain's
    request = _request(model, input, stop, kwargs, is_async=False)
    if request and request.recorder.has(request):
        yield _piece(model.invoke(input, config, stop=stop, **kwargs))
        return
    said = []
    for chunk in _behind["stream"](model, input, config, stop=stop, **kwargs):
        said.append(chunk)
        yield chunk
    if request and (call := _call(request, said)):
        request.recorder.note(call)


async def _arecorded(
    model: Any,
    /,  # `model` may be among the settings: another one's name
    input: Any,  # noqa: A002  # LangChain's
    config: Any = None,
    *,
    stop: Any = None,
    **kwargs: Any,
) -> AsyncIterator[Any]:
    request = _request(model, input, stop, kwargs, is_async=True)
    if request and request.recorder.has(request):
        yield _piece(await model.ainvoke(input, config, stop=stop, **kwargs))
        return
    said = []
    async with aclosing(_behind["astream"](model, input, config, stop=stop, **kwargs)) as stream:
        async for chunk in stream:
            said.append(chunk)
            yield chunk
    if request and (call := _call(request, said)):
        await request.recorder.anote(call)


def _request(model: Any, given: Any, stop: Any, settings: Mapping[str, Any], *, is_async: bool) -> Request | None:
    """What is asked, as `invoke` would tell a cache; None: nobody keeps it, or `invoke` will be called and tells it."""
    if model.cache not in (None, True) or not model._should_stream(async_api=is_async, **{**settings, "stream": True}):  # noqa: SLF001  # what it will do
        return None
    kept = {name: value for name, value in settings.items() if name not in FORMATS}
    messages = _normalize_messages(model._convert_input(given).to_messages())  # noqa: SLF001  # as it will
    return asked(dumps(messages), model._get_llm_string(stop=stop, **kept))  # noqa: SLF001  # as for a cache


def _call(request: Request, said: list[Any]) -> Call | None:
    """What is noted of a stream; None: nothing was said."""
    if not said:
        return None
    message = message_chunk_to_message(said[0] + said[1:] if said[1:] else said[0])
    return request.recorder.answered(request, [ChatGeneration(message=message)])


def _piece(message: AIMessage) -> AIMessageChunk:
    """An answer as the only piece of a stream."""
    return AIMessageChunk(**message.model_dump(exclude={"type"}), chunk_position="last")
