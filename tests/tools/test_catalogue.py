"""From settings to tools: what is named is there, what cannot be had is one line."""

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.tools.databases import shop
from tests.tools.test_mcp import COMMAND, ENVIRONMENT
from threadloom.models.settings import ConfigError
from threadloom.tools.acting import acts
from threadloom.tools.catalogue import configured
from threadloom.tools.settings import ToolSettings


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
