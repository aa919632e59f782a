"""A local mail server that speaks SMTP over a real socket, keeps what it gets, and fails where it is told to."""

import socketserver
import ssl
import threading
from dataclasses import dataclass, field
from typing import Self

HANG_UP = "hang up"


@dataclass
class Delivery:
    """One message as it arrived."""

    sender: str
    recipients: list[str]
    data: bytes
    secure: bool


@dataclass
class Script:
    """What the server answers instead of yes, by the first word of a command; "." is the end of a message."""

    answers: dict[str, str] = field(default_factory=dict)
    deliveries: list[Delivery] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)


class SmtpServer:
    """Runs while it is entered; `script` says what it does and holds what it got. Has STARTTLS if it has `tls`."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.script = script = Script()

        class Handler(_Handler):
            told, context = script, tls

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _HungUpError(Exception):
    pass


class _Handler(socketserver.StreamRequestHandler):
    told: Script
    context: ssl.SSLContext | None

    def handle(self) -> None:
        self.secure, self.sender, self.recipients = False, "", list[str]()
        try:
            self._say(self.told.answers.get("", "220 ready"))
            while line := self.rfile.readline():
                self._obey(line.decode("ascii", "replace").strip())
        except (_HungUpError, OSError):
            return
        finally:
            self.connection.close()

    def _say(self, answer: str) -> None:
        if answer == HANG_UP:
            raise _HungUpError
        self.wfile.write(answer.encode() + b"\r\n")

    def _obey(self, line: str) -> None:
        word = line.split(" ", 1)[0].upper()
        self.told.commands.append(word)
        scripted = self.told.answers.get(word)
        if scripted:
            self._say(scripted)
        elif word == "EHLO":
            self._say("250-here\r\n250-AUTH PLAIN LOGIN\r\n250" + (" STARTTLS" if self.context else " 8BITMIME"))
        elif word == "STARTTLS" and self.context:
            self._say("220 go on")
            self.connection = self.request = self.context.wrap_socket(self.request, server_side=True)
            self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
            self.secure = True
        elif word == "MAIL":
            self.sender, self.recipients = line, []
            self._say("250 ok")
        elif word == "RCPT":
            self.recipients.append(line.partition("<")[2].partition(">")[0])
            self._say("250 ok")
        elif word == "DATA":
            self._say("354 go on")
            self._take()
        else:
            self._say("235 ok" if word == "AUTH" else "250 ok")

    def _take(self) -> None:
        data = b""
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            data += line.removeprefix(b".") if line.startswith(b"..") else line
        answer = self.told.answers.get(".", "250 taken")
        if answer.startswith("250") or answer == HANG_UP:
            self.told.deliveries.append(Delivery(self.sender, self.recipients, data, self.secure))
        self._say(answer)
