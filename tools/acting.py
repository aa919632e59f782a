"""Which tools act on the world, and which must not be repeated.

What a tool that *acts* does cannot be taken back, so a person agrees first, and it is done once in a run. One that is
only *unrepeatable*, such as one that appends to a file, needs nobody's consent, but doing it again would do it twice.

Marks, no locks: a graph asks `acts(tool)` and puts an `interrupt` in front, and makes an effect of what is not
`repeatable(tool)`. `acting(tool)` and `unrepeatable(tool)` mark tools of your own.
"""

from langchain_core.tools import BaseTool

_ACTS, _ONCE = "acts", "once"


def acting(tool: BaseTool) -> BaseTool:
    """The same tool, marked as one that acts."""
    return _marked(tool, _ACTS)


def unrepeatable(tool: BaseTool) -> BaseTool:
    """The same tool, marked as one that must not be repeated."""
    return _marked(tool, _ONCE)


def acts(tool: BaseTool) -> bool:
    """Whether a tool is marked as one that acts; what comes from elsewhere (MCP, community) is, unless vouched for."""
    return _has(tool, _ACTS)


def repeatable(tool: BaseTool) -> bool:
    """Whether a call may be repeated after a crash without harm."""
    return not (_has(tool, _ACTS) or _has(tool, _ONCE))


def _marked(tool: BaseTool, mark: str) -> BaseTool:
    tool.metadata = {**(tool.metadata or {}), mark: True}
    return tool


def _has(tool: BaseTool, mark: str) -> bool:
    return bool((tool.metadata or {}).get(mark))
