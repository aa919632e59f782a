"""From settings to tools: what is named is there, what cannot be had is one line."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from langchain_core.tools import BaseTool

from tests.tools.databases import shop
from tests.tools.test_mcp import COMMAND, ENVIRONMENT
from threadloom.models.settings import ConfigError
from threadloom.tools.acting import acts
from threadloom.tools.calculator import calculator_tool
from threadloom.tools.catalogue import configured
from threadloom.tools.later import Later
from threadloom.tools.settings import McpSettings, ToolSettings


def test_nothing_is_there_that_was_not_named() -> None:
    assert configured(ToolSettings()) == []


def test_a_file_names_them_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ", ".join(f"'{part}'" for part in [*COMMAND, "stdio"])
    (tmp_path / "threadloom.toml").write_text(
        f"""
        [tools]
        timezone = "Europe/Berlin"
        mail_from = "Ann Example <ann@example.org>"
        mail_server = "smtp://user:password@mail.example.org"
        calendars = {{ home = "home.ics" }}

        [tools.mcp.shop]
        command = [{command}]
        env = {{ PYTHONPATH = '{ENVIRONMENT["PYTHONPATH"]}' }}
        reads = ["add"]
        """
    )
    monkeypatch.chdir(tmp_path)
    with shop("sqlite", tmp_path) as url:
        monkeypatch.setenv("THREADLOOM_READ_DATABASE", url)
        monkeypatch.setenv("THREADLOOM_CALENDARS__WORK", "https://example.org/work.ics")
        tools = {tool.name: tool for tool in configured(ToolSettings())}
    reading = ["describe_database", "query_database", "calendar_events", "calendar_free_slots", "draft_mail"]
    assert list(tools)[:7] == [*reading, "send_mail", "shop_add"]
    assert [name for name in list(tools)[:7] if acts(tools[name])] == ["send_mail"]
    assert all(name in tools["calendar_events"].description for name in ("home", "work"))


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"read_database": "sqlite:///gone.db"}, "settings: tools: there is no SQLite database at gone.db"),
        ({"calendars": {"x": "x.ics"}, "timezone": "Mars"}, "settings: tools: there is no time zone 'Mars'"),
        ({"mail_from": "nobody"}, "settings: tools: is no mail address"),
        ({"mail_from": "a@example.org", "mail_server": "host"}, "settings: tools: the address of a mail server looks"),
        ({"mcp": {"x": {"command": [sys.executable, "-c", ""]}}}, "settings: tools: MCP server x: no connection"),
        ({"mcp": {"x": {}}}, "settings: tools.mcp.x: "),
    ],
)
def test_what_cannot_be_had_is_said(values: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        configured(ToolSettings(**values))
    assert str(caught.value).startswith(told)


def counted_server(folder: Path) -> tuple[McpSettings, Path]:
    """A server that writes a line whenever it is started."""
    starts = folder / "starts"
    (folder / "counted.py").write_text(
        f"import runpy, sys\nprint('started', file=open({str(starts)!r}, 'a'))\nsys.argv[1:] = ['stdio']\n"
        "runpy.run_module('tests.servers.mcp_server', run_name='__main__')\n"
    )
    starts.touch()
    return McpSettings(command=(sys.executable, str(folder / "counted.py")), env=ENVIRONMENT), starts  # type: ignore[arg-type]  # pydantic makes secrets of them


def test_a_server_is_started_once_for_all_who_have_its_tools(tmp_path: Path) -> None:
    wanted, starts = counted_server(tmp_path)
    for _ in range(2):
        assert "count_add" in {tool.name for tool in configured(ToolSettings(mcp={"count": wanted}))}
    assert starts.read_text() == "started\n"
    other = wanted.model_copy(update={"reads": ("add",)})
    tools = {tool.name: tool for tool in configured(ToolSettings(mcp={"count": other}))}
    assert (acts(tools["count_add"]), starts.read_text()) == (False, "started\n" * 2)


def test_no_import_and_no_build_starts_a_server_and_runs_share_it(tmp_path: Path) -> None:
    wanted, _ = counted_server(tmp_path)
    code = """
from threadloom.catalogue import ENTRIES, load
built = {entry.name: load(entry.name) for entry in ENTRIES}
print(open("starts").read(), end="|")
for name, given in (("react", {"messages": [("user", "Hello")]}), ("goal", {"goal": "Know more of tea"})):
    built[name].compile().invoke(given)
print(open("starts").read(), end="")
"""
    env = {
        **os.environ,
        **ENVIRONMENT,
        "THREADLOOM_HOME": str(tmp_path),
        "THREADLOOM_DISABLED": "europepmc,crossref,arxiv,openalex",
        "THREADLOOM_WEB_SEARCH": "off",
    }
    command = ", ".join(repr(part) for part in wanted.command)
    (tmp_path / "threadloom.toml").write_text(
        f"[tools.mcp.count]\ncommand = [{command}]\nenv = {{ PYTHONPATH = {ENVIRONMENT['PYTHONPATH']!r} }}\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("|started\n", "")


def test_what_is_looked_up_later_is_looked_up_once_and_again_after_a_failure() -> None:
    asked: list[int] = []

    def find() -> list[BaseTool]:
        asked.append(1)
        if len(asked) == 1:
            raise ConfigError("not now")
        return [calculator_tool()]

    tools = Later(find)
    assert asked == []
    with pytest.raises(ConfigError):
        len(tools)
    assert ([tool.name for tool in tools], len(tools), tools[0].name, len(asked)) == (["calculate"], 1, "calculate", 2)
