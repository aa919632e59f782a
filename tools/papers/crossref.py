"""Crossref: the registry of most DOIs, all fields; no key, better served with a mail address."""

from typing import Any, ClassVar

from threadloom.state.papers import Author, Paper, SourceName
from threadloom.tools.http import Deadline, Pace
from threadloom.tools.papers.record import inside, objects, paper, person, plain, strings
from threadloom.tools.papers.remote import Ask, Page, Params, RemoteSource
from threadloom.tools.papers.source import PaperQuery
from threadloom.tools.papers.wording import bag, terms

FIELDS = (
    "DOI,URL,abstract,article-number,author,container-title,is-referenced-by-count,issue,issued,page,publisher,"
    "subtitle,title,type,volume"
)
KINDS = {
    "journal-article": "article-journal",
    "proceedings-article": "paper-conference",
    "posted-content": "article",
    "book": "book",
    "edited-book": "book",
    "monograph": "book",
    "reference-book": "book",
    "book-chapter": "chapter",
    "book-part": "chapter",
    "book-section": "chapter",
    "reference-entry": "chapter",
    "report": "report",
    "report-component": "report",
    "dissertation": "thesis",
}
"""Crossref's types that are papers, as CSL types; peer reviews, datasets, components and grants are not."""


class Crossref(RemoteSource):
    """https://api.crossref.org, which ranks by how many words match and knows no operators."""

    name: ClassVar[SourceName] = "crossref"
    home: ClassVar[str] = "https://api.crossref.org"
    page_size: ClassVar[int] = 100

    def pace(self) -> Pace:
        """What `x-rate-limit-limit` says about lists, with and without a mail address."""
        return Pace(3 if self.settings.contact else 1, 1)

    def wordings(self, query: PaperQuery) -> list[str]:
        """One bag of words."""
        return [words] if (words := bag(terms(query))) else []

    def page(self, ask: Ask, deadline: Deadline) -> Page:
        """By offset: a cursor is for deep harvesting, and we read the first few hundred at most."""
        offset = int(ask.start or 0)
        params: Params = {
            "query.bibliographic": ask.wording,
            "rows": ask.size,
            "offset": offset,
            "select": FIELDS,
            "filter": ",".join(_filters(ask.query)),
        }
        if self.settings.contact:
            params["mailto"] = self.settings.contact
        items = self.get("/works", params, deadline).json()["message"]["items"]
        return Page(items, str(offset + ask.size) if len(items) == ask.size else None)

    def paper(self, record: dict[str, Any]) -> Paper | None:
        """A work; titles are lists, abstracts JATS, dates lists of parts, organisations authors without family."""
        if record.get("type") not in KINDS:
            return None
        kind, doi = KINDS[record["type"]], record["DOI"]
        place = strings(record.get("container-title")) or [""]
        return paper(
            self.name,
            doi,
            _title(record),
            authors=map(_author, objects(record.get("author"))),
            year=_year(record),
            abstract=plain(record.get("abstract")),
            kind=kind,
            venue=place[0] or ("" if kind in {"article-journal", "paper-conference"} else record.get("publisher")),
            volume=record.get("volume"),
            issue=record.get("issue"),
            pages=record.get("page") or record.get("article-number"),
            doi=doi,
            citations=record.get("is-referenced-by-count"),
        )


def _filters(query: PaperQuery) -> list[str]:
    filters = ["has-abstract:true"]
    if query.year_from:
        filters.append(f"from-pub-date:{query.year_from}")
    if query.year_to:
        filters.append(f"until-pub-date:{query.year_to}")
    return filters


def _title(record: dict[str, Any]) -> str:
    parts = (plain(part) for key in ("title", "subtitle") for part in strings(record.get(key))[:1])
    title, *subtitle = filter(None, parts)
    return f"{title}: {subtitle[0]}" if subtitle and subtitle[0].lower() not in title.lower() else title


def _year(record: dict[str, Any]) -> object:
    """`{"date-parts": [[2019, 4]]}`, or `[[null]]` when it is not known."""
    parts = inside(record, "issued", "date-parts")
    return parts[0][0] if parts and parts[0] else None


def _author(entry: dict[str, Any]) -> Author | None:
    return person(entry.get("family"), entry.get("given"), entry.get("name"))
