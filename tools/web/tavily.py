"""Tavily: a search service for models, with a key."""

from collections.abc import Iterator
from typing import ClassVar

from pydantic import SecretStr

from threadloom.tools.http import Deadline, HttpClient, HttpError
from threadloom.tools.settings import SearchName
from threadloom.tools.web.search import Hit, SearchError, WebSearch


class Tavily(WebSearch):
    """https://docs.tavily.com/documentation/api-reference/endpoint/search; a search costs one credit."""

    name: ClassVar[SearchName] = "tavily"
    label: ClassVar[str] = "Tavily"

    def __init__(self, key: SecretStr, url: str, http: HttpClient) -> None:
        self._key = key
        self._url = url.rstrip("/")
        self._http = http

    def ask(self, query: str, limit: int, deadline: float) -> Iterator[Hit]:
        """One search of basic depth; Tavily gives 20 results at most."""
        wanted = {"query": query, "max_results": min(limit, 20)}
        key = {"Authorization": f"Bearer {self._key.get_secret_value()}"}
        try:
            said = self._http.post(f"{self._url}/search", wanted, key, deadline=Deadline(deadline)).json()
        except HttpError as error:
            raise SearchError(f"Tavily gave no answer: {error}") from error
        records = said.get("results") if isinstance(said, dict) else None
        if not isinstance(records, list):
            raise SearchError("Tavily gave no answer: unexpected reply")
        for record in filter(lambda record: isinstance(record, dict), records):
            yield Hit(record.get("title"), record.get("url"), record.get("content"))
