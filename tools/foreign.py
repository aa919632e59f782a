"""A tool that comes from elsewhere, with our limits: bounded text, and short text where it fails."""

from collections.abc import Callable, Mapping
from typing import Any

from langchain_core.tools import BaseTool
from pydantic import PrivateAttr

from threadloom.tools.answer import bad_arguments, capped


class ForeignTool(BaseTool):
    """Answers with what `call` returns for the arguments by name; a ToolException it raises is text for the model.

    No StructuredTool: that one has parameters of its own, and a foreign tool may call one of its arguments `config`.
    """

    response_format: str = "content_and_artifact"  # type: ignore[assignment]  # narrower in langchain-core, and no less true
    _call: Callable[[Mapping[str, Any]], str] = PrivateAttr()

    def __init__(self, call: Callable[[Mapping[str, Any]], str], **values: Any) -> None:
        super().__init__(handle_tool_error=True, handle_validation_error=bad_arguments, **values)
        self._call = call

    def _run(self, /, **arguments: Any) -> tuple[str, dict[str, Any]]:
        content = self._call(arguments)
        return capped(content), {"characters": len(content)}
