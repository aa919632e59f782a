"""The checkpointer of a LangGraph server: what `"checkpointer": {"path": …}` of a langgraph.json names.

`langgraph dev`, and so LangGraph Studio, then keeps its threads in the database that THREADLOOM_DB names, where
`threadloom threads` and your own programs find them, and goes on with what those began.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from threadloom.checkpoints.encryption import Encryption
from threadloom.checkpoints.saver import SQLSaver

DEFAULT = "sqlite:///threadloom.db"


@asynccontextmanager
async def create_checkpointer(**options: Any) -> AsyncIterator[SQLSaver]:
    """A saver for as long as the server runs; the server asks for one in each of its event loops.

    Args:
        options: those of `SQLSaver`; keys are taken from the environment, as for the command line. The server gives
            none; a module of yours can, with `functools.partial`.

    Raises:
        CheckpointError: the variable names no database that can be opened.
    """
    url = os.environ.get("THREADLOOM_DB") or DEFAULT
    # In a thread, since finding the driver and the file reads the disk, which the server forbids in its event loops.
    async with await asyncio.to_thread(_opened, url, options) as saver:
        yield saver


def _opened(url: str, options: dict[str, Any]) -> SQLSaver:
    keys, file = (os.environ.get(f"THREADLOOM_ENCRYPTION_{name}") for name in ("KEYS", "KEYS_FILE"))
    encryption = Encryption.read(Path(file)) if file else Encryption.parse(keys) if keys else None
    options.setdefault("encryption", encryption)
    return SQLSaver(url, **options)
