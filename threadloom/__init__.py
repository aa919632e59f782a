"""Threadloom: orchestration patterns on LangGraph with runs that can be paused, resumed and inspected.

Imported on first use, since they bring langgraph and sqlalchemy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from threadloom.runs.compensation import compensation
    from threadloom.runs.effects import effect
    from threadloom.runs.runner import Runner

__all__ = ["Runner", "compensation", "effect"]

_HOMES = {"Runner": "runner", "compensation": "compensation", "effect": "effects"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.runs.{_HOMES[name]}"), name)
