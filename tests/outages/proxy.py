"""A proxy between a saver and its server that cuts the connection when it sees what it waits for."""

import re
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Literal

from sqlalchemy import make_url

Moment = Literal["before", "after"]


class Proxy(socketserver.ThreadingTCPServer):
    """Passes everything on, until a client sends what it was armed with: then that client's connection is cut.

    Args:
        host, port: the server.
    """

    daemon_threads = True
    block_on_close = False  # clients that are still there keep nobody waiting

    def __init__(self, host: str, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.target = host, port
        self.cuts = self.refused = 0
        self.clients: set[socket.socket] = set()
        self.is_away = False
        self._awaited: re.Pattern[bytes] | None = None
        self._moment: Moment = "before"
        self._lock = threading.Lock()

    def cut_at(self, words: str, moment: Moment) -> None:
        """Cut the first connection that sends this pattern, before the server gets it or when it has answered."""
        self._awaited, self._moment = re.compile(words.encode()), moment

    @contextmanager
    def away(self) -> Iterator[None]:
        """Cut all connections, and refuse new ones, as long as this lasts."""
        with self._lock:
            self.is_away, clients = True, [*self.clients]
        for client in clients:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        try:
            yield
        finally:
            self.is_away = False

    def enter(self, client: socket.socket) -> bool:
        """Whether a client may come in."""
        with self._lock:
            if self.is_away:
                self.refused += 1
            else:
                self.clients.add(client)
            return not self.is_away

    def moment(self, data: bytes) -> Moment | None:
        """Whether, and when, to cut a connection whose client sent this."""
        with self._lock:
            if self._awaited is None or not self._awaited.search(data):
                return None
            self._awaited = None
            self.cuts += 1
            return self._moment


class _Connection(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        client: socket.socket = self.request
        proxy: Any = self.server
        if not proxy.enter(client):
            return
        with socket.create_connection(proxy.target) as upstream, suppress(OSError):
            muted, answered = threading.Event(), threading.Event()
            threading.Thread(target=_pass_on, args=(upstream, client, muted, answered), daemon=True).start()
            while data := client.recv(65536):
                if moment := proxy.moment(data):
                    muted.set()
                    if moment == "after":
                        upstream.sendall(data)
                        answered.wait(10)
                    break
                upstream.sendall(data)
            for end in (client, upstream):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def finish(self) -> None:
        proxy: Any = self.server
        proxy.clients.discard(self.request)


def _pass_on(source: socket.socket, target: socket.socket, muted: threading.Event, answered: threading.Event) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            if muted.is_set():
                answered.set()
            else:
                target.sendall(data)
        target.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxied(url: str) -> Iterator[tuple[Proxy, str]]:
    """A proxy before the server of a URL, and the URL that goes through it."""
    direct: Any = make_url(url)
    with Proxy(direct.host, direct.port or {"postgresql": 5432}.get(direct.get_backend_name(), 3306)) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield proxy, direct.set(port=proxy.server_address[1]).render_as_string(hide_password=False)
        finally:
            proxy.shutdown()
            thread.join()
