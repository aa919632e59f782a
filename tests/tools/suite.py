"""What LangChain's own suites for tools ask for: a test class of theirs also inherits `Subject` and sets `made`."""

from typing import Any

import pytest
from langchain_core.tools import BaseTool


class Subject:
    """The suites ask for the tool as a property, so a fixture puts it there."""

    made: tuple[BaseTool, dict[str, Any]]
    """A tool, and arguments it can be called with."""

    @pytest.fixture
    def tool(self) -> BaseTool:
        return self.made[0]

    @property
    def tool_constructor(self) -> BaseTool:
        return self.made[0]

    @property
    def tool_invoke_params_example(self) -> dict[str, Any]:
        return self.made[1]
