"""Reading pages over real sockets, from servers that mean no good."""

import gzip
import json
import socket
import ssl
import threading
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool

from tests.servers.page_server import Answer, PageServer, http, redirect
from threadloom.tools import http as http_module
from threadloom.tools.http import HttpError
from threadloom.tools.pages.gate import Gate
from threadloom.tools.pages.page import MAX_BYTES, Page, PageReader
from threadloom.tools.pages.tool import page_reader, page_tool
from threadloom.tools.settings import WebSettings

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
Read = Callable[..., Page]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy in the environment must not be asked: there is none here, so a request to it would fail."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")


@pytest.fixture
def read() -> Iterator[Read]:
    """Read `path` of a server that is known as pages.test; the name exists nowhere but in the resolver given."""
    readers = []

    def ask(server: PageServer, path: str = "/", deadline: float = 20) -> Page:
        gate = Gate([f"pages.test:{server.port}"], resolve=lambda host, port: _NAMES[host])
        readers.append(PageReader(gate))
        return readers[-1].read(f"http://pages.test:{server.port}{path}", deadline)

    yield ask
    for reader in readers:
        reader.close()


_NAMES = {"pages.test": ["127.0.0.1"], "inner.test": ["10.0.0.1"], "127.0.0.1": ["127.0.0.1"], "[::1]": ["::1"]}


def failure(read: Read, answer: Answer, deadline: float = 20) -> str:
    with PageServer({"/": answer}) as server, pytest.raises(HttpError) as caught:
        read(server, deadline=deadline)
    return str(caught.value)


def test_page(read: Read) -> None:
    with PageServer({"/": redirect("/tea"), "/tea": http(b"<title>Tea</title><p>Hot <a href='x'>water</a>")}) as server:
        page = read(server)
        assert page == {
            "url": f"http://pages.test:{server.port}/tea",
            "title": "Tea",
            "text": f"Hot water <http://pages.test:{server.port}/x>",
        }
        assert all(f"host: pages.test:{server.port}".encode() in head.lower() for head in server.requests)


def test_a_name_is_resolved_once_a_connection() -> None:
    """What was checked is what is connected to, whatever the name resolves to a moment later."""
    answers = [["127.0.0.1"], ["127.0.0.2"]]
    with PageServer({"/": http(b"fine")}) as server:
        reader = PageReader(Gate([f"pages.test:{server.port}"], resolve=lambda host, port: answers.pop(0)))
        assert reader.read(f"http://pages.test:{server.port}/", 20)["text"] == "fine"
        reader.close()
    assert answers == [["127.0.0.2"]]


def test_the_next_address_is_tried() -> None:
    with PageServer({"/": http(b"fine")}) as server:
        reader = PageReader(Gate([f"pages.test:{server.port}"], resolve=lambda host, port: ["127.0.0.9", "127.0.0.1"]))
        assert reader.read(f"http://pages.test:{server.port}/", 20)["text"] == "fine"
        reader.close()


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("http://127.0.0.1:{port}/", "redirected to a private address"),
        ("http://[::1]:{port}/", "redirected to a private address"),
        ("//127.0.0.1:{port}/", "redirected to a private address"),
        ("http://inner.test/", "inner.test is a private address and may not be fetched"),
        ("http://pages.test:22/", "port 22 is not one of a web server"),
        ("http://me:you@pages.test:{port}/", "not a usable address: it must not hold a user name or password"),
        ("file:///etc/passwd", "not a usable address: it must begin with http:// or https:// and a host"),
        ("/", "unusable reply (TooManyRedirects)"),
    ],
)
def test_redirects_are_checked(target: str, why: str, read: Read) -> None:
    with PageServer({"/": http(b"secret")}) as other:
        assert failure(read, redirect(target.format(port=other.port))) == why
        assert other.requests == []


def test_the_body_of_a_redirect_is_not_read(read: Read) -> None:
    def endless(wire: socket.socket) -> None:
        wire.sendall(b"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Encoding: gzip\r\n\r\n")
        while True:
            wire.sendall(bytes(65_536))

    with PageServer({"/": endless, "/there": http(b"fine")}) as server:
        assert read(server)["text"] == "fine"
        assert server.gone.wait(20)


