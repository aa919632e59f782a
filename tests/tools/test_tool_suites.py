"""LangChain's own suites over the tools that search the web, read pages, calculate and keep files."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.tools import BaseTool
from langchain_tests.integration_tests import ToolsIntegrationTests
from langchain_tests.unit_tests import ToolsUnitTests

from tests.servers.page_server import PageServer, http
from tests.servers.search_server import SearchServer
from tests.tools.suite import Subject
from threadloom.tools.calculator import calculator_tool
from threadloom.tools.http import HttpClient
from threadloom.tools.knowledge.articles import sample
from threadloom.tools.knowledge.tool import help_tool
from threadloom.tools.pages.gate import Gate
from threadloom.tools.pages.page import PageReader
from threadloom.tools.pages.tool import page_tool
from threadloom.tools.web.searxng import SearxNg
from threadloom.tools.web.tool import web_tool
from threadloom.tools.workspace.tools import workspace_tools
from threadloom.tools.workspace.workspace import Workspace

Made = tuple[BaseTool, dict[str, Any]]
"""A tool, and arguments it can be called with."""


@pytest.fixture
def search_help() -> Made:
    return help_tool(sample, "everything"), {"question": "How do I get a refund?"}


@pytest.fixture
def calculate() -> Made:
    return calculator_tool(), {"expression": "1 + 1"}


@pytest.fixture
def web_search(monkeypatch: pytest.MonkeyPatch) -> Iterator[Made]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with SearchServer([{"title": "Tea", "url": "https://tea.test/", "content": "Tea."}]) as server:
        http = HttpClient()
        yield web_tool(SearxNg(server.url, http)), {"query": "tea", "limit": 2}
        http.close()


@pytest.fixture
def fetch_page() -> Iterator[Made]:
    with PageServer({"/": http(b"<p>Tea")}) as server:
        reader = PageReader(Gate([f"127.0.0.1:{server.port}"]))
        yield page_tool(reader), {"url": f"http://127.0.0.1:{server.port}/"}
        reader.close()


def _file_tool(name: str, args: dict[str, Any]) -> Callable[[Path], Made]:
    @pytest.fixture
    def made(tmp_path: Path) -> Made:
        workspace = Workspace(tmp_path)
        workspace.write("tea.md", "tea")
        return next(tool for tool in workspace_tools(workspace) if tool.name == name), args

    return made


list_files = _file_tool("list_files", {})
read_file = _file_tool("read_file", {"path": "tea.md"})
write_file = _file_tool("write_file", {"path": "new.md", "content": "tea"})
append_to_file = _file_tool("append_to_file", {"path": "tea.md", "content": "tea"})
search_files = _file_tool("search_files", {"words": "tea"})

NAMES = (
    "calculate",
    "search_help",
    "web_search",
    "fetch_page",
    "list_files",
    "read_file",
    "write_file",
    "append_to_file",
    "search_files",
)


class Suite(Subject):
    @pytest.fixture(autouse=True, params=NAMES)
    def make(self, request: pytest.FixtureRequest) -> None:
        self.made = request.getfixturevalue(request.param)
        assert self.made[0].name == request.param


class TestUnit(Suite, ToolsUnitTests):
    """LangChain's unit suite."""


class TestIntegration(Suite, ToolsIntegrationTests):
    """LangChain's integration suite."""

    async def test_both_ways_are_one(self, tool: BaseTool) -> None:
        """What it says, and what it says of arguments that do not fit."""
        for args in (self.made[1], {"no such": 1}):
            call = {"name": tool.name, "args": args, "id": "1", "type": "tool_call"}
            message = await tool.ainvoke(call)
            assert message == tool.invoke(call)
            assert json.loads(json.dumps(message.artifact)) == message.artifact
            assert message.status == ("success" if args is self.made[1] else "error")
