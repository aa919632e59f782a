"""A run whose database fails in the middle of it, on either side of the saver."""

import asyncio
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from tests.checkpoints.chain import config
from tests.checkpoints.sides import Graph
from tests.crash.workloads import WORKLOADS
from threadloom.checkpoints import SQLSaver, errors

VOYAGE = WORKLOADS["voyage"]


class Meddled(SQLSaver):
    """A saver that lets something happen when its n-th checkpoint is about to be stored."""

    def __init__(self, url: str, happens: Callable[[], object], at: int) -> None:
        super().__init__(url)
        self._happens, self._puts, self._at = happens, itertools.count(1), at

    def put(self, *args: Any, **kwargs: Any) -> Any:
        if next(self._puts) == self._at:
            self._happens()
        return super().put(*args, **kwargs)

    async def aput(self, *args: Any, **kwargs: Any) -> Any:
        if next(self._puts) == self._at:
            self._happens()
        return await super().aput(*args, **kwargs)


class Voyage:
    """The run, with a saver."""

    def __init__(self, saver: Any, runner: asyncio.Runner | None) -> None:
        self.saver, self._graph = saver, Graph(VOYAGE.compiled(saver), runner)

    def live(self) -> None:
        """Start it or go on with it."""
        self._graph.invoke(VOYAGE.given(self._graph.get_state(config())), config(), durability="sync")

    def values(self) -> dict[str, Any]:
        """What can be read of it."""
        found: dict[str, Any] = self._graph.get_state(config()).values
        return found

    def ends(self) -> dict[str, Any]:
        """Its final state."""
        while (state := VOYAGE.end(self.saver, config())) is None:
            self.live()
        return state

    def fails_with(self, kind: type[errors.CheckpointError], words: str) -> None:
        """Live, and be stopped by a typed error in one line."""
        with pytest.raises(kind, match=words) as failed:
            self.live()
        assert "\n" not in str(failed.value)


@cache
def undisturbed() -> dict[str, Any]:
    """The final state that is to be reached."""
    return Voyage(InMemorySaver(), None).ends()


@contextmanager
def voyage(url: str, side: str, happens: Callable[[], object] = lambda: None, at: int = 5) -> Iterator[Voyage]:
    """The run on a database, on the "sync" or "async" side; what happens when its n-th checkpoint is to be stored."""
    with Meddled(url, happens, at) as saver, asyncio.Runner() as runner:
        yield Voyage(saver, runner if side == "async" else None)
