"""The ready graphs by name."""

from importlib import import_module
from typing import Any

from threadloom.errors import UsageError

GRAPHS = {"research": "threadloom.graphs.research"}


def load(name: str) -> Any:
    """The StateGraph of a name, not compiled. Raises UsageError for a name that is not there."""
    if name not in GRAPHS:
        raise UsageError(f"no graph named {name!r}; there are: {', '.join(GRAPHS)}")
    return import_module(GRAPHS[name]).build()
