"""What the embedded model may call in tests, and what it called."""

from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.tools import tool


@tool
def calculator(expression: str) -> str:
    """Calculate an arithmetic expression."""
    return expression


@tool
def lookup(query: str, limit: int = 3) -> str:
    """Look up papers."""
    return query


def calls(message: Any) -> dict[str, Any]:
    assert isinstance(message, AIMessage)
    return {call["name"]: call["args"] for call in message.tool_calls}
