"""OpenAlex: all fields, with citation counts; a free key raises its small daily allowance tenfold."""

from typing import Any, ClassVar

from threadloom.state.papers import Paper, SourceName
from threadloom.tools.http import Deadline
from threadloom.tools.papers.record import arxiv_id_of, author_of, inside, objects, paper, plain
from threadloom.tools.papers.remote import Ask, Page, Params, RemoteSource
from threadloom.tools.papers.source import PaperQuery
from threadloom.tools.papers.wording import wordings

FIELDS = (
    "id,doi,ids,display_name,publication_year,type,authorships,primary_location,locations,biblio,"
    "abstract_inverted_index,cited_by_count,keywords"
)
KINDS = {
    "article": "article-journal",
    "review": "article-journal",
    "letter": "article-journal",
    "editorial": "article-journal",
    "conference-paper": "paper-conference",
    "preprint": "article",
    "book": "book",
    "book-chapter": "chapter",
    "reference-entry": "chapter",
    "dissertation": "thesis",
    "report": "report",
    "standard": "report",
}
"""Its types that are papers, as CSL types; datasets, software, paratext and errata are not."""


class OpenAlex(RemoteSource):
    """https://developers.openalex.org; the mail address it once asked for has been ignored since February 2026."""

    name: ClassVar[SourceName] = "openalex"
    home: ClassVar[str] = "https://api.openalex.org"
    page_size: ClassVar[int] = 100

    def wordings(self, query: PaperQuery) -> list[str]:
        """Phrases with operators; it stems words and drops the commonest itself."""
        return wordings(query, lambda phrase: f'"{phrase}"' if not phrase.isalnum() else phrase)

    def page(self, ask: Ask, deadline: Deadline) -> Page:
        """By number: `page` × `per_page` may reach 10,000."""
        number = int(ask.start or 1)
        params: Params = {
            "search": ask.wording,
            "filter": ",".join(_filters(ask.query)),
            "select": FIELDS,
            "per_page": ask.size,
            "page": number,
        }
        if self.settings.openalex_key:
            params["api_key"] = self.settings.openalex_key.get_secret_value()
        works = self.get("/works", params, deadline).json()["results"]
        return Page(works, str(number + 1) if len(works) == ask.size else None)

    def paper(self, record: dict[str, Any]) -> Paper | None:
        """A work; other copies of it may tell its arXiv id."""
        kind = KINDS.get(record.get("type") or "article")
        if kind is None:
            return None
        biblio = inside(record, "biblio")
        copies = objects(record.get("locations"))
        arxiv_ids = (arxiv_id_of(inside(copy, "landing_page_url")) for copy in copies)
        return paper(
            self.name,
            record["id"].rsplit("/", 1)[-1],
            record.get("display_name"),
            authors=[
                author_of(inside(entry, "author", "display_name")) for entry in objects(record.get("authorships"))
            ],
            year=record.get("publication_year"),
            abstract=plain(_abstract(record.get("abstract_inverted_index"))),
            kind=kind,
            venue=inside(record, "primary_location", "source", "display_name"),
            volume=inside(biblio, "volume"),
            issue=inside(biblio, "issue"),
            pages=_pages(inside(biblio, "first_page"), inside(biblio, "last_page")),
            keywords=[entry.get("display_name") for entry in objects(record.get("keywords"))],
            doi=record.get("doi"),
            arxiv_id=next(filter(None, arxiv_ids), None),
            pmid=inside(record, "ids", "pmid"),
            url=record["id"],
            citations=record.get("cited_by_count"),
        )


def _filters(query: PaperQuery) -> list[str]:
    filters = ["has_abstract:true", "is_retracted:false"]
    if query.year_from or query.year_to:
        filters.append(f"publication_year:{query.year_from or ''}-{query.year_to or ''}")
    return filters


def _abstract(index: object) -> str:
    """Words in their order out of `{word: [positions]}`."""
    if not isinstance(index, dict):
        return ""
    placed = [(place, word) for word, places in index.items() for place in places]
    return " ".join(word for _, word in sorted(placed))


def _pages(first: object, last: object) -> str:
    return f"{first}-{last}" if first and last and first != last else str(first or "")
