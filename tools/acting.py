"""Which tools act on the world: what they do cannot be taken back, so a person agrees first.

A mark, no lock: a graph asks `acts(tool)` and puts an `interrupt` in front. `acting(tool)` marks a tool of your own.
"""

from langchain_core.tools import BaseTool

_MARK = "acts"


def acting(tool: BaseTool) -> BaseTool:
    """The same tool, marked as one that acts."""
    tool.metadata = {**(tool.metadata or {}), _MARK: True}
    return tool


def acts(tool: BaseTool) -> bool:
    """Whether a tool is marked as one that acts; what comes from elsewhere (MCP, community) is, unless vouched for."""
    return bool((tool.metadata or {}).get(_MARK))
