"""A process that ends in the middle of a step, once what it did before is stored."""

import threading
from typing import Any

import pytest

from threadloom.checkpoints import SQLSaver


class Killed(BaseException):
    """Stands for the end of the process."""


def when_stored(text: str, saver: SQLSaver, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set once a task has stored writes with this text in them."""
    stored = threading.Event()
    put_writes, aput_writes = saver.put_writes, saver.aput_writes

    def note(writes: Any) -> None:
        if text in repr(writes):
            stored.set()

    def put(config: Any, writes: Any, *rest: Any) -> None:
        put_writes(config, writes, *rest)
        note(writes)

    async def aput(config: Any, writes: Any, *rest: Any) -> None:
        await aput_writes(config, writes, *rest)
        note(writes)

    monkeypatch.setattr(saver, "put_writes", put)
    monkeypatch.setattr(saver, "aput_writes", aput)
    return stored
