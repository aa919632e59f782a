"""SQL checkpoints for LangGraph: `SQLSaver`, `Encryption`, and `tables_in` for a program with migrations of its own.

Imported on first use, since they bring langgraph and sqlalchemy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from threadloom.checkpoints.encryption import Encryption
    from threadloom.checkpoints.saver import SQLSaver
    from threadloom.checkpoints.tables import tables_in

__all__ = ["Encryption", "SQLSaver", "tables_in"]

_HOMES = {"Encryption": "encryption", "SQLSaver": "saver", "tables_in": "tables"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
