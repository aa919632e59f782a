"""A node each of whose tasks has a thread of its own under `ainvoke`, where the event loop has cores + 4 for all."""

import asyncio
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig

from threadloom.nodes.node import Node
from threadloom.nodes.within import begun


class OwnThread(Runnable[Any, dict[str, Any]]):
    """For nodes that run many times at once, such as one tool call each; under `invoke` the graph has the threads."""

    def __init__(self, node: Node[Any], name: str) -> None:
        self.name, self._node = name, node

    def invoke(self, input: Any, config: RunnableConfig | None = None, **_: Any) -> dict[str, Any]:  # noqa: A002, ARG002 - as in Runnable
        """In the thread of the task."""
        return self._node(input)

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **_: Any) -> dict[str, Any]:  # noqa: A002, ARG002 - as in Runnable
        """In a new thread."""
        return await asyncio.wrap_future(begun(lambda: self._node(input)))
