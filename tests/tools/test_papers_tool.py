"""Every source as a LangChain tool: LangChain's own suites, and what a model is shown."""

import json
from typing import Any

import pytest
from langchain_core.messages import ToolCall
from langchain_core.tools import BaseTool
from langchain_tests.integration_tests import ToolsIntegrationTests
from langchain_tests.unit_tests import ToolsUnitTests

from tests.servers.papers_server import PapersServer, Raw, Work
from tests.tools.conftest import SourceOf, works
from threadloom.tools.library.source import LibrarySource
from threadloom.tools.papers.catalogue import KNOWN
from threadloom.tools.papers.source import PaperSource
from threadloom.tools.papers.tool import paper_tool


class Suite:
    """The suites ask for the tool as a property, so the fixture puts it there."""

    made: BaseTool

    @pytest.fixture(autouse=True, params=KNOWN)
    def make(self, request: pytest.FixtureRequest, server: PapersServer, source_of: SourceOf) -> None:
        server.works = works(3)
        source: PaperSource = LibrarySource() if request.param == "library" else source_of(request.param)
        self.made = paper_tool(source, 20)

    @property
    def tool_constructor(self) -> BaseTool:
        return self.made

    @property
    def tool_invoke_params_example(self) -> dict[str, Any]:
        return {"query": "climate", "limit": 2}


class TestUnit(Suite, ToolsUnitTests):
    """LangChain's unit suite."""

    @pytest.fixture
    def tool(self) -> BaseTool:
        return self.made


class TestIntegration(Suite, ToolsIntegrationTests):
    """LangChain's integration suite."""

    @pytest.fixture
    def tool(self) -> BaseTool:
        return self.made


def _call(**args: object) -> ToolCall:
    return ToolCall(name="search_crossref", args=args, id="1", type="tool_call")


def test_content_and_artifact(server: PapersServer, source_of: SourceOf) -> None:
    names = tuple((f"Brewer{n}", "Ann") for n in range(5))
    server.works = [Work(1, "Tea <β>", "word " * 1_000, authors=names), *works(9, first=2)]
    message = paper_tool(source_of("crossref"), 5).invoke(_call(query="tea", limit=3))
    shown = json.loads(message.content)
    assert [paper["id"] for paper in shown] == [paper["id"] for paper in message.artifact]
    assert shown[0]["title"] == "Tea <β>"
    assert shown[0]["authors"] == ["Brewer0", "et al."]
    assert len(shown[0]["abstract"]) == 1_500
    assert len(message.artifact[0]["abstract"]) == 4_999


def test_limits_are_told_to_the_model(server: PapersServer, source_of: SourceOf) -> None:
    server.works, server.fault_after, server.faults = works(1), 1, [Raw(403, b"")]
    message = paper_tool(source_of("europepmc"), 5).invoke(_call(query="green tea blood pressure"))
    shown, note = message.content.split("\n")
    assert len(json.loads(shown)) == len(message.artifact) == 1
    assert note == "Note: incomplete: access refused or limit reached (HTTP 403)"


def test_failure_is_text_for_the_model(server: PapersServer, source_of: SourceOf) -> None:
    server.faults = [Raw(403, b"")]
    tool = paper_tool(source_of("crossref"), 5)
    message = tool.invoke(_call(query="tea"))
    assert message.content == "Crossref gave no answer: access refused or limit reached (HTTP 403)"
    assert message.status == "error"
    for wrong in ({"query": ""}, {"query": "tea", "limit": 99}, {}, {"query": "tea", "page": 2}):
        assert tool.invoke(_call(**wrong)).content.startswith("bad arguments: ")