def test_no_cookie_is_kept(read: Read) -> None:
    with PageServer({"/": http(b"fine", Set_Cookie="id=1")}) as server:
        reader = PageReader(Gate([f"127.0.0.1:{server.port}"]))
        for _ in range(2):
            reader.read(f"http://127.0.0.1:{server.port}/", 20)
        reader.close()
        assert b"cookie" not in b"".join(server.requests).lower()


def drip(start: bytes) -> Callable[[socket.socket], None]:
    """A byte every few milliseconds, for ever."""

    def send(wire: socket.socket) -> None:
        wire.sendall(start)
        pause = threading.Event()
        while not pause.wait(0.005):
            wire.sendall(b"x")

    return send


@pytest.mark.parametrize(
    "start", [b"", b"HTTP/1.1 200 OK\r\nX-Slow: ", HEAD + b"\r\n"], ids=["nothing", "head", "body"]
)
def test_slow_loris(start: bytes, read: Read) -> None:
    """The deadline holds, and the connection is cut: the server sees it go, and no thread is left reading."""
    before = set(threading.enumerate())
    with PageServer({"/": drip(start)}) as server:
        with pytest.raises(HttpError, match=r"no answer within|the connection was lost"):
            read(server, deadline=0.4)
        assert server.gone.wait(20)
    for thread in set(threading.enumerate()) - before:
        thread.join(20)
        assert not thread.is_alive()


