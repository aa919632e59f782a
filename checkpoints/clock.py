"""Ids in the order in which they are made, also where the machines that make them disagree about the time.

LangGraph's ids are UUIDs of version 6: they begin with the time of the machine, and the latest checkpoint of a thread
is the one with the greatest. A machine whose clock is behind would go on from a checkpoint with one that sorts before
it. So a process that reads the latest checkpoint makes its own ids after that one, as LangGraph does after its own.
"""

from typing import Any

import langgraph.checkpoint.base.id

_IDS: Any = langgraph.checkpoint.base.id
LATEST = 2**59  # ticks of 100 ns since 1582, in the year 3409: what is later is no time, but somebody's own id


def pass_over(checkpoint_id: str) -> None:
    """Have the ids that are made in this process from now on sort after this one."""
    try:
        ticks = int(checkpoint_id[:8] + checkpoint_id[9:13] + checkpoint_id[15:18], 16)
    except ValueError:
        return  # no UUID
    # There is no other way in.
    if checkpoint_id[14:15] == "6" and (_IDS._last_v6_timestamp or 0) < ticks < LATEST:  # noqa: SLF001
        _IDS._last_v6_timestamp = ticks  # noqa: SLF001
