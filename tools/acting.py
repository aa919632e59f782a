"""Which tools act on the world: what they did cannot be taken back by forgetting it, so a person is asked before.

A tool says so itself, in its metadata: `StructuredTool.from_function(…, metadata={"acts": True})`. Graphs ask `acts`.
"""

from langchain_core.tools import BaseTool


def acts(tool: BaseTool) -> bool:
    """Whether a call of the tool changes something outside of the run: sends, writes, books, pays."""
    return bool((tool.metadata or {}).get("acts"))
