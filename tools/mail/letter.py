"""A letter as a model writes it, and the message it becomes.

Everything in a letter may be hostile: an address is an address and nothing else, a subject is one line, and the message
has the headers that are set here and no others.
"""

import re
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import localtime, parseaddr
from hashlib import sha256
from typing import Annotated

from pydantic import AfterValidator, Field

from threadloom.tools.answer import Arguments

_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{2,63}")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_CONTROL_BUT_LAYOUT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def _address(value: str) -> str:
    if len(value) > 254 or not _ADDRESS.fullmatch(value):
        raise ValueError("is no mail address; give it alone, as in ann@example.org")
    return value


def _line(value: str) -> str:
    if _CONTROL.search(value):
        raise ValueError("must be one line without control characters")
    return value.strip()


def _prose(value: str) -> str:
    if _CONTROL_BUT_LAYOUT.search(value):
        raise ValueError("must be plain text without control characters")
    return value


Recipient = Annotated[str, AfterValidator(_address)]


class Letter(Arguments):
    """What is written to whom."""

    to: list[Recipient] = Field(min_length=1, max_length=20, description="Addresses, as in ann@example.org")
    cc: list[Recipient] = Field(default=[], max_length=20, description="Addresses that get a copy")
    subject: Annotated[str, AfterValidator(_line)] = Field(min_length=1, max_length=200, description="One line")
    body: Annotated[str, AfterValidator(_prose)] = Field(min_length=1, max_length=50_000, description="Plain text")


def sender_address(sender: str) -> Address:
    """Who sends, from `ann@example.org` or `Ann Example <ann@example.org>`. Raises ValueError."""
    name, spec = parseaddr(_line(sender))
    return Address(name, addr_spec=_address(spec))


def message(letter: Letter, sender: Address, key: str = "") -> EmailMessage:
    """The message of a letter.

    Its Message-ID follows from `key`, or from the letter itself: what is sent twice is recognised by whoever gets it,
    and shown once by most. A run gives a key of its own, such as thread and step, so that two equal letters are two.
    """
    mail = EmailMessage(SMTP)
    mail["From"] = sender
    mail["To"] = [Address(addr_spec=address) for address in letter.to]
    if letter.cc:
        mail["Cc"] = [Address(addr_spec=address) for address in letter.cc]
    mail["Subject"] = letter.subject
    mail["Date"] = localtime()
    mail["Message-ID"] = f"<{_digest(key or letter.model_dump_json())}@{sender.domain}>"
    mail.set_content(letter.body)
    return mail


def _digest(key: str) -> str:
    return sha256(key.encode()).hexdigest()[:32]
