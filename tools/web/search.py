"""What every search of the web is: something that answers a query with pages, best first, before a deadline.

Titles and snippets are written by strangers: here they become bounded lines of clean text that name who found them.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar, NamedTuple
from urllib.parse import urlsplit

from langchain_core.tools import ToolException
from typing_extensions import TypedDict

from threadloom.tools.settings import SearchName
from threadloom.tools.text import clipped, text

MOST_TITLE, MOST_SNIPPET, MOST_URL = 200, 600, 1_000
"""Characters of each that are kept; results with longer addresses are left out."""


class WebResult(TypedDict):
    """One page that was found."""

    title: str
    url: str
    snippet: str
    source: SearchName
    """Who found it."""


class Hit(NamedTuple):
    """One result as a service gave it, unchecked."""

    title: object
    url: object
    snippet: object


class SearchError(ToolException):
    """There is no answer; the message is one line that says why and can be shown as it is."""


class WebSearch(ABC):
    """A way to search the web. Safe to use from several threads at once."""

    name: ClassVar[SearchName]
    label: ClassVar[str]
    """The name people know it by."""

    @abstractmethod
    def ask(self, query: str, limit: int, deadline: float) -> Iterable[Hit]:
        """What the service says, best first. Raises SearchError."""

    def search(self, query: str, limit: int, deadline: float) -> list[WebResult]:
        """At most `limit` results, best first, each page once; an empty list if nothing matches.

        `deadline` is in seconds from now. Raises SearchError.
        """
        found: dict[str, WebResult] = {}
        for hit in self.ask(query, limit, deadline):
            url = text(hit.url)
            if _usable(url):
                found.setdefault(url, self._result(url, hit))
        return list(found.values())[:limit]

    def _result(self, url: str, hit: Hit) -> WebResult:
        title, snippet = clipped(text(hit.title), MOST_TITLE), clipped(text(hit.snippet), MOST_SNIPPET)
        return WebResult(title=title, url=url, snippet=snippet, source=self.name)


def _usable(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and len(url) <= MOST_URL
    except ValueError:
        return False
