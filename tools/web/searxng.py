"""SearxNG: a server, often one's own, that asks many search engines."""

from collections.abc import Iterator
from typing import Any, ClassVar

from threadloom.tools.http import Deadline, HttpClient, HttpError
from threadloom.tools.settings import SearchName
from threadloom.tools.text import text
from threadloom.tools.web.search import Hit, SearchError, WebSearch


class SearxNg(WebSearch):
    """https://docs.searxng.org/dev/search_api.html at the address `url`."""

    name: ClassVar[SearchName] = "searxng"
    label: ClassVar[str] = "SearxNG"

    def __init__(self, url: str, http: HttpClient) -> None:
        self._url = url.rstrip("/")
        self._http = http

    def ask(self, query: str, limit: int, deadline: float) -> Iterator[Hit]:  # noqa: ARG002 - it gives pages of its own size
        """One page of results."""
        try:
            params = {"q": query, "format": "json"}
            said = self._http.get(f"{self._url}/search", params, deadline=Deadline(deadline)).json()
        except HttpError as error:
            hint = "; does its settings.yml list json under search.formats?" if "HTTP 403" in str(error) else ""
            raise SearchError(f"SearxNG gave no answer: {error}{hint}") from error
        records = said.get("results") if isinstance(said, dict) else None
        if not isinstance(records, list):
            raise SearchError("SearxNG gave no answer: unexpected reply")
        if not records and (dumb := _unresponsive(said)):
            raise SearchError(f"SearxNG gave no answer: none from its engines {dumb}")
        for record in filter(lambda record: isinstance(record, dict), records):
            yield Hit(record.get("title"), record.get("url"), record.get("content"))


def _unresponsive(said: dict[str, Any]) -> str:
    """The engines that did not answer, each with its reason; '' if all did."""
    engines = said.get("unresponsive_engines")
    pairs = [engine for engine in engines if isinstance(engine, list)] if isinstance(engines, list) else []
    return ", ".join(text(" ".join(map(str, pair)))[:80] for pair in pairs[:5])
