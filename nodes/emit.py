"""Telling whoever streams a run what goes on inside of a node: LangGraph's stream mode "custom"."""

from typing import Any

from langgraph.config import get_stream_writer


def emit(event: str, **details: Any) -> None:
    """Send `{"event": event, **details}`; nothing happens outside of a graph."""
    try:
        write = get_stream_writer()
    except (RuntimeError, KeyError):  # no graph runs here
        return
    write({"event": event, **details})
