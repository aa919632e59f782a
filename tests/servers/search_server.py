"""A local server that searches: SearxNG, Tavily, and a page of results as ddgs reads them from Mojeek."""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

KEY = "tvly-secret-key"


@dataclass
class SearchServer:
    """`with SearchServer() as server:` listens on `server.url`; each service lives under its name."""

    results: list[dict[str, Any]] = field(default_factory=list)
    """With title, url and content."""
    status: int = 200
    reply: object = None
    """Instead of results."""
    queries: list[Mapping[str, Any]] = field(default_factory=list)
    silent: bool = False
    stopped: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self._http.shutdown()
        self._http.server_close()


def _row(result: Mapping[str, Any]) -> str:
    title, url, content = (escape(result[key]) for key in ("title", "url", "content"))
    return f'<li><h2><a href="{url}">{title}</a></h2><p class="s">{content}</p></li>'


def _handler(server: SearchServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            if parts.path == "/searxng/search" and query.get("format") != "json":
                self.answer(b"<html>", status=403)
            elif parts.path == "/mojeek":
                rows = "".join(map(_row, server.results))
                self.served(query, f'<html><ul class="results">{rows}</ul></html>'.encode())
            else:
                self.served(query, json.dumps({"query": query["q"], "results": server.results}).encode())

        def do_POST(self) -> None:
            query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.headers["Authorization"] != f"Bearer {KEY}":
                self.answer(json.dumps({"detail": {"error": "Unauthorized"}}).encode(), 401)
                return
            self.served(query, json.dumps({"results": server.results[: query["max_results"]]}).encode())

        def served(self, query: Mapping[str, Any], body: bytes) -> None:
            server.queries.append(query)
            if server.silent:
                server.stopped.wait()
            self.answer(body if server.reply is None else json.dumps(server.reply).encode(), server.status)

        def answer(self, body: bytes, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            pass

    return Handler
