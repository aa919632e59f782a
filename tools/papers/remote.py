"""What all databases on the network have in common: paging, deadlines, partial answers, records that cannot be read.

A source answers three small questions: how is the query worded, what is on a page, what does a record say.
"""

import logging
import re
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from lxml import etree

from threadloom.state.papers import Paper
from threadloom.tools.http import Deadline, HttpClient, HttpError, Pace, Reply
from threadloom.tools.papers.source import PaperQuery, PaperSource, PartialAnswerError, SourceError
from threadloom.tools.settings import SourceSettings

Params = dict[str, str | int]
"""Query parameters of a request."""

logger = logging.getLogger(__name__)

_UNREADABLE = (AttributeError, IndexError, KeyError, TypeError, ValueError)
_WITHDRAWN = re.compile(r"(?:RETRACTED|WITHDRAWN)\b|\[(?i:retracted|withdrawn)\b")


@dataclass(frozen=True)
class Ask:
    """What is wanted of one page."""

    wording: str
    query: PaperQuery
    size: int
    """How many records."""
    start: str | None = None
    """Where the page begins, as the one before it said; None for the first."""


@dataclass(frozen=True)
class Page:
    """Raw records, best first, and where the next page begins; None after the last one."""

    records: list[Any]
    following: str | None = None


class RemoteSource(PaperSource):
    """A database that answers over HTTP."""

    home: ClassVar[str]
    """Base address of the public service."""
    page_size: ClassVar[int]
    """The most records it gives at once."""

    def __init__(self, settings: SourceSettings, http: HttpClient) -> None:
        self.settings = settings
        self.base = settings.source_urls.get(self.name, self.home).rstrip("/")
        self._http = http

    def pace(self) -> Pace | None:
        """How often the public service may be asked; None where its limits are far away."""
        return None

    @abstractmethod
    def wordings(self, query: PaperQuery) -> list[str]:
        """Query texts to try in order until enough is found; none if there is nothing to search for."""

    @abstractmethod
    def page(self, ask: Ask, deadline: Deadline) -> Page:
        """One page. Raises HttpError, SourceError, or what a reply of another shape leads to (KeyError, …)."""

    @abstractmethod
    def paper(self, record: Any) -> Paper | None:
        """What one record says; None if it is no paper. An exception counts as a record that cannot be read."""

    def search(self, query: PaperQuery, deadline: float) -> list[Paper]:
        """As `PaperSource.search`; papers from a stricter wording come first."""
        found: dict[str, Paper] = {}
        clock = Deadline(deadline)
        limit = ""
        try:
            for wording in self.wordings(query):
                self._collect(found, wording, query, clock)
                if 2 * len(found) >= query.limit:
                    break
        except (HttpError, SourceError) as error:
            if not found:
                raise SourceError(str(error)) from error
            limit = str(error)
        best = list(found.values())[: query.limit]
        papers = [Paper({**paper, "found": {self.name: rank}}) for rank, paper in enumerate(best, 1)]
        if limit:
            raise PartialAnswerError(f"incomplete: {limit}", papers)
        return papers

    def _collect(self, found: dict[str, Paper], wording: str, query: PaperQuery, clock: Deadline) -> None:
        ask = Ask(wording, query, min(self.page_size, query.limit))
        while len(found) < query.limit:
            try:
                page = self.page(ask, clock)
            except _UNREADABLE as error:
                raise SourceError(f"unexpected reply ({type(error).__name__}: {error})") from error
            for paper in self._readable(page.records, clock):
                if _fits(paper, query):
                    found.setdefault(paper["id"], paper)
            if not page.records or page.following in {None, ask.start}:
                return
            ask = replace(ask, start=page.following)

    def _readable(self, records: list[Any], clock: Deadline) -> Iterator[Paper]:
        broken = 0
        for record in records:
            clock.remaining()
            try:
                paper = self.paper(record)
            except _UNREADABLE as error:
                broken += 1
                logger.info("%s: skipped a record that cannot be read (%r)", self.label, error)
                continue
            if paper:
                yield paper
        if records and broken == len(records):
            raise SourceError(f"unexpected reply: none of {broken} records can be read")

    def get(self, path: str, params: Params, deadline: Deadline, **headers: str) -> Reply:
        """The reply to a request below the base address, in its turn. Raises HttpError."""
        # The pace is that of the public service: a mirror or a test server has its own.
        pace = self.pace() if self.base == self.home else None
        return self._http.get(f"{self.base}{path}", params, headers, deadline=deadline, pace=pace)


def _fits(paper: Paper, query: PaperQuery) -> bool:
    """Has a title, is not retracted, lies in the years asked for: not every service filters, nor all exactly."""
    if not paper["title"] or _WITHDRAWN.match(paper["title"]):
        return False
    if query.year_from is None and query.year_to is None:
        return True
    year = paper["year"]
    return year is not None and (query.year_from or year) <= year <= (query.year_to or year)


def parse_xml(body: bytes) -> etree._Element:
    """The root of an XML reply; no entity is expanded and nothing is fetched. Raises SourceError."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        return etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        raise SourceError("malformed reply: not XML") from error