def test_a_name_that_takes_its_time_to_resolve_holds_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits any more when the connection stands, so it is cut at once, not when the server tires of dripping."""
    monkeypatch.setattr(http_module, "CONNECT_SECONDS", 0.1)
    given_up = threading.Event()

    def resolve(host: str, port: int) -> list[str]:
        given_up.wait(20)
        return ["127.0.0.1"]

    with PageServer({"/": drip(b"HTTP/1.1 200 OK\r\nX-Slow: ")}) as server:
        reader = PageReader(Gate([f"pages.test:{server.port}"], resolve=resolve))
        with pytest.raises(HttpError, match="no connection to"):
            reader.read(f"http://pages.test:{server.port}/", 300)
        given_up.set()
        assert server.gone.wait(20)
        reader.close()


def test_endless_body(read: Read) -> None:
    def endless(wire: socket.socket) -> None:
        wire.sendall(HEAD + b"\r\n")
        while True:
            wire.sendall(b"tea " * 16_384)

    assert failure(read, endless) == "reply larger than 5 MB"


@pytest.mark.parametrize("packing", ["gzip", "deflate"])
def test_bomb(packing: str, read: Read) -> None:
    pack = gzip.compress if packing == "gzip" else zlib.compress
    assert failure(read, http(pack(bytes(MAX_BYTES + 1)), Content_Encoding=packing)) == "reply larger than 5 MB"
    twice = gzip.compress(pack(b"tea"))
    assert failure(read, http(twice, Content_Encoding=f"{packing}, gzip")).startswith("packed in an unusual way")
    assert failure(read, http(b"tea", Content_Encoding="br")) == "packed in an unusual way: br"


@pytest.mark.parametrize(
    "kind", ["application/pdf", "image/png", "application/octet-stream", "image/svg+xml", "video/mp4"]
)
def test_other_content(kind: str, read: Read) -> None:
    assert failure(read, http(b"%PDF", kind)) == f"not a page of text: {kind}"


def test_text_that_is_none(read: Read) -> None:
    assert failure(read, http(b"\0\1\2", "text/plain")) == "not a page of text"
    assert failure(read, http(b"gone", status="410 Gone")) == "request not accepted (HTTP 410)"
    assert failure(read, b"nonsense\r\n\r\n") == "the connection was lost"


CHARSETS = {
    "as said": ("café".encode("latin-1"), "text/html; charset=iso-8859-1", "café"),
    "wrong header": ("café".encode("latin-1"), "text/html; charset=utf-8", "café"),
    "header says latin": ("“café”".encode("cp1252"), "text/html; charset=latin1", "“café”"),
    "page says": (b"<meta charset='shift_jis'>" + "お茶".encode("shift_jis"), "text/html", "お茶"),
    "nobody says": ("お茶".encode(), "text/html", "お茶"),
    "mark": ("\ufeffcafé".encode(), "text/html; charset=latin1", "café"),
    "utf-16": ("café".encode("utf-16"), "text/plain; charset=utf-16", "café"),
    "unknown": ("café".encode(), "text/html; charset=klingon", "café"),
    "no codec of text": ("café".encode(), "text/html; charset=base64", "café"),
    "no codec of the web": (b"caf\\u00e9", "text/html; charset=unicode_escape", "caf\\u00e9"),
    "utf-7": (b"+ADw-b+AD4-", "text/html; charset=utf-7", "+ADw-b+AD4-"),
    "damaged": ("お茶お茶".encode() + b"\xff", "text/html; charset=utf-8", "お茶お茶\ufffd"),
    "no type": (b"<p>tea</p>", "", "tea"),
    "plain": (b"<p>tea</p>", "text/plain", "<p>tea</p>"),
    "json": (b'{"tea": 1}', "application/json", '{"tea": 1}'),
}


@pytest.mark.parametrize(("body", "kind", "text"), CHARSETS.values(), ids=CHARSETS)
def test_charsets(body: bytes, kind: str, text: str, read: Read) -> None:
    with PageServer({"/": http(body, kind)}) as server:
        assert read(server)["text"] == text


def certificate(folder: Path, name: str) -> Path:
    """A certificate for `name` that signs itself, and its key, in one file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(1))
        .not_valid_after(now + timedelta(1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(ip_address("127.0.0.2"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    pem = folder / f"{name}.pem"
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return pem


def test_the_certificate_is_that_of_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though the connection goes to an IP address: another name at that address is refused."""
    pem = certificate(tmp_path, "pages.test")
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with PageServer({"/": http(b"fine")}, context) as server:
        hosts = [f"{name}:{server.port}" for name in ("pages.test", "other.test")]
        reader = PageReader(Gate(hosts, resolve=lambda host, port: ["127.0.0.1"]))
        assert reader.read(f"https://pages.test:{server.port}/", 20)["text"] == "fine"
        with pytest.raises(HttpError, match=r"no secure connection to other\.test"):
            reader.read(f"https://other.test:{server.port}/", 20)
        reader.close()
        assert len(server.requests) == 1


def call(tool: BaseTool, **args: object) -> ToolMessage:
    message = tool.invoke({"name": tool.name, "args": args, "id": "1", "type": "tool_call"})
    assert isinstance(message, ToolMessage)
    return message


def test_tool_gives_a_long_page_in_parts() -> None:
    whole = " ".join(f"word{number}" for number in range(5_000))
    with PageServer(
        {"/": http(f"<title>T</title><p>{whole}".encode()), "/none": http(b"<script>x</script>")}
    ) as server:
        reader, address = PageReader(Gate([f"127.0.0.1:{server.port}"])), f"http://127.0.0.1:{server.port}"
        tool = page_tool(reader)
        parts: list[str] = []
        start: int | None = 0
        while start is not None:
            message = call(tool, url=address, start=start)
            told = json.loads(str(message.content))
            assert (told["url"], told["title"], told["characters"]) == (address, "T", len(whole))
            assert message.artifact == {"url": told["url"], "title": "T", "text": told["text"]}
            parts.append(told["text"])
            start = told.get("next_start")
        assert "".join(parts) == whole
        assert max(map(len, parts)) <= 8_000
        assert call(tool, url=f"{address}/none").content == "the page holds no text to read; it may need a browser"
        assert call(tool, url=f"{address}/gone").content == (
            "the page could not be read: request not accepted (HTTP 404)"
        )
        reader.close()


def test_tool_of_the_settings() -> None:
    tool = page_tool(page_reader(WebSettings(private_hosts=("pages.test",))))
    refused = "the page could not be read: 127.0.0.1 is a private address and may not be fetched"
    message = call(tool, url="http://127.0.0.1/")
    assert (message.content, message.status) == (refused, "error")
    for wrong in ("", "x" * 2_001):
        assert str(call(tool, url=wrong).content).startswith("bad arguments: url: ")
    assert call(tool, url="nowhere").status == "error"
