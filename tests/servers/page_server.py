"""A local web server at the level of bytes: it answers each path with exactly what a test gives, however wrong."""

import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self

Answer = bytes | Callable[[socket.socket], None]
"""The whole answer, or something that writes it and may take its time."""


def http(body: bytes, content_type: str = "text/html", status: str = "200 OK", **headers: str) -> bytes:
    """An answer; underscores in names of headers are hyphens."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"Content-Type: {content_type}"] if content_type else []
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def redirect(location: str) -> bytes:
    return http(b"moved", status="302 Found", Location=location)


@dataclass
class PageServer:
    """`with PageServer({"/": …}) as server:` listens on `server.port` of 127.0.0.1; unknown paths are 404."""

    pages: Mapping[str, Answer]
    tls: ssl.SSLContext | None = None
    requests: list[bytes] = field(default_factory=list)
    """Heads of the requests, as they arrived."""
    gone: threading.Event = field(default_factory=threading.Event)
    """Set when a client has closed its connection before it had the whole answer."""

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with self.tls.wrap_socket(connection, server_side=True) if self.tls else connection as wire:
                head = b""
                while b"\r\n\r\n" not in head:
                    if not (chunk := wire.recv(65_536)):
                        raise ConnectionAbortedError
                    head += chunk
                self.requests.append(head)
                path = [*head.split(b" "), b""][1].decode()
                answer = self.pages.get(path, http(b"no such page", status="404 Not Found"))
                if isinstance(answer, bytes):
                    wire.sendall(answer)
                else:
                    answer(wire)
        except OSError:
            self.gone.set()
