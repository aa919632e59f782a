"""Tools that are looked up when a run first needs them: that reads settings, and may start programs."""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import overload

from langchain_core.tools import BaseTool


class Later(Sequence[BaseTool]):
    """What `find` returns, asked once by whoever comes first. Using it raises what `find` raises, and asks again."""

    def __init__(self, find: Callable[[], Sequence[BaseTool]]) -> None:
        self._find, self._lock = find, Lock()
        self._found: Sequence[BaseTool] | None = None

    @overload
    def __getitem__(self, index: int) -> BaseTool: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[BaseTool]: ...
    def __getitem__(self, index: int | slice) -> BaseTool | Sequence[BaseTool]:
        return self._tools()[index]

    def __len__(self) -> int:
        return len(self._tools())

    def _tools(self) -> Sequence[BaseTool]:
        with self._lock:
            if self._found is None:
                self._found = list(self._find())
            return self._found
