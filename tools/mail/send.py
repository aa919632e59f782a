"""Sending mail by SMTP: the one tool here that cannot be taken back, marked so, for after a person has agreed.

What went wrong is told apart by what the model or the person may do next: nothing was sent, so it may be tried again;
or the server had the message when the connection was lost, so nobody knows, and trying again may send it twice. The
latter is an effect of unknown outcome, of which a Runner asks a person.
"""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

from langchain_core.tools import BaseTool, ToolException

from threadloom.runs.errors import EffectUnknownError
from threadloom.tools.acting import acting
from threadloom.tools.answer import tool_of
from threadloom.tools.mail.letter import Letter, message, sender_address
from threadloom.tools.text import clipped, text

SECONDS = 20.0
"""That the server may take for each of its answers."""


class NotSentError(ToolException):
    """Nothing was sent; the message says why in one line."""


class MailServer:
    """A server that takes mail, by URL: `smtp://user:password@host:587`, or `smtps://…` for TLS from the start.

    `smtp` switches to TLS before anything else is said, except to this machine. Raises ValueError for another URL.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
            raise ValueError("the address of a mail server looks like smtp://user:password@host:587")
        self.host = parts.hostname
        self.secure = parts.scheme == "smtps"
        self.port = parts.port or (465 if self.secure else 587)
        self._login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None

    def send(self, mail: EmailMessage, sender: str, recipients: list[str]) -> None:
        """Hand over a message for all recipients or none. Raises NotSentError, EffectUnknownError."""
        with _translated(self.host), self._connected() as smtp:
            _expect(smtp.mail(sender))
            for recipient in recipients:
                _expect(smtp.rcpt(recipient), f" for {recipient}")
            _hand_over(smtp, mail)

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        context = ssl.create_default_context()
        if self.secure:
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, timeout=SECONDS, context=context)
        else:
            smtp = smtplib.SMTP(self.host, self.port, timeout=SECONDS)
        try:
            smtp.ehlo_or_helo_if_needed()
            if not self.secure and not _is_this_machine(self.host):
                smtp.starttls(context=context)
            if self._login:
                smtp.login(*self._login)
            yield smtp
            with suppress(smtplib.SMTPException, OSError):  # the message has been taken
                smtp.quit()
        finally:
            smtp.close()


def send_tool(server: MailServer, sender: str) -> BaseTool:
    """`send_mail` sends from `sender`, and is marked as acting. Raises ValueError if the sender is no address."""
    origin = sender_address(sender)

    def send(to: list[str], subject: str, body: str, cc: list[str] | None = None) -> tuple[str, dict[str, str]]:
        letter = Letter(to=to, cc=cc or [], subject=subject, body=body)
        mail = message(letter, origin)
        server.send(mail, origin.addr_spec, list(dict.fromkeys(letter.to + letter.cc)))
        return f"Sent to {', '.join(letter.to + letter.cc)}.", {"message_id": mail["Message-ID"]}

    return acting(
        tool_of(
            send,
            name="send_mail",
            description=f"Send a mail from {origin.addr_spec}. It cannot be taken back; a person is asked first.",
            arguments=Letter,
        )
    )


def _hand_over(smtp: smtplib.SMTP, mail: EmailMessage) -> None:
    try:
        _expect(smtp.data(mail.as_bytes()))
    except (smtplib.SMTPServerDisconnected, OSError) as error:
        if isinstance(error, smtplib.SMTPResponseException):
            raise
        raise EffectUnknownError(
            message="the connection was lost while the mail was handed over: it may have been sent. "
            "Do not send it again before a person has looked"
        ) from error


def _expect(answer: tuple[int, bytes], what: str = "") -> None:
    code, said = answer
    if not 200 <= code < 300:
        raise NotSentError(f"not sent: the mail server refused{what}: {_words(code, said)}")


@contextmanager
def _translated(host: str) -> Iterator[None]:
    try:
        yield
    except smtplib.SMTPResponseException as error:
        raise NotSentError(f"not sent: the mail server refused: {_words(error.smtp_code, error.smtp_error)}") from error
    except (smtplib.SMTPException, OSError) as error:
        reason = clipped(text(str(error)), 150) or type(error).__name__
        raise NotSentError(f"not sent: the mail server {host} cannot be used: {reason}") from error


def _words(code: int, said: bytes | str) -> str:
    return clipped(text(f"{code} {said.decode(errors='replace') if isinstance(said, bytes) else said}"), 200)


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
