"""Which tools the settings ask for: databases, calendars, mail, MCP servers. What is not named there does not exist."""

from collections.abc import Iterator
from threading import Lock

from langchain_core.tools import BaseTool, ToolException

from threadloom.models.settings import ConfigError
from threadloom.tools.calendar.diary import CalendarError, Diary
from threadloom.tools.calendar.tool import calendar_tools
from threadloom.tools.database.reader import Database
from threadloom.tools.database.tool import database_tools
from threadloom.tools.mail.draft import draft_tool
from threadloom.tools.mail.send import MailServer, send_tool
from threadloom.tools.mcp.server import McpServer
from threadloom.tools.settings import McpSettings, ToolSettings


def configured(settings: ToolSettings) -> list[BaseTool]:
    """The tools that `settings` name. MCP servers are started, once, and end with the process.

    Raises ConfigError if one of them cannot be had.
    """
    try:
        return [*_reading(settings), *_mail(settings), *_mcp(settings)]
    except (ToolException, CalendarError, ValueError) as error:
        raise ConfigError(f"settings: tools: {error}") from error


def _reading(settings: ToolSettings) -> Iterator[BaseTool]:
    if settings.read_database:
        yield from database_tools(Database(settings.read_database.get_secret_value()))
    if settings.calendars:
        yield from calendar_tools(Diary(settings.calendars, settings.timezone))


def _mail(settings: ToolSettings) -> Iterator[BaseTool]:
    if settings.mail_from:
        yield draft_tool(settings.drafts, settings.mail_from)
    if settings.mail_from and settings.mail_server:
        yield send_tool(MailServer(settings.mail_server.get_secret_value()), settings.mail_from)


def _mcp(settings: ToolSettings) -> Iterator[BaseTool]:
    for name, wanted in settings.mcp.items():
        yield from _server(name, wanted).tools()


_SERVERS: dict[str, tuple[McpSettings, McpServer]] = {}
_LOCK = Lock()


def _server(name: str, wanted: McpSettings) -> McpServer:
    """One a name in a process: all graphs that have its tools share its session. Other settings begin another."""
    with _LOCK:
        before = _SERVERS.get(name)
        if before and before[0] == wanted:
            return before[1]
        server = McpServer(
            name,
            wanted.url or wanted.command,
            env={key: value.get_secret_value() for key, value in wanted.env.items()},
            headers={key: value.get_secret_value() for key, value in wanted.headers.items()},
            reads=wanted.reads,
        )
        _SERVERS[name] = wanted, server
    if before:
        before[1].close()
    return server
