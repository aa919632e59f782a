"""Semantic Scholar: all fields; its shared keyless pool is often exhausted, so it is asked on demand or with a key."""

from typing import Any, ClassVar

from threadloom.state.papers import Paper, SourceName
from threadloom.tools.http import Deadline, Pace
from threadloom.tools.papers.record import author_of, inside, objects, paper, strings
from threadloom.tools.papers.remote import Ask, Page, Params, RemoteSource
from threadloom.tools.papers.source import PaperQuery
from threadloom.tools.papers.wording import bag, terms
from threadloom.tools.text import text

FIELDS = "title,abstract,year,venue,journal,authors,externalIds,publicationTypes,citationCount,fieldsOfStudy,url"
KINDS = {"Conference": "paper-conference", "Book": "book", "BookSection": "chapter"}


class SemanticScholar(RemoteSource):
    """https://api.semanticscholar.org/api-docs/graph, which takes plain words without operators."""

    name: ClassVar[SourceName] = "semanticscholar"
    home: ClassVar[str] = "https://api.semanticscholar.org/graph/v1"
    page_size: ClassVar[int] = 100

    def pace(self) -> Pace:
        """What a new key allows."""
        return Pace(1, 1)

    def wordings(self, query: PaperQuery) -> list[str]:
        """All terms, then fewer, since every word narrows the answer; a word with a hyphen would match nothing."""
        found = terms(query)
        texts = (bag(found), bag(found[:2]), bag(found[:1]))
        return list(dict.fromkeys(text.replace("-", " ") for text in texts if text))

    def page(self, ask: Ask, deadline: Deadline) -> Page:
        """By offset; it names the next one itself."""
        params: Params = {"query": ask.wording, "fields": FIELDS, "limit": ask.size, "offset": ask.start or 0}
        if ask.query.year_from or ask.query.year_to:
            params["year"] = f"{ask.query.year_from or ''}-{ask.query.year_to or ''}"
        key = self.settings.semanticscholar_key
        headers = {"x-api-key": key.get_secret_value()} if key else {}
        reply = self.get("/paper/search", params, deadline, **headers).json()
        following = reply.get("next")
        records = reply["data"] if reply["total"] else []  # there is no `data` where nothing matches
        return Page(records, None if following is None else str(following))

    def paper(self, record: dict[str, Any]) -> Paper | None:
        """A paper; its identifiers elsewhere are in `externalIds`."""
        ids, journal = inside(record, "externalIds"), inside(record, "journal")
        venue = inside(journal, "name") or record.get("venue")
        return paper(
            self.name,
            record["paperId"],
            record.get("title"),
            authors=[author_of(entry.get("name")) for entry in objects(record.get("authors"))],
            year=record.get("year"),
            abstract=text(record.get("abstract")),
            kind=_kind(record, venue),
            venue=venue,
            volume=inside(journal, "volume"),
            pages=inside(journal, "pages"),
            keywords=strings(record.get("fieldsOfStudy")),
            doi=inside(ids, "DOI"),
            arxiv_id=inside(ids, "ArXiv"),
            pmid=inside(ids, "PubMed"),
            url=record.get("url"),
            citations=record.get("citationCount"),
        )


def _kind(record: dict[str, Any], venue: object) -> str:
    if venue == "arXiv.org":
        return "article"
    return next((KINDS[kind] for kind in strings(record.get("publicationTypes")) if kind in KINDS), "article-journal")
