"""Where model calls pass the record: a cache of LangChain's, in front of the one that the program has set.

LangChain asks a cache before every `invoke` of a model and tells it the answer, with the request in a canonical form.
It knows one for the whole process. So this one is set for as long as runs are under way, leaves calls outside of them
alone, and hands everything on to the cache that was there. What a node streams passes none: see `streaming`. Models
with `cache=False` or a cache of their own are not recorded.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from langchain_core.caches import BaseCache
from langchain_core.globals import get_llm_cache, set_llm_cache
from langchain_core.outputs import Generation

from threadloom.runs import streaming
from threadloom.runs.request import asked

_lock = threading.Lock()
_under_way = 0  # goes at runs, in this process


@contextmanager
def recording() -> Iterator[None]:
    """As long as this lasts model calls in runs pass the record."""
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _under_way  # noqa: PLW0603  # LangChain's cache is one for the process
    with _lock:
        _under_way += 1
        if not isinstance(before := get_llm_cache(), Recording):  # a program may set another at any time
            set_llm_cache(Recording(before))
        streaming.install()


def _leave() -> None:
    global _under_way  # noqa: PLW0603  # the same
    with _lock:
        _under_way -= 1
        if not _under_way and isinstance(ours := get_llm_cache(), Recording):
            set_llm_cache(ours.behind)


class Recording(BaseCache):
    """Notes what models answer in runs.

    Args:
        behind: the cache that the program has set, if it has.
    """

    def __init__(self, behind: BaseCache | None) -> None:
        self.behind = behind

    def lookup(self, prompt: str, llm_string: str) -> Sequence[Generation] | None:
        """The recorded answer, or that of the cache behind; None: the model is to be asked."""
        request = asked(prompt, llm_string)
        if request and (call := request.recorder.recall(request)):
            request.recorder.note(call)
            return call.generations()
        found = self.behind.lookup(prompt, llm_string) if self.behind else None
        if request and found is not None:
            request.recorder.note(request.recorder.answered(request, found))
        return found

    async def alookup(self, prompt: str, llm_string: str) -> Sequence[Generation] | None:
        """`lookup` for event loops."""
        request = asked(prompt, llm_string)
        if request and (call := request.recorder.recall(request)):
            await request.recorder.anote(call)
            return call.generations()
        found = await self.behind.alookup(prompt, llm_string) if self.behind else None
        if request and found is not None:
            await request.recorder.anote(request.recorder.answered(request, found))
        return found

    def update(self, prompt: str, llm_string: str, return_val: Sequence[Generation]) -> None:
        """A model has answered."""
        request = asked(prompt, llm_string)
        if request:
            request.recorder.note(request.recorder.answered(request, return_val))
        if self.behind:
            self.behind.update(prompt, llm_string, return_val)

    async def aupdate(self, prompt: str, llm_string: str, return_val: Sequence[Generation]) -> None:
        """`update` for event loops."""
        request = asked(prompt, llm_string)
        if request:
            await request.recorder.anote(request.recorder.answered(request, return_val))
        if self.behind:
            await self.behind.aupdate(prompt, llm_string, return_val)

    def clear(self, **kwargs: Any) -> None:
        """Clear the cache behind; the record stays."""
        if self.behind:
            self.behind.clear(**kwargs)

    async def aclear(self, **kwargs: Any) -> None:
        """`clear` for event loops."""
        if self.behind:
            await self.behind.aclear(**kwargs)
