"""How a function becomes a tool whose every answer a model can take: bounded text, and short text where it fails.

A tool raises ToolException, or a subclass, for what the model can do something about; everything else is a bug and is
not hidden from whoever runs the tool.
"""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from langchain_core.tools import BaseTool, StructuredTool, ToolException
from pydantic import BaseModel, ConfigDict, ValidationError

from threadloom.tools.text import clipped

MOST = 30_000
"""Characters of one answer, whatever a tool found; tools that can page give less at once."""
MOST_OF_ERROR = 1_000


class Arguments(BaseModel):
    """Base of what tools take: an argument that a tool does not have is an error the model is told."""

    model_config = ConfigDict(extra="forbid")


def tool_of(
    function: Callable[..., tuple[str, Any]], *, name: str, description: str, arguments: type[BaseModel]
) -> BaseTool:
    """A tool that answers with what `function` returns: text for the model, and an artifact for the program.

    The text is cut to MOST characters; a ToolException and arguments that do not fit become short text.
    """

    @wraps(function)
    def bounded(*args: Any, **values: Any) -> tuple[str, Any]:
        content, artifact = function(*args, **values)
        return capped(content), artifact

    return StructuredTool.from_function(
        bounded,
        name=name,
        description=description,
        args_schema=arguments,
        response_format="content_and_artifact",
        handle_tool_error=_failure,
        handle_validation_error=bad_arguments,
    )


def capped(content: str, most: int = MOST, rest: str = "ask for less, or for a part of it") -> str:
    """`content`, if it is longer than `most` cut there with a note of how much there was and how to get the `rest`."""
    if len(content) <= most:
        return content
    return f"{content[:most]}\n[cut here: {most:,} of {len(content):,} characters; {rest}]"


def shown(value: object) -> str:
    """Data for a model, as JSON: a string in it ends where it ends, whatever it says."""
    return json.dumps(value, ensure_ascii=False)


def bad_arguments(error: Exception) -> str:
    """Which arguments do not fit and why, in one short line."""
    if not isinstance(error, ValidationError):
        return clipped(f"bad arguments: {error}", MOST_OF_ERROR)
    problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
    return clipped(f"bad arguments: {problems}", MOST_OF_ERROR)


def _failure(error: ToolException) -> str:
    return clipped(str(error), MOST_OF_ERROR)
