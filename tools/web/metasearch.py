"""ddgs: asks public search engines as a browser would, without a key; the extra `web`.

It reads pages meant for people, so engines block it or change under it at any time: it is what is asked when nothing
else is configured.
"""

import math
import threading
from importlib.util import find_spec
from queue import Empty, SimpleQueue
from typing import Any, ClassVar

from threadloom.tools.settings import SearchName
from threadloom.tools.text import clipped, text
from threadloom.tools.web.search import Hit, SearchError, WebSearch

_Records = list[dict[str, Any]]


class Ddgs(WebSearch):
    """The package ddgs, asked in a thread: its own timeout is one of each request, not of the search."""

    name: ClassVar[SearchName] = "ddgs"
    label: ClassVar[str] = "ddgs"

    @staticmethod
    def installed() -> bool:
        """Whether the package is there."""
        return find_spec("ddgs") is not None

    def ask(self, query: str, limit: int, deadline: float) -> list[Hit]:
        """One search of all engines it knows."""
        outcome: SimpleQueue[_Records | Exception] = SimpleQueue()
        threading.Thread(target=_ask, args=(query, limit, deadline, outcome.put), daemon=True).start()
        try:
            found = outcome.get(timeout=deadline)
        except Empty:
            raise SearchError(f"ddgs gave no answer within {deadline:.3g} s") from None
        if isinstance(found, Exception):
            raise SearchError(f"ddgs gave no answer: {_reason(found)}") from found
        return [Hit(record.get("title"), record.get("href"), record.get("body")) for record in found]


def _ask(query: str, limit: int, deadline: float, tell: Any) -> None:
    from ddgs import DDGS

    try:
        tell(DDGS(timeout=max(1, math.floor(deadline))).text(query, max_results=limit))
    except Exception as error:  # noqa: BLE001 - raised again in the thread that waits: engines fail in every way
        tell(error)


def _reason(error: Exception) -> str:
    from ddgs.exceptions import RatelimitException, TimeoutException

    if isinstance(error, RatelimitException):
        return "rate limited by the search engines"
    if isinstance(error, TimeoutException):
        return "the search engines did not answer in time"
    words = text(str(error))
    if "://" in words:  # that of the last engine that was tried, with what it was asked
        return "no search engine can be reached"
    return clipped(words, 150) or type(error).__name__
