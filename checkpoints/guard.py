"""One writer per thread: a run that goes on from a checkpoint which is no longer the latest is refused.

LangGraph reads the latest checkpoint when a run starts and stores children of it as the run goes on. Two runs at once
on one thread would both succeed, and one of them would be lost. So whatever a run stores in the root namespace (of
source "input" or "loop"; a subgraph's run is the root's) has to follow the latest checkpoint, unless the run was
started from a checkpoint that its caller named, which is how one travels in time.

What changes a thread that waits, as a migration does, asks for the same with FOLLOWS in its config.

A run is known by the runtime that LangGraph makes for it and hands to the saver in every config: looking at a named
checkpoint, as `get_state` does, frees no run. A program that stores checkpoints by hand has no runtime; it is free to
go on from a checkpoint that it asked for by its id, once each time.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from langchain_core.runnables import RunnableConfig

from threadloom.checkpoints.records import checkpoint_id_of, place_of

FOLLOWS = "__threadloom_follows"  # true in a config: what is stored has to follow the latest checkpoint in any case
RUNTIME = "__pregel_runtime"  # LangGraph's CONFIG_KEY_RUNTIME
REMEMBERED = 10_000  # checkpoints that were named and from which nothing was stored, of runs and of others

Key = tuple[str, str | None, int | None]


class Guard:
    """What this saver's runs were started from, as far as it matters; shared by all threads.

    Args:
        enabled: False lets every writer pass.
    """

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled
        # The runtimes are kept so that no other object gets their id.
        self._runs: OrderedDict[Key, Any] = OrderedDict()
        self._others: OrderedDict[Key, int] = OrderedDict()
        self._lock = threading.Lock()

    def loaded(self, config: RunnableConfig) -> None:
        """Note who asked for a checkpoint by its id."""
        place, checkpoint_id, runtime = place_of(config), checkpoint_id_of(config), _runtime_of(config)
        if not self._enabled or place.ns or not checkpoint_id:
            return
        key = _key(place.thread_id, checkpoint_id, runtime)
        with self._lock:
            if runtime is not None:
                self._runs[key] = runtime
            else:
                self._others[key] = self._others.pop(key, 0) + 1
            for remembered in (self._runs, self._others):
                while len(remembered) > REMEMBERED:
                    remembered.popitem(last=False)

    def applies(self, config: RunnableConfig, row: Mapping[str, Any]) -> bool:
        """Whether the checkpoint that is about to be stored has to follow the latest one."""
        if not self._enabled or row["ns"]:
            return False
        if config.get("configurable", {}).get(FOLLOWS):
            return True
        runtime, thread_id, parent = _runtime_of(config), row["thread_id"], row["parent_id"]
        freed = self._freed(_key(thread_id, parent, runtime)) if parent else runtime is None
        return row["source"] in ("input", "loop") and not freed

    def _freed(self, key: Key) -> bool:
        with self._lock:
            if self._runs.pop(key, None) is not None:
                return True
            times = self._others.pop(key, 0)
            if times > 1:
                self._others[key] = times - 1
            return times > 0


def starts_run(config: RunnableConfig) -> bool:
    """Whether a run asks for the checkpoint that it goes on from, the latest of its thread."""
    return _runtime_of(config) is not None and not place_of(config).ns and not checkpoint_id_of(config)


def _runtime_of(config: RunnableConfig) -> Any:
    return config.get("configurable", {}).get(RUNTIME)


def _key(thread_id: str, checkpoint_id: str | None, runtime: Any) -> Key:
    return thread_id, checkpoint_id, None if runtime is None else id(runtime)
