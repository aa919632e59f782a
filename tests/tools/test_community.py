"""Tools of langchain-community through the adapter: real ones, of those that work without a network."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.tools import BaseTool, tool
from langchain_tests.integration_tests import ToolsIntegrationTests
from langchain_tests.unit_tests import ToolsUnitTests

from tests.tools.databases import KINDS, shop
from tests.tools.suite import Subject
from threadloom.tools.acting import acts
from threadloom.tools.community import CommunityError, bounded, community_tool, schema_text
from threadloom.tools.database.reader import Database


class Suite(Subject):
    @pytest.fixture(autouse=True)
    def make(self, tmp_path: Path) -> None:
        (tmp_path / "note.txt").write_text("hello")
        self.made = community_tool("ReadFileTool", root_dir=str(tmp_path)), {"file_path": "note.txt"}


class TestUnit(Suite, ToolsUnitTests):
    pass


class TestIntegration(Suite, ToolsIntegrationTests):
    pass


def called(made: BaseTool, **args: Any) -> Any:
    return made.invoke({"name": made.name, "args": args, "id": "1", "type": "tool_call"})


async def test_a_tool_does_what_it_does(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("hello \x1b[31m" + "x" * 100_000)
    reading = community_tool("ReadFileTool", root_dir=str(tmp_path), reads=True)
    answer = called(reading, file_path="note.txt")
    assert answer.content == (await reading.ainvoke({**_call(reading), "args": {"file_path": "note.txt"}})).content
    assert answer.content.startswith("hello [31mxxx")
    assert answer.content.endswith("of 100,010 characters; ask for less, or for a part of it]")
    assert not acts(reading)
    writing = community_tool("WriteFileTool", root_dir=str(tmp_path))
    assert acts(writing)
    assert called(writing, file_path="new.txt", text="new").content == "File written successfully to new.txt."
    assert (tmp_path / "new.txt").read_text() == "new"


def _call(made: BaseTool) -> dict[str, Any]:
    return {"name": made.name, "args": {}, "id": "1", "type": "tool_call"}


def test_a_tool_that_takes_long_is_left_behind() -> None:
    answer = called(community_tool("SleepTool", seconds=0.1), sleep_time=3)
    assert (answer.status, answer.content) == ("error", "sleep gave no answer within 0.1 s")


def test_what_a_tool_raises_is_short_text() -> None:
    @tool
    def breaks(query: str) -> str:
        """Break."""
        raise RuntimeError(f"GET https://api.example.org/?key=secret failed\n{'x' * 5_000}")

    answer = called(bounded(breaks), query="x")
    assert answer.status == "error"
    assert answer.content.startswith("breaks failed: GET https://api.example.org/ failed xxx")
    assert len(answer.content) < 400
    assert called(bounded(breaks)).content.startswith("bad arguments: query")


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("NoSuchTool", {}, "langchain-community has no tool 'NoSuchTool'"),
        ("QuerySQLDatabaseTool", {}, "QuerySQLDatabaseTool cannot be made: 1 validation error"),
    ],
)
def test_what_cannot_be_had_is_said(name: str, options: dict[str, Any], told: str) -> None:
    with pytest.raises(CommunityError) as caught:
        community_tool(name, **options)
    assert str(caught.value).startswith(told)


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with shop(request.param, tmp_path) as url:
        yield Database(url)


def test_schema_text(database: Database) -> None:
    told = schema_text(database, ["orders"])
    assert "CREATE TABLE" in told
    assert "customer" in told
    assert "it's paid" in told
    with pytest.raises(CommunityError, match="nowhere"):
        schema_text(database, ["nowhere"])


def test_nothing_else_imports_it() -> None:
    code = (
        "import sys, pkgutil, importlib, threadloom.tools as t;"
        "[importlib.import_module(m.name) for m in pkgutil.walk_packages(t.__path__, t.__name__ + '.')"
        " if not m.name.endswith('expansion')];"
        "print(sorted({m.partition('.')[0] for m in sys.modules}"
        " & {'langchain_community', 'mcp', 'sqlglot', 'icalendar'}))"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
