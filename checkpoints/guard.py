"""One writer per thread: a run that goes on from a checkpoint which is no longer the latest is refused.

LangGraph reads the latest checkpoint when a run starts and stores children of it as the run goes on. Two runs at once
on one thread would both succeed, and one of them would be lost. So whatever a run stores in the root namespace (of
source "input" or "loop"; a subgraph's run is the root's) has to follow the latest checkpoint, unless the run was
started from a checkpoint that its caller named, which is how one travels in time.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from threadloom.checkpoints.records import Place

REMEMBERED = 10_000  # threads


class Guard:
    """What this saver's runs were started from, as far as it matters; shared by all threads.

    Args:
        enabled: False lets every writer pass.
    """

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled
        self._named: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._empty: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def loaded(self, place: Place, checkpoint_id: str | None, *, found: bool) -> None:
        """Note what somebody asked for: a checkpoint by its id, or the latest, and whether it was there."""
        if not self._enabled or place.ns:
            return
        with self._lock:
            if checkpoint_id:
                key = (place.thread_id, checkpoint_id)
                self._named[key] = self._named.pop(key, 0) + 1
            elif not found:
                self._empty[place.thread_id] = None
            for remembered in (self._named, self._empty):
                while len(remembered) > REMEMBERED:
                    remembered.popitem(last=False)

    def applies(self, row: Mapping[str, Any]) -> bool:
        """Whether the checkpoint that is about to be stored has to follow the latest one.

        A named checkpoint counts for one run each time that it was asked for.
        """
        if not self._enabled or row["ns"] or row["source"] not in ("input", "loop"):
            return False
        thread_id, parent = row["thread_id"], row["parent_id"]
        with self._lock:
            if not parent:
                # Nobody who starts a run stores before reading; tools that write histories do.
                return thread_id in self._empty
            runs = self._named.pop((thread_id, parent), 0)
            if runs > 1:
                self._named[thread_id, parent] = runs - 1
            return not runs
