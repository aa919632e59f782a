"""arXiv: preprints in physics, mathematics, computer science and their neighbours; no key, one request per 3 s."""

import re
from typing import ClassVar

from lxml import etree

from threadloom.state.papers import Paper, SourceName
from threadloom.tools.http import Deadline, Pace
from threadloom.tools.papers.record import arxiv_id_of, author_of, paper
from threadloom.tools.papers.remote import Ask, Page, Params, RemoteSource, parse_xml
from threadloom.tools.papers.source import PaperQuery, SourceError
from threadloom.tools.papers.wording import wordings
from threadloom.tools.text import text

NAMES = {
    "atom": "http://www.w3.org/2005/Atom",
    "search": "http://a9.com/-/spec/opensearch/1.1/",
    "arxiv": "http://arxiv.org/schemas/atom",
}


class Arxiv(RemoteSource):
    """https://info.arxiv.org/help/api/user-manual.html"""

    name: ClassVar[SourceName] = "arxiv"
    home: ClassVar[str] = "https://export.arxiv.org/api"
    page_size: ClassVar[int] = 100

    def pace(self) -> Pace:
        """Asked for in its terms of use."""
        return Pace(1, 3)

    def wordings(self, query: PaperQuery) -> list[str]:
        """Phrases in all fields; years as the date of the first version."""
        years = ""
        if query.year_from or query.year_to:
            first, last = query.year_from or 1991, query.year_to or 2999
            years = f" AND submittedDate:[{first}01010000 TO {last}12312359]"
        return [f"{wording}{years}" for wording in wordings(query, lambda phrase: f'all:"{phrase}"')]

    def page(self, ask: Ask, deadline: Deadline) -> Page:
        """By offset. A page is sometimes empty though more papers match; asking again helps."""
        offset = int(ask.start or 0)
        params: Params = {"search_query": ask.wording, "start": offset, "max_results": ask.size, "sortBy": "relevance"}
        entries, total = self._entries(params, deadline)
        if not entries and offset < total:
            entries, total = self._entries(params, deadline)
        if not entries and offset < total:
            raise SourceError(f"an empty page although {total} papers match")
        following = offset + ask.size
        return Page(entries, str(following) if following < total else None)

    def _entries(self, params: Params, deadline: Deadline) -> tuple[list[etree._Element], int]:
        return _entries(parse_xml(self.get("/query", params, deadline).body))

    def paper(self, record: etree._Element) -> Paper | None:
        """An Atom entry; the year is that of the first version, the venue arXiv unless it has appeared in a journal."""
        identifier = arxiv_id_of(_text(record, "atom:id"))
        if not identifier:
            raise ValueError("entry without an arXiv id")
        journal = _text(record, "arxiv:journal_ref")
        return paper(
            self.name,
            identifier,
            _text(record, "atom:title"),
            authors=[author_of(_text(author, "atom:name")) for author in record.iterfind("atom:author", NAMES)],
            year=_text(record, "atom:published"),
            abstract=_text(record, "atom:summary"),
            kind="article",
            venue=journal or "arXiv",
            keywords=[category.get("term") for category in record.iterfind("atom:category", NAMES)],
            doi=_text(record, "arxiv:doi"),
            arxiv_id=identifier,
        )


def _entries(feed: etree._Element) -> tuple[list[etree._Element], int]:
    """Entries of a feed and how many match in all. Raises SourceError for a complaint, which is an entry too."""
    if feed.tag != f"{{{NAMES['atom']}}}feed":
        raise SourceError("unexpected reply: no Atom feed")
    entries = feed.findall("atom:entry", NAMES)
    for entry in entries:
        if _text(entry, "atom:title") == "Error" or "/api/errors" in _text(entry, "atom:id"):
            raise SourceError(f"refused the query: {_text(entry, 'atom:summary')}")
    total = _text(feed, "search:totalResults")
    return entries, int(total) if re.fullmatch(r"\d+", total) else len(entries)


def _text(element: etree._Element, path: str) -> str:
    return text(element.findtext(path, "", NAMES))
