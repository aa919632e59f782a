"""Mail: a letter becomes exactly one message, drafts are files, and sending says what became of it."""

import datetime as dt
import ssl
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.tools import BaseTool
from langchain_tests.integration_tests import ToolsIntegrationTests
from langchain_tests.unit_tests import ToolsUnitTests
from pydantic import ValidationError

from tests.servers.smtp_server import HANG_UP, SmtpServer
from tests.tools.suite import Subject
from threadloom.runs.errors import EffectUnknownError
from threadloom.tools.acting import acting, acts
from threadloom.tools.mail.draft import draft_tool, write_draft
from threadloom.tools.mail.letter import Letter, message, sender_address
from threadloom.tools.mail.send import MailServer, send_tool

SENDER = "Ann Example <ann@example.org>"
LETTER = {"to": ["bob@example.org"], "cc": ["eve@example.com"], "subject": "Grüße", "body": "Hello\n.\nFrom me\n"}


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with SmtpServer() as running:
        yield running


@pytest.fixture
def sending(server: SmtpServer) -> BaseTool:
    return send_tool(MailServer(f"smtp://127.0.0.1:{server.port}"), SENDER)


def call(**args: object) -> dict[str, Any]:
    return {"name": "send_mail", "args": args, "id": "1", "type": "tool_call"}


def content(mail: Message) -> str:
    assert isinstance(mail, EmailMessage)
    return str(mail.get_content()).replace("\r\n", "\n")


class Suite(Subject):
    @pytest.fixture(autouse=True, params=["draft", "send"])
    def make(self, request: pytest.FixtureRequest, sending: BaseTool, tmp_path: Path) -> None:
        self.made = (sending if request.param == "send" else draft_tool(tmp_path, SENDER)), LETTER


class TestUnit(Suite, ToolsUnitTests):
    pass


class TestIntegration(Suite, ToolsIntegrationTests):
    pass


def test_only_what_acts_is_marked(sending: BaseTool, tmp_path: Path) -> None:
    drafting = draft_tool(tmp_path, SENDER)
    assert (acts(sending), acts(drafting), acts(acting(drafting))) == (True, False, True)


def test_a_draft_is_one_file_that_a_mail_program_opens(tmp_path: Path) -> None:
    tool = draft_tool(tmp_path / "drafts", SENDER)
    told = tool.invoke(LETTER)
    assert tool.invoke(LETTER) == told
    (path,) = (tmp_path / "drafts").iterdir()
    assert told == f"Draft to bob@example.org written to {path.name}; it has not been sent."
    read = message_from_bytes(path.read_bytes(), policy=default)
    assert (read["From"], read["To"], read["Cc"], read["Subject"]) == (
        SENDER,
        "bob@example.org",
        "eve@example.com",
        "Grüße",
    )
    assert read["X-Unsent"] == "1"
    assert content(read) == LETTER["body"]


def test_a_draft_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    answer = draft_tool(tmp_path / "file", SENDER).invoke(call(**LETTER))
    assert answer.status == "error"
    assert answer.content == "the draft could not be written: File exists"


HEADERS = {
    "from",
    "to",
    "cc",
    "subject",
    "date",
    "message-id",
    "content-type",
    "content-transfer-encoding",
    "mime-version",
}


@given(st.text(max_size=80), st.text(max_size=400))
def test_whatever_is_written_stays_in_its_place(subject: str, body: str) -> None:
    try:
        letter = Letter(to=["bob@example.org"], cc=["eve@example.com"], subject=subject, body=body)
    except ValidationError:
        return
    read = message_from_bytes(message(letter, sender_address(SENDER)).as_bytes(), policy=default)
    assert {name.lower() for name in read} == HEADERS
    assert (read["To"], read["Cc"]) == ("bob@example.org", "eve@example.com")
    assert str(read["Subject"]).split() == letter.subject.split()
    assert not read.is_multipart()


INJECTIONS = [
    {"to": ["bob@example.org\nBcc: eve@example.com"]},
    {"to": ["bob@example.org, eve@example.com"]},
    {"to": ["Bob <bob@example.org>"]},
    {"to": ["bob@example.org>\r\nRCPT TO:<eve@example.com"]},
    {"to": ["bob"]},
    {"to": ["b@" + "a." * 200 + "org"]},
    {"to": []},
    {"to": ["bob@example.org"] * 21},
    {"cc": ["@example.org"]},
    {"subject": "Hello\r\nBcc: eve@example.com"},
    {"subject": "Hello\x00"},
    {"subject": "Hello\u2028Bcc: x"},
    {"subject": ""},
    {"body": "Hello\x00"},
    {"body": "x" * 50_001},
    {"bcc": ["eve@example.com"]},
]


