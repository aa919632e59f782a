"""SQL checkpoints for LangGraph: `SQLSaver`, imported on first use since it brings langgraph and sqlalchemy."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from threadloom.checkpoints.saver import SQLSaver

__all__ = ["SQLSaver"]


def __getattr__(name: str) -> Any:
    if name != "SQLSaver":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from threadloom.checkpoints.saver import SQLSaver

    return SQLSaver
