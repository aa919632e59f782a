"""What a chat model makes of a schema or of tools, kept: making it takes longer than most of what a step adds to it."""

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable, RunnableParallel, RunnableSequence
from langchain_core.tools import BaseTool
from pydantic import BaseModel

Asked = Runnable[LanguageModelInput, AIMessage]

MOST = 128
"""How many are kept: who makes schemas at run time would fill the memory with them otherwise."""


class _Kept(NamedTuple):
    asked: Asked
    parts: Sequence[object]
    """What it was made of, held: so long nothing else has their ids."""
    as_of: Sequence[Mapping[str, Any]]
    """What they were like: one that was changed since is another one."""


class Prepared:
    """Chat models with a schema or tools, each made when it is first asked for; for any number of threads at once."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, ...], _Kept] = {}  # by id, since chat models have no hash

    def structured(self, chat: BaseChatModel, schema: type[BaseModel]) -> Asked:
        """The chat model, asked for a `schema`: its message as it came."""
        return self._get((chat, schema), lambda: _raw(chat.with_structured_output(schema, include_raw=True)))

    def with_tools(self, chat: BaseChatModel, tools: Sequence[BaseTool]) -> Asked:
        """The chat model that may call the tools."""
        return self._get((chat, *tools), lambda: chat.bind_tools(tools))

    def _get(self, parts: Sequence[object], make: Callable[[], Asked]) -> Asked:
        key, as_of = tuple(map(id, parts)), [dict(part) for part in parts if isinstance(part, BaseModel)]
        kept = self._kept.get(key)
        if kept is None or kept.as_of != as_of:
            if len(self._kept) >= MOST:
                self._kept.clear()
            # Two threads may make the same at once, which does no harm.
            kept = self._kept[key] = _Kept(make(), parts, as_of)
        return kept.asked


def _raw(structured: Runnable[LanguageModelInput, Any]) -> Asked:
    """The part of it that asks. langchain would parse the message besides, in a thread, and nobody looks at that."""
    first = structured.first if isinstance(structured, RunnableSequence) else None
    if isinstance(first, RunnableParallel) and first.steps__.keys() == {"raw"}:
        return first.steps__["raw"]
    return structured | itemgetter("raw")
