"""An MCP server: a program that is started or an address, the session with it, and the tools it has.

A server's tools count as acting (see `acting`) unless whoever configures it vouches for them by name; what the server
itself says of that is not believed.
"""

import logging
import os
import re
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from langchain_core.tools import BaseTool, ToolException
from langchain_core.utils.function_calling import convert_to_openai_tool

from threadloom.models.redaction import redact
from threadloom.tools.acting import acting
from threadloom.tools.foreign import ForeignTool
from threadloom.tools.mcp.description import about, arguments, content, texts, tool_name
from threadloom.tools.mcp.session import Session
from threadloom.tools.text import clipped, text

if TYPE_CHECKING:
    from mcp import Client
    from mcp.types import Tool

R = TypeVar("R")
MOST_TOOLS, MOST_PAGES = 100, 20
CONNECT_SECONDS = 60.0
"""A program may first have to be fetched by its package manager."""

logger = logging.getLogger(__name__)


class McpError(ToolException):
    """The server gave no answer, or says that it failed; the message is one line that says why."""


class McpServer:
    """A server by its name (which begins its tools' names) and its command, or its address for streamable HTTP.

    `env` is added to the few harmless variables that a command gets, `headers` go with every request. `seconds` bound
    each call. `reads` names tools that only read: the others count as acting. Connects when it is first
    used, and again after the connection was lost. Thread-safe; close it, or use it as a context manager.
    Raises ValueError for a name that fits into no tool's.
    """

    def __init__(
        self,
        name: str,
        target: str | Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        seconds: float = 30.0,
        reads: Iterable[str] = (),
    ) -> None:
        if not re.fullmatch(r"[a-zA-Z0-9_-]{1,30}", name):
            raise ValueError(f"the name of an MCP server is up to 30 letters, digits, _ and -, not {name!r}")
        self.name, self.seconds, self.reads = name, seconds, frozenset(reads)
        self._target, self._env, self._headers = target, dict(env or {}), dict(headers or {})
        self._lock = threading.Lock()
        self._session: Session | None = None

    def tools(self) -> list[BaseTool]:
        """The server's tools, as it lists them now; one that no model could be told of is left out. Raises McpError."""
        tools: dict[str, BaseTool] = {}
        for described in self._ask(_listed)[:MOST_TOOLS]:
            name = tool_name(self.name, described.name, tools)
            if tool := self._tool(name, described):
                tools[name] = tool if described.name in self.reads else acting(tool)
        return list(tools.values())

    def call(self, tool: str, given: Mapping[str, Any]) -> str:
        """What a tool answers, as text. Raises McpError."""
        result = self._ask(lambda client: client.call_tool(tool, dict(given)))
        if result.is_error:
            raise McpError(clipped(text(f"{self.name} says: {content(result)}"), 1_000))
        return content(result)

    def close(self) -> None:
        """End the session, and the program if one was started."""
        if session := self._session:
            self._drop(session)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _tool(self, name: str, described: "Tool") -> BaseTool | None:
        schema = arguments(described.input_schema)
        try:
            if schema is None:
                raise ValueError("too large")
            about_it = about(self.name, described)
            tool = ForeignTool(partial(self.call, described.name), name=name, description=about_it, args_schema=schema)
            convert_to_openai_tool(tool)  # raises for what it cannot express, such as a schema that refers to itself
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            logger.warning("MCP server %s: the arguments of %s cannot be described (%s)", self.name, name, error)
            return None
        return tool

    def _ask(self, question: "Callable[[Client], Coroutine[Any, Any, R]]") -> R:
        """Put a question; a session that was lost over it is ended, and the next question begins another."""
        session = self._connected()
        try:
            return session.run(question)
        except Exception as error:
            if not _is_reply(error):
                self._drop(session)
            raise McpError(f"MCP server {self.name}: {self._reason(error, self.seconds)}") from error

    def _connected(self) -> Session:
        with self._lock:
            if self._session is None:
                try:
                    self._session = Session(self._opened, CONNECT_SECONDS, self.seconds)
                except ModuleNotFoundError as error:
                    raise McpError("needs more packages: pip install 'threadloom[mcp]'") from error
                except Exception as error:
                    reason = self._reason(error, CONNECT_SECONDS)
                    raise McpError(f"MCP server {self.name}: no connection: {reason}") from error
            return self._session

    def _drop(self, session: Session) -> None:
        with self._lock:
            current = self._session is session
            if current:
                self._session = None
        if current:
            session.close()

    def _reason(self, error: BaseException, seconds: float) -> str:
        if isinstance(error, TimeoutError) or getattr(error, "code", None) == _timeout():
            return f"no answer within {seconds:.3g} s"
        return clipped(redact("; ".join(texts(error)), *self._headers.values()), 300)

    @asynccontextmanager
    async def _opened(self) -> "AsyncIterator[Client]":
        import httpx2
        from mcp import Client, StdioServerParameters, stdio_client
        from mcp.client.streamable_http import streamable_http_client

        if isinstance(self._target, str):
            timeout = httpx2.Timeout(CONNECT_SECONDS, read=None)  # a stream is quiet between answers; the client waits
            async with httpx2.AsyncClient(headers=self._headers, timeout=timeout) as http:
                transport = streamable_http_client(self._target, http_client=http)
                async with Client(transport, read_timeout_seconds=self.seconds, cache=None) as client:
                    yield client
            return
        command, *rest = self._target
        program = StdioServerParameters(command=command, args=rest, env=self._env)
        with Path(os.devnull).open("w") as nowhere:  # noqa: ASYNC230 - opening it does not wait
            transport = stdio_client(program, errlog=nowhere)
            async with Client(transport, read_timeout_seconds=self.seconds, cache=None) as client:
                yield client


async def _listed(client: "Client") -> "list[Tool]":
    tools, cursor = list["Tool"](), None
    for _ in range(MOST_PAGES):
        page = await client.list_tools(cursor=cursor)
        tools += page.tools
        cursor = page.next_cursor
        if not cursor or len(tools) >= MOST_TOOLS:
            break
    return tools


def _is_reply(error: Exception) -> bool:
    """Whether the server is still there: it answered with an error, or one answer is late."""
    from mcp import MCPError
    from mcp.types import CONNECTION_CLOSED

    return isinstance(error, MCPError) and error.code != CONNECTION_CLOSED


def _timeout() -> int:
    from mcp.types import REQUEST_TIMEOUT

    return REQUEST_TIMEOUT
