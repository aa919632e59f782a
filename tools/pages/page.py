"""One page of the web, read: the address it came from in the end, its title, its text."""

from typing_extensions import TypedDict

from threadloom.tools.http import Deadline, HttpClient, HttpError, Reply
from threadloom.tools.pages.charset import decoded
from threadloom.tools.pages.gate import Gate
from threadloom.tools.pages.readable import Readable, readable
from threadloom.tools.pages.transport import PinnedTransport
from threadloom.tools.text import prose

MAX_BYTES = 5_000_000
"""Of a page, unpacked."""
_HEADERS = {"Accept": "text/html, text/*;q=0.9, application/json;q=0.8, */*;q=0.1", "Accept-Encoding": "gzip, deflate"}


class Page(TypedDict):
    """A page as it can be read: nothing of it runs, nothing it refers to is loaded."""

    url: str
    title: str
    text: str


class PageReader:
    """Reads pages that `gate` lets through. Thread-safe, meant to live as long as the process."""

    def __init__(self, gate: Gate, contact: str = "") -> None:
        self._http = HttpClient(contact, transport=PinnedTransport(gate), max_bytes=MAX_BYTES)

    def read(self, url: str, deadline: float) -> Page:
        """The page at `url`, within `deadline` seconds. Raises HttpError."""
        reply = self._http.get(url, headers=_HEADERS, deadline=Deadline(deadline))
        read = _read(reply)
        return Page(url=reply.url, title=read.title, text=read.text)

    def close(self) -> None:
        """Close what is open."""
        self._http.close()


def _read(reply: Reply) -> Readable:
    kind = reply.headers.get("Content-Type", "")
    if b"\0" in reply.body[:1_000] and "utf-16" not in kind.lower():
        raise HttpError("not a page of text")
    written = decoded(reply.body, kind)
    is_html = "html" in kind.lower() or (not kind and written.lstrip()[:1] == "<")
    return readable(written, reply.url) if is_html else Readable("", prose(written))
