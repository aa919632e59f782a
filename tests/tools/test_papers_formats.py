"""What only one service does: its errors, its odd records, its wording of a query."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from lxml import etree

from tests.servers.papers_server import PapersServer, Raw, Work
from tests.tools.conftest import SourceOf, works
from threadloom.state.papers import Paper
from threadloom.tools.papers.source import PaperQuery, SourceError
from threadloom.tools.papers.wording import wordings

TEA = PaperQuery("tea", ("tea",))
FASTING = PaperQuery(
    "Does it help?", ("intermittent fasting", "quality of life", "time-restricted eating in adults"), 2015, None
)


def crossref(source_of: SourceOf, **changes: Any) -> Paper | None:
    record = {"DOI": "10.5555/X", "type": "journal-article", "title": ["Tea"], "container-title": ["J Tea"], **changes}
    return source_of("crossref").paper(record)


@pytest.mark.parametrize(
    ("name", "reply", "message"),
    [
        ("europepmc", b'{"version":"6.9","errCode":404,"errMsg":"No <b>query</b>"}', "refused the query: No query"),
        ("pubmed", b'{"esearchresult":{"ERROR":"Search Backend failed"}}', "refused the query: Search Backend failed"),
    ],
)
def test_error_with_status_200(
    name: str, reply: bytes, message: str, server: PapersServer, source_of: SourceOf
) -> None:
    server.faults = [Raw(200, reply)]
    with pytest.raises(SourceError, match=f"^{message}$"):
        source_of(name).search(TEA, 5)


def test_arxiv_error_entry(source_of: SourceOf, server: PapersServer) -> None:
    server.works = works(1)
    server.alter = lambda body: body.replace(b"<title>Study 1 of tea", b"<title>Error").replace(
        b"Tea number 1", b"bad id"
    )
    with pytest.raises(SourceError, match=r"^refused the query: bad id was found"):
        source_of("arxiv").search(TEA, 5)


def test_arxiv_empty_page_is_asked_for_again(source_of: SourceOf, server: PapersServer) -> None:
    empty = b"""<feed xmlns="http://www.w3.org/2005/Atom">
        <totalResults xmlns="http://a9.com/-/spec/opensearch/1.1/">2</totalResults></feed>"""
    server.works = works(2)
    server.faults = [Raw(200, empty)]
    assert len(source_of("arxiv").search(TEA, 5)) == 2
    server.faults = [Raw(200, empty)] * 2
    with pytest.raises(SourceError, match=r"^an empty page although 2 papers match$"):
        source_of("arxiv").search(TEA, 5)


def test_xml_cannot_read_files_or_explode(source_of: SourceOf, server: PapersServer) -> None:
    server.works = works(1)
    doctype = b'<!DOCTYPE feed [<!ENTITY a SYSTEM "file:///etc/passwd"><!ENTITY b "%s">]><feed' % (b"lol" * 99)
    server.alter = lambda body: body.replace(b"<feed", doctype).replace(b"Study 1 of", b"Study &a;&b; of")
    (paper,) = source_of("arxiv").search(TEA, 5)
    assert "root:" not in paper["title"]
    assert "lol" not in paper["title"]


def test_arxiv_entry_without_doi(source_of: SourceOf) -> None:
    entry = etree.fromstring(
        """<entry xmlns="http://www.w3.org/2005/Atom"><id>http://arxiv.org/abs/hep-th/9711200v3</id>
        <published>1997-11-27T23:53:13Z</published><title>The Large N
          Limit</title><summary/><author><name>Juan M. Maldacena</name></author></entry>"""
    )
    paper = source_of("arxiv").paper(entry)
    assert paper
    assert (paper["id"], paper["title"], paper["year"]) == ("arxiv:hep-th/9711200", "The Large N Limit", 1997)
    assert (paper["venue"], paper["kind"], paper["text_origin"]) == ("arXiv", "article", "none")
    assert paper["url"] == "https://arxiv.org/abs/hep-th/9711200"


def test_crossref_types(source_of: SourceOf) -> None:
    kinds = {"proceedings-article": "paper-conference", "posted-content": "article", "dissertation": "thesis"}
    for theirs, csl in kinds.items():
        paper = crossref(source_of, type=theirs)
        assert paper
        assert paper["kind"] == csl
    assert [crossref(source_of, type=other) for other in ("peer-review", "component", "dataset", None)] == [None] * 4


def test_crossref_odd_records(source_of: SourceOf) -> None:
    paper = crossref(
        source_of,
        subtitle=["a <i>review</i>"],
        author=[{"name": "The Tea Board"}, {"given": "Plato"}, {"family": "Brewer"}, {}, None, "x"],
        issued={"date-parts": [[None]]},
        page=None,
        **{"article-number": "e17", "is-referenced-by-count": 0},
    )
    assert paper
    assert paper["title"] == "Tea: a review"
    assert [author["family"] for author in paper["authors"]] == ["The Tea Board", "Plato", "Brewer"]
    assert (paper["year"], paper["pages"], paper["citations"]) == (None, "e17", 0)
    preprint = crossref(source_of, type="posted-content", publisher="bioRxiv", **{"container-title": []})
    assert preprint
    assert preprint["venue"] == "bioRxiv"


def test_europepmc_preprint_and_retraction(source_of: SourceOf) -> None:
    record: dict[str, Any] = {
        "id": "PPR123",
        "source": "PPR",
        "title": "Tea.",
        "authorList": {"author": [{"collectiveName": "Tea Study Group"}, {"fullName": "Li X"}]},
        "bookOrReportDetails": {"publisher": "medRxiv", "yearOfPublication": 2021},
        "pubYear": "2021",
    }
    paper = source_of("europepmc").paper(record)
    assert paper
    assert (paper["id"], paper["kind"], paper["venue"]) == ("europepmc:PPR/PPR123", "article", "medRxiv")
    assert [author["family"] for author in paper["authors"]] == ["Tea Study Group", "Li X"]
    assert paper["url"] == "https://europepmc.org/article/PPR/PPR123"
    assert source_of("europepmc").paper({**record, "pubTypeList": {"pubType": ["Retracted Publication"]}}) is None


def test_openalex_odd_records(source_of: SourceOf) -> None:
    record: dict[str, Any] = {"id": "https://openalex.org/W7", "display_name": "Tea", "type": "preprint"}
    record |= {"doi": "https://doi.org/10.48550/arXiv.1706.03762", "abstract_inverted_index": {"b": [1], "a": [0, 2]}}
    paper = source_of("openalex").paper(record)
    assert paper
    assert (paper["doi"], paper["arxiv_id"]) == ("10.48550/arxiv.1706.03762", "1706.03762")
    assert (paper["abstract"], paper["kind"]) == ("a b a", "article")
    assert source_of("openalex").paper({**record, "type": "dataset"}) is None


def test_pubmed_structured_abstract(source_of: SourceOf) -> None:
    article = """<PubmedArticle><MedlineCitation><PMID>12</PMID><Article><Journal><JournalIssue><PubDate>
    <MedlineDate>1998 Dec-1999 Jan</MedlineDate></PubDate></JournalIssue><Title>J Tea</Title></Journal>
    <ArticleTitle>[Effects of <i>Camellia</i> on CO<sub>2</sub>].</ArticleTitle>
    <ELocationID EIdType="doi">10.5555/ABC</ELocationID><Abstract>
    <AbstractText Label="METHODS">We drank <b>tea</b>.</AbstractText>
    <AbstractText Label="RESULTS">p &lt; 0.05.</AbstractText>
    <AbstractText>No label.</AbstractText></Abstract>
    <AuthorList><Author><CollectiveName>Tea Group</CollectiveName></Author><Author><LastName>Li</LastName>
    <Initials>X</Initials></Author><Author/></AuthorList>%s</Article></MedlineCitation></PubmedArticle>"""
    paper = source_of("pubmed").paper(etree.fromstring(article % ""))
    assert paper
    assert paper["title"] == "Effects of Camellia on CO2"
    assert paper["abstract"] == "METHODS: We drank tea. RESULTS: p < 0.05. No label."
    assert paper["authors"] == [{"family": "Tea Group", "given": ""}, {"family": "Li", "given": "X"}]
    assert (paper["id"], paper["pmid"], paper["year"]) == ("doi:10.5555/abc", "12", 1998)
    types = "<PublicationTypeList><PublicationType>Retracted Publication</PublicationType></PublicationTypeList>"
    assert source_of("pubmed").paper(etree.fromstring(article % types)) is None


@pytest.mark.parametrize(
    ("name", "strict"),
    [
        (
            "europepmc",
            '(TITLE_ABS:"intermittent fasting" AND TITLE_ABS:"quality of life" AND TITLE_ABS:"time-restricted" AND '
            'TITLE_ABS:"eating" AND TITLE_ABS:"adults") AND HAS_ABSTRACT:y AND PUB_YEAR:[2015 TO 3000] NOT SRC:PAT',
        ),
        (
            "arxiv",
            '(all:"intermittent fasting" AND all:"quality of life" AND all:"time-restricted" AND all:"eating" AND '
            'all:"adults") AND submittedDate:[201501010000 TO 299912312359]',
        ),
        ("openalex", '("intermittent fasting" AND "quality of life" AND "time-restricted" AND eating AND adults)'),
        (
            "pubmed",
            "((intermittent fasting) AND (quality of life) AND (time-restricted) AND (eating) AND (adults))"
            " AND hasabstract",
        ),
        ("crossref", "intermittent fasting quality life time-restricted eating adults"),
        ("semanticscholar", "intermittent fasting quality life time restricted eating adults"),
    ],
)
def test_strictest_wording(name: str, strict: str, source_of: SourceOf) -> None:
    assert source_of(name).wordings(FASTING)[0] == strict


def test_wordings_get_looser() -> None:
    spoken = wordings(FASTING, str)
    assert spoken[1] == "(intermittent AND fasting AND quality AND life)"
    loose = "((intermittent AND fasting) OR (quality AND life) OR (time-restricted OR eating OR adults))"
    assert spoken[2] == loose
    assert wordings(PaperQuery("the of and", ("tea",)), str) == ["tea"]
    assert wordings(PaperQuery("to be or not to be"), str)[0] == "(to AND be AND or AND not)"
    assert wordings(PaperQuery("光合作用 の"), str)[0] == "光合作用 の"


def test_long_question_makes_a_short_request(source_of: SourceOf, server: PapersServer) -> None:
    """Addresses are limited to some 4,000 characters."""
    terms = tuple(" ".join(f"word{first + n}" for n in range(80)) for first in range(0, 800, 80))
    for name in ("europepmc", "arxiv", "openalex", "pubmed", "crossref", "semanticscholar"):
        source_of(name).search(PaperQuery("?", terms), 5)
        source_of(name).search(PaperQuery("光合作用" * 500), 5)
    assert max(len(urlencode(request.params)) for request in server.requests) < 4_000


def test_weird_authors(source_of: SourceOf, server: PapersServer) -> None:
    authors = (("O’Brien-Ñandú", "Seán"), ("王", "小明"), ("de la Cruz", "María José"), ("Plato", ""))
    server.works = [Work(1, "Tea", authors=authors)]
    for name in ("europepmc", "crossref", "pubmed", "arxiv", "openalex", "semanticscholar"):
        (paper,) = source_of(name).search(TEA, 5)
        assert [(author["family"], author["given"]) for author in paper["authors"]] == list(authors), name
        json.dumps(paper).encode()
