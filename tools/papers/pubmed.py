"""PubMed: the life sciences at their source; a search gives ids, a second request their records."""

from typing import ClassVar

from lxml import etree

from threadloom.state.papers import Author, Paper, SourceName
from threadloom.tools.http import Deadline, Pace
from threadloom.tools.papers.record import paper, person
from threadloom.tools.papers.remote import Ask, Page, Params, RemoteSource, parse_xml
from threadloom.tools.papers.source import PaperQuery, SourceError
from threadloom.tools.papers.wording import wordings
from threadloom.tools.text import text


class PubMed(RemoteSource):
    """E-utilities: https://www.ncbi.nlm.nih.gov/books/NBK25499/"""

    name: ClassVar[SourceName] = "pubmed"
    home: ClassVar[str] = "https://eutils.ncbi.nlm.nih.gov/entrez/eutils"
    page_size: ClassVar[int] = 100

    def pace(self) -> Pace:
        """NCBI blocks who asks more often."""
        return Pace(10 if self.settings.pubmed_key else 3, 1)

    def wordings(self, query: PaperQuery) -> list[str]:
        """Without quotes, which would switch off PubMed's mapping of words to its subject headings."""
        return [f"{wording} AND hasabstract" for wording in wordings(query, lambda phrase: f"({phrase.lower()})")]

    def page(self, ask: Ask, deadline: Deadline) -> Page:
        """By offset; the records come in the order of the ids."""
        offset = int(ask.start or 0)
        params = self._who() | {"term": ask.wording, "retmode": "json", "sort": "relevance"}
        params |= {"retstart": offset, "retmax": ask.size}
        if ask.query.year_from or ask.query.year_to:  # both or neither
            params |= {"datetype": "pdat", "mindate": ask.query.year_from or 1000, "maxdate": ask.query.year_to or 3000}
        result = self.get("/esearch.fcgi", params, deadline).json()["esearchresult"]
        if "ERROR" in result:  # comes with HTTP status 200
            raise SourceError(f"refused the query: {text(result['ERROR'])}")
        ids = [str(pmid) for pmid in result["idlist"]]
        more = offset + ask.size < int(result["count"])
        return Page(self._records(ids, deadline), str(offset + ask.size) if more else None)

    def _records(self, ids: list[str], deadline: Deadline) -> list[etree._Element]:
        if not ids:
            return []
        params = self._who() | {"id": ",".join(ids), "retmode": "xml"}
        root = parse_xml(self.get("/efetch.fcgi", params, deadline).body)
        records = root.findall("PubmedArticle")
        order = {pmid: place for place, pmid in enumerate(ids)}
        return sorted(records, key=lambda record: order.get(_text(record, "MedlineCitation/PMID"), len(ids)))

    def _who(self) -> Params:
        who: Params = {"db": "pubmed", "tool": "threadloom"}
        if self.settings.contact:
            who["email"] = self.settings.contact
        if self.settings.pubmed_key:
            who["api_key"] = self.settings.pubmed_key.get_secret_value()
        return who

    def paper(self, record: etree._Element) -> Paper | None:
        """A PubmedArticle; a retracted one is none."""
        citation, article = _child(record, "MedlineCitation"), _child(record, "MedlineCitation/Article")
        issue = "Journal/JournalIssue"
        if "Retracted Publication" in [_all(kind) for kind in article.iterfind("PublicationTypeList/PublicationType")]:
            return None
        pmid = _text(citation, "PMID")
        return paper(
            self.name,
            pmid,
            _text(article, "ArticleTitle") or _text(article, "VernacularTitle"),
            authors=map(_author, article.iterfind("AuthorList/Author")),
            year=_text(article, f"{issue}/PubDate/Year") or _text(article, f"{issue}/PubDate/MedlineDate"),
            abstract=" ".join(filter(None, map(_section, article.iterfind("Abstract/AbstractText")))),
            venue=_text(article, "Journal/Title"),
            volume=_text(article, f"{issue}/Volume"),
            issue=_text(article, f"{issue}/Issue"),
            pages=_text(article, "Pagination/MedlinePgn"),
            keywords=map(_all, citation.iterfind("KeywordList/Keyword")),
            doi=_text(record, "PubmedData/ArticleIdList/ArticleId[@IdType='doi']")
            or _text(article, "ELocationID[@EIdType='doi']"),
            pmid=pmid,
        )


def _child(element: etree._Element, path: str) -> etree._Element:
    child = element.find(path)
    if child is None:
        raise ValueError(f"no {path}")
    return child


def _all(element: etree._Element | None) -> str:
    """All text inside, for titles and abstracts hold `<i>` and `<sub>`."""
    return "" if element is None else text("".join(map(str, element.itertext())))


def _text(element: etree._Element, path: str) -> str:
    return _all(element.find(path))


def _section(part: etree._Element) -> str:
    """`RESULTS: …` for a labelled part of a structured abstract."""
    label, words = text(part.get("Label")), _all(part)
    return f"{label}: {words}" if label and words and label != "UNLABELLED" else words


def _author(entry: etree._Element) -> Author | None:
    given = _text(entry, "ForeName") or _text(entry, "Initials")
    return person(_text(entry, "LastName"), given, _text(entry, "CollectiveName"))
