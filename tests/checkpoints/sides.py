"""Both sides of a saver behind one face, so that a test is written once."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple


class SyncSide(BaseCheckpointSaver[str]):
    """The synchronous methods of a saver under the asynchronous names, which is what the conformance suite calls."""

    def __init__(self, saver: BaseCheckpointSaver[str]) -> None:
        super().__init__()
        self._saver = saver

    async def aget_tuple(self, *args: Any, **kwargs: Any) -> CheckpointTuple | None:
        return self._saver.get_tuple(*args, **kwargs)

    async def alist(self, *args: Any, **kwargs: Any) -> AsyncIterator[CheckpointTuple]:
        for item in self._saver.list(*args, **kwargs):
            yield item

    async def aput(self, *args: Any, **kwargs: Any) -> Any:
        return self._saver.put(*args, **kwargs)

    async def aput_writes(self, *args: Any, **kwargs: Any) -> None:
        self._saver.put_writes(*args, **kwargs)

    async def adelete_thread(self, *args: Any, **kwargs: Any) -> None:
        self._saver.delete_thread(*args, **kwargs)

    async def adelete_for_runs(self, *args: Any, **kwargs: Any) -> None:
        self._saver.delete_for_runs(*args, **kwargs)

    async def acopy_thread(self, *args: Any, **kwargs: Any) -> None:
        self._saver.copy_thread(*args, **kwargs)

    async def aprune(self, *args: Any, **kwargs: Any) -> None:
        self._saver.prune(*args, **kwargs)


class Graph:
    """A compiled graph driven through its synchronous or its asynchronous methods."""

    def __init__(self, compiled: Any, runner: asyncio.Runner | None) -> None:
        self._compiled, self._runner = compiled, runner

    def invoke(self, *args: Any, **kwargs: Any) -> Any:
        return self._call("invoke", *args, **kwargs)

    def update_state(self, *args: Any, **kwargs: Any) -> Any:
        return self._call("update_state", *args, **kwargs)

    def get_state(self, *args: Any, **kwargs: Any) -> Any:
        return self._call("get_state", *args, **kwargs)

    def history(self, *args: Any, **kwargs: Any) -> Sequence[Any]:
        if self._runner is None:
            return list(self._compiled.get_state_history(*args, **kwargs))
        return self._runner.run(_collected(self._compiled.aget_state_history, *args, **kwargs))

    def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        if self._runner is None:
            return getattr(self._compiled, name)(*args, **kwargs)
        return self._runner.run(getattr(self._compiled, f"a{name}")(*args, **kwargs))


async def _collected(stream: Callable[..., AsyncIterator[Any]], *args: Any, **kwargs: Any) -> list[Any]:
    return [item async for item in stream(*args, **kwargs)]
