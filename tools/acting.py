"""Which tools act on the world: what they do cannot be taken back, so a person agrees before they run.

A mark, no lock: a graph asks `acts(tool)` and puts an `interrupt` in front. Mark your own tools with `acting`.
"""

from langchain_core.tools import BaseTool

_MARK = "acts"


def acting(tool: BaseTool) -> BaseTool:
    """The same tool, marked as one that acts."""
    tool.metadata = {**(tool.metadata or {}), _MARK: True}
    return tool


def acts(tool: BaseTool) -> bool:
    """Whether a tool is marked as one that acts."""
    return bool((tool.metadata or {}).get(_MARK))
