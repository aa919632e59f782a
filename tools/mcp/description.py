"""What a server says of its tools and results, made fit for a model: text from outside, so cleaned and bounded."""

import json
import re
from collections.abc import Container, Iterable
from typing import TYPE_CHECKING, Any

from threadloom.tools.answer import shown
from threadloom.tools.text import clipped, prose, text

if TYPE_CHECKING:
    from mcp.types import CallToolResult, Tool

MOST_ABOUT, MOST_TEXT = 1_000, 300
"""Characters of what a tool is for, and of each text in the description of its arguments."""
MOST_SCHEMA, MOST_DEPTH = 20_000, 12
"""Characters and nesting of the description of a tool's arguments."""
_TEXTS = frozenset({"description", "title", "$comment"})


def tool_name(server: str, tool: str, taken: Container[str]) -> str:
    """A name no other has, from both names, as models' interfaces take it: letters, digits, _ and -, at most 64."""
    name = re.sub(r"[^a-zA-Z0-9_-]", "_", f"{server}_{tool}")[:64]
    candidates = [name, *(f"{name[:60]}_{number}" for number in range(2, 200))]
    return next(candidate for candidate in candidates if candidate not in taken)


def about(server: str, tool: "Tool") -> str:
    """What a tool is for, in the server's words, which are said to be its."""
    said = clipped(text(tool.description or tool.title or ""), MOST_ABOUT)
    return f"A tool of the MCP server {server}, in its own words: {said or clipped(text(tool.name), 64)}"


def arguments(schema: dict[str, Any]) -> dict[str, Any] | None:
    """The JSON schema of a tool's arguments with its texts cleaned and cut; None if it is too large or too deep."""
    try:
        bounded = {"type": "object", "properties": {}, **_bounded(schema, 0)}
    except RecursionError:
        return None
    return bounded if len(json.dumps(bounded)) <= MOST_SCHEMA else None


def _bounded(value: Any, depth: int) -> Any:
    if depth > MOST_DEPTH:
        raise RecursionError
    if isinstance(value, dict):
        return {key: _member(key, inner, depth) for key, inner in value.items()}
    return [_bounded(inner, depth + 1) for inner in value] if isinstance(value, list) else value


def _member(key: str, value: Any, depth: int) -> Any:
    if key in _TEXTS and isinstance(value, str):
        return clipped(text(value), MOST_TEXT)
    return _bounded(value, depth + 1)


def content(result: "CallToolResult") -> str:
    """A result as text: its texts, what else it holds by kind and size, its data if there is no text."""
    parts = [part for part in map(_part, result.content) if part]
    if not parts and result.structured_content is not None:
        parts = [shown(result.structured_content)]
    return "\n".join(parts)


def _part(block: Any) -> str:
    if block.type == "text":
        return prose(block.text)
    if block.type == "resource" and hasattr(block.resource, "text"):
        return f"{text(str(block.resource.uri))}:\n{prose(block.resource.text)}"
    kind, data = getattr(block, "mime_type", None) or block.type, getattr(block, "data", "")
    address = text(str(getattr(block, "uri", "")))
    return f"[{text(kind)}{f' of {len(data) * 3 // 4:,} bytes' if data else ''}{address and f' at {address}'}]"


def texts(error: BaseException) -> Iterable[str]:
    """What went wrong: the messages of an exception, or of those in a group."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from texts(inner)
    else:
        yield text(str(error)) or type(error).__name__