@pytest.mark.parametrize("wrong", INJECTIONS, ids=lambda wrong: next(iter(wrong)))
def test_what_is_no_letter_is_not_sent(sending: BaseTool, server: SmtpServer, wrong: dict[str, Any]) -> None:
    answer = sending.invoke(call(**{**LETTER, **wrong}))
    assert answer.status == "error"
    assert answer.content.startswith(f"bad arguments: {next(iter(wrong))}")
    assert server.script.commands == []


async def test_what_is_sent_arrives(sending: BaseTool, server: SmtpServer) -> None:
    answer = sending.invoke(call(**LETTER))
    assert answer.content == "Sent to bob@example.org, eve@example.com."
    assert (await sending.ainvoke(call(**LETTER))).artifact == answer.artifact
    first, again = server.script.deliveries
    assert first.recipients == ["bob@example.org", "eve@example.com"]
    read = message_from_bytes(first.data, policy=default)
    assert content(read) == LETTER["body"]
    assert read["Message-ID"] == answer.artifact["message_id"]
    assert message_from_bytes(again.data, policy=default)["Message-ID"] == read["Message-ID"]


def test_a_key_tells_equal_letters_apart_and_the_same_one_again() -> None:
    letter, sender = Letter(**LETTER), sender_address(SENDER)  # type: ignore[arg-type]  # as a model gives it
    ids = [
        message(letter, sender, key)["Message-ID"]
        for key in ("thread 1, step 4", "thread 1, step 9", "thread 1, step 4")
    ]
    assert ids[0] == ids[2] != ids[1]
    assert ids[0].endswith("@example.org>")


@pytest.mark.parametrize(
    ("command", "answer", "told"),
    [
        ("MAIL", "550 go away", "not sent: the mail server refused: 550 go away"),
        ("RCPT", "550 nobody here", "not sent: the mail server refused for bob@example.org: 550 nobody here"),
        ("DATA", "451 later", "not sent: the mail server refused: 451 later"),
        (".", "554 \x1b[31mlooks like spam", "not sent: the mail server refused: 554 [31mlooks like spam"),
        ("", "554 closed", "not sent: the mail server refused: 554 closed"),
        ("RCPT", HANG_UP, "not sent: the mail server 127.0.0.1 cannot be used: Connection unexpectedly closed"),
        (
            ".",
            HANG_UP,
            "the connection was lost while the mail was handed over: it may have been sent. "
            "Do not send it again before a person has looked",
        ),
    ],
)
def test_what_became_of_it_is_told_apart(
    sending: BaseTool, server: SmtpServer, command: str, answer: str, told: str
) -> None:
    server.script.answers[command] = answer
    if told.startswith("the connection"):  # nothing that a model could do something about
        with pytest.raises(EffectUnknownError, match=told):
            sending.invoke(call(**LETTER))
        assert len(server.script.deliveries) == 1
        return
    message = sending.invoke(call(**LETTER))
    assert (message.status, message.content) == ("error", told)
    assert server.script.deliveries == []


def test_a_server_that_is_gone_is_said() -> None:
    tool = send_tool(MailServer("smtp://user:secret@127.0.0.1:1"), SENDER)
    told = tool.invoke(LETTER)
    assert told == "not sent: the mail server 127.0.0.1 cannot be used: [Errno 111] Connection refused"


def certificate(folder: Path) -> Path:
    """A certificate for this machine, its own authority, with its key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail.test")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number(), now, now + dt.timedelta(days=1)
        )
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("mail.test")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "certificate.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name mail.test leads to this machine, which it does not look like."""
    import socket

    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *rest, **kw: real("127.0.0.1" if host == "mail.test" else host, *rest, **kw)
    )


@pytest.mark.usefixtures("elsewhere")
def test_nothing_is_said_in_the_clear_to_another_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path)
    with SmtpServer(context) as server, SmtpServer() as plain:
        tool = send_tool(MailServer(f"smtp://user:pass%20word@mail.test:{server.port}"), SENDER)
        assert "CERTIFICATE_VERIFY_FAILED" in tool.invoke(LETTER)
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
        assert tool.invoke(LETTER) == "Sent to bob@example.org, eve@example.com."
        assert server.script.deliveries[0].secure
        assert "AUTH" in server.script.commands
        tool = send_tool(MailServer(f"smtp://user:password@mail.test:{plain.port}"), SENDER)
        assert tool.invoke(LETTER).startswith("not sent: the mail server mail.test cannot be used: STARTTLS")
        assert plain.script.commands[-1] == "EHLO"


@pytest.mark.parametrize("url", ["http://host", "smtp://", "host:25"])
def test_what_is_no_mail_server_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="looks like smtp://user:password@host:587"):
        MailServer(url)


@pytest.mark.parametrize("sender", ["nobody", "Ann\nBcc: x <ann@example.org>", ""])
def test_who_is_no_sender_is_refused(sender: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"is no mail address|must be one line"):
        write_draft(Letter(**LETTER), tmp_path, sender)  # type: ignore[arg-type]  # as above
