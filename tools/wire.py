"""The connections of one exchange, which whoever no longer waits for it can cut."""

import socket
import threading
from contextlib import suppress
from typing import Any


class Wires:
    """What an exchange in another thread runs over. Once cut, every read there ends as if the other side had closed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._streams: list[Any] = []
        self._cut = False

    def add(self, stream: Any) -> None:
        """Note a network stream of httpcore2 as soon as it stands."""
        with self._lock:
            self._streams.append(stream)
            if self._cut:
                _end(stream)

    def cut(self) -> None:
        """End all streams, those to come too."""
        with self._lock:
            self._cut = True
            for stream in self._streams:
                _end(stream)


def _end(stream: Any) -> None:
    with suppress(OSError):  # it has ended by itself, or lives on inside a TLS stream
        stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
