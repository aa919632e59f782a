"""Europe PMC: life sciences, PubMed's abstracts included, preprints too; no key."""

from typing import Any, ClassVar

from threadloom.state.papers import Author, Paper, SourceName
from threadloom.tools.http import Deadline
from threadloom.tools.papers.record import inside, objects, paper, person, plain, strings
from threadloom.tools.papers.remote import Ask, Page, Params, RemoteSource
from threadloom.tools.papers.source import PaperQuery, SourceError
from threadloom.tools.papers.wording import wordings


class EuropePmc(RemoteSource):
    """https://europepmc.org/RestfulWebService, searched in titles and abstracts."""

    name: ClassVar[SourceName] = "europepmc"
    home: ClassVar[str] = "https://www.ebi.ac.uk/europepmc/webservices/rest"
    page_size: ClassVar[int] = 100

    def wordings(self, query: PaperQuery) -> list[str]:
        """Without patents and records that have no abstract to read."""
        years = ""
        if query.year_from or query.year_to:
            years = f" AND PUB_YEAR:[{query.year_from or 1000} TO {query.year_to or 3000}]"
        found = wordings(query, lambda phrase: f'TITLE_ABS:"{phrase}"')
        return [f"{wording} AND HAS_ABSTRACT:y{years} NOT SRC:PAT" for wording in found]

    def page(self, ask: Ask, deadline: Deadline) -> Page:
        """By cursor; the last page names its own cursor as the next."""
        params: Params = {
            "query": ask.wording,
            "format": "json",
            "resultType": "core",
            "pageSize": ask.size,
            "cursorMark": ask.start or "*",
        }
        reply = self.get("/search", params, deadline).json()
        if "errCode" in reply:  # comes with HTTP status 200
            raise SourceError(f"refused the query: {plain(reply.get('errMsg')) or reply['errCode']}")
        records = reply["resultList"]["result"]
        return Page(records, reply.get("nextCursorMark") if len(records) == ask.size else None)

    def paper(self, record: dict[str, Any]) -> Paper | None:
        """A record of resultType core."""
        if "retracted publication" in map(str.lower, strings(inside(record, "pubTypeList", "pubType"))):
            return None
        journal = inside(record, "journalInfo")
        place = f"https://europepmc.org/article/{record['source']}/{record['id']}"
        return paper(
            self.name,
            f"{record['source']}/{record['id']}",
            record.get("title"),
            authors=map(_author, objects(inside(record, "authorList", "author"))),
            year=record.get("pubYear"),
            abstract=plain(record.get("abstractText")),
            kind=_kind(record),
            venue=inside(journal, "journal", "title") or inside(record, "bookOrReportDetails", "publisher"),
            volume=inside(journal, "volume"),
            issue=inside(journal, "issue"),
            pages=record.get("pageInfo"),
            keywords=strings(inside(record, "keywordList", "keyword")),
            doi=record.get("doi"),
            pmid=record.get("pmid"),
            url=place,
            citations=record.get("citedByCount"),
        )


def _author(entry: dict[str, Any]) -> Author | None:
    given = entry.get("firstName") or entry.get("initials")
    return person(entry.get("lastName"), given, entry.get("collectiveName") or entry.get("fullName"))


def _kind(record: dict[str, Any]) -> str:
    return {"PPR": "article", "ETH": "thesis", "NBK": "book"}.get(record["source"], "article-journal")
