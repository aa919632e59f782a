"""One record a paper, however many sources found it."""

from hypothesis import given
from hypothesis import strategies as st

from threadloom.nodes.merge import merge_hits
from threadloom.state.papers import Paper
from threadloom.tools.papers.record import paper as record


def paper(source: str, rank: int, title: str = "Attention is all you need", **fields: object) -> Paper:
    """A record as a source would return it; `citations`, ids and the rest as `record.paper` takes them."""
    family = fields.pop("author", "Vaswani")
    authors = [{"family": family, "given": "A."}] if family else []
    made = record(source, f"{title}{rank}", title, authors=authors, **{"year": 2017, "abstract": "", **fields})  # type: ignore[arg-type]
    return {**made, "found": {source: rank}}


def merged(*papers: Paper) -> list[Paper]:
    hits: dict[str, list[Paper]] = {}
    for one in papers:
        hits.setdefault(next(iter(one["found"])), []).append(one)
    return merge_hits(hits)


def test_a_shared_identifier_makes_one_paper_whatever_the_titles_say() -> None:
    for shared in ({"doi": "10.1000/X"}, {"arxiv_id": "1706.03762"}, {"pmid": "5"}):
        one = paper("crossref", 1, "One title", **shared)
        assert len(merged(one, paper("openalex", 1, "Quite another", author="Xu", year=1990, **shared))) == 1
    assert len(merged(paper("crossref", 1, "One", doi="10.1000/a"), paper("openalex", 1, "Two", doi="10.1000/b"))) == 2


def test_an_arxiv_doi_is_the_arxiv_id() -> None:
    other = paper("openalex", 3, "Title in another language", doi="10.48550/arXiv.1706.03762", author="Xu")
    assert len(merged(paper("arxiv", 1, arxiv_id="1706.03762v5"), other)) == 1


def test_identifiers_connect_transitively() -> None:
    bridge = paper("openalex", 2, "Bridge", doi="10.1000/x", pmid="5")
    (one,) = merged(paper("crossref", 1, "A b c d", doi="10.1000/x"), paper("pubmed", 3, "E f g h", pmid="5"), bridge)
    assert one["found"] == {"crossref": 1, "openalex": 2, "pubmed": 3}


def test_close_titles_of_one_author_and_time_are_one_paper() -> None:
    one = paper("crossref", 1, "Attention Is All You Need", doi="10.1000/x")
    assert len(merged(one, paper("arxiv", 1, "Attention is all you need!", year=2018))) == 1
    assert len(merged(one, paper("arxiv", 1, "Attention is what you need"))) == 2
    assert len(merged(one, paper("openalex", 1, author="Xu"))) == 2
    assert len(merged(one, paper("openalex", 1, doi="10.1000/y", year=2025))) == 2
    assert len(merged(one, paper("openalex", 1, author=""))) == 1
    assert len(merged(one, paper("openalex", 1, year=None))) == 1


def test_a_preprint_may_be_some_years_older_than_its_journal_version() -> None:
    journal = paper("crossref", 1, doi="10.1000/x", venue="J", year=2020)
    (one,) = merged(paper("arxiv", 1, arxiv_id="1706.03762", kind="article", year=2017), journal)
    assert (one["id"], one["arxiv_id"], one["year"], one["kind"]) == (
        "doi:10.1000/x",
        "1706.03762",
        2020,
        "article-journal",
    )


def test_parts_notices_and_short_titles_stay_apart() -> None:
    title = "Measurements of the cosmic microwave background by one satellite, part"
    assert len(merged(paper("crossref", 1, f"{title} I"), paper("openalex", 1, f"{title} II"))) == 2
    long = "A randomised trial of a vaccine against a virus in children and adults of many countries over many years"
    assert len(merged(paper("crossref", 1, long), paper("openalex", 1, f"Reply {long}"))) == 2
    assert len(merged(paper("crossref", 1, "Editorial", author=""), paper("openalex", 1, "Editorial"))) == 2


def test_the_best_of_each_record_is_kept() -> None:
    long, short = "Own words of the authors. " * 10, "Shorter words of the authors. " * 7
    (one,) = merged(
        paper("crossref", 4, doi="10.1000/x", venue="J", volume="3", abstract=short, citations=10, keywords=["NLP"]),
        paper("openalex", 2, doi="10.1000/x", pmid="5", abstract=long, citations=12, keywords=["nlp", "attention"]),
    )
    assert (one["venue"], one["volume"], one["pmid"], one["citations"]) == ("J", "3", "5", 12)
    assert (one["abstract"], one["text_origin"]) == (long, "abstract")
    assert one["keywords"] == ["NLP", "attention"]
    assert one["found"] == {"crossref": 4, "openalex": 2}


def test_authors_own_words_beat_the_summary_unless_they_are_a_teaser() -> None:
    summary: Paper = {
        **paper("library", 1, doi="10.1000/x", abstract="Summary. " * 50),
        "text_origin": "library summary",
    }
    teaser = paper("crossref", 1, doi="10.1000/x", abstract="We attend.")
    (one,) = merged(summary, teaser)
    assert one["text_origin"] == "library summary"
    (one,) = merged(summary, paper("openalex", 1, doi="10.1000/x", abstract="We attend to all. " * 20), teaser)
    assert (one["text_origin"], one["abstract"][:18]) == ("abstract", "We attend to all. ")


SOURCES = ("library", "crossref", "arxiv", "openalex")
PAPERS = st.builds(
    paper,
    st.sampled_from(SOURCES),
    st.integers(1, 9),
    st.sampled_from(
        ["Attention is all you need", "Attention is all you need.", "Sleep and memory in finches", "Note", ""]
    ),
    author=st.sampled_from(["Vaswani", "Ng", ""]),
    year=st.sampled_from([2016, 2017, 2018, None]),
    doi=st.sampled_from([None, "10.1000/a", "10.1000/b", "10.48550/arXiv.1706.03762"]),
    arxiv_id=st.sampled_from([None, "1706.03762", "2401.00001"]),
    pmid=st.sampled_from([None, "1", "2"]),
    abstract=st.sampled_from(["", "Short.", "Long words of the authors. " * 9]),
    citations=st.sampled_from([None, 0, 7]),
    kind=st.sampled_from(["article", "article-journal"]),
)


@given(st.lists(PAPERS, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_sources_and_hits_does_not_matter(papers: list[Paper], random: st.DataObject) -> None:
    shuffled = random.sample(papers, len(papers))  # type: ignore[attr-defined]  # a random.Random
    assert merged(*shuffled) == merged(*papers)


@given(st.lists(PAPERS, max_size=12))
def test_every_id_survives_once_and_merging_again_changes_nothing(papers: list[Paper]) -> None:
    result = merged(*papers)
    for kind in ("doi", "arxiv_id", "pmid"):
        kept = [one[kind] for one in result if one[kind]]
        assert len(kept) == len(set(kept))
    assert len({one["id"] for one in result}) == len(result)
    assert merge_hits({"any": result}) == result
