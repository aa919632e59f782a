"""Identifiers, text and names in one spelling."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadloom.tools.papers import record
from threadloom.tools.text import LONGEST, text

ANYTHING = st.text(st.characters()) | st.text("<>/&;ab1 =\"'[].:\ud800\x00\u00ad\u0301")


@given(ANYTHING)
def test_text_is_clean_and_stays(drawn: str) -> None:
    clean = text(drawn)
    assert text(clean) == clean
    assert clean == clean.strip()
    clean.encode()
    assert not re.search(r"[\x00-\x1f\u00ad\u200b]|  ", clean)


@given(ANYTHING)
def test_nothing_breaks_a_reader(drawn: str) -> None:
    for read in (record.plain, record.title_text, record.author_of, record.year_of, record.count_of):
        read(drawn)
    for identify in (record.doi_of, record.arxiv_id_of, record.pmid_of):
        found = identify(drawn)
        assert found is None or identify(found) == found


@given(st.from_regex(r"10\.\d{4,9}/[a-z0-9()._-]{1,20}[a-z0-9)]", fullmatch=True))
def test_doi_in_every_spelling(doi: str) -> None:
    for spelling in (doi, doi.upper(), f"https://doi.org/{doi}", f"http://dx.doi.org/{doi}", f"doi:{doi}", f" {doi}. "):
        assert record.doi_of(spelling) == doi


@pytest.mark.parametrize("identifier", ["1706.03762", "0704.0001", "hep-th/9711200", "math.GT/0309136"])
def test_arxiv_id_in_every_spelling(identifier: str) -> None:
    for spelling in (
        "{}", "{}v7", "arXiv:{}", "http://arxiv.org/abs/{}v1", "https://arxiv.org/pdf/{}v2.pdf",
        "https://export.arxiv.org/abs/{}", "10.48550/arXiv.{}", "https://doi.org/10.48550/arxiv.{}",
    ):  # fmt: skip
        assert record.arxiv_id_of(spelling.format(identifier)) == identifier
    assert record.arxiv_id_of(f"10.1000/{identifier}") is None


@pytest.mark.parametrize(
    ("value", "pmid"),
    [("123", "123"), (123, "123"), ("https://pubmed.ncbi.nlm.nih.gov/123/", "123"), ("PMID: 0123", "123"),
     ("PMC123", None), ("0", None), (None, None), (True, None)],
)  # fmt: skip
def test_pmid(value: object, pmid: str | None) -> None:
    assert record.pmid_of(value) == pmid


@pytest.mark.parametrize(
    ("markup", "plain"),
    [
        ("<jats:title>Abstract</jats:title><jats:p>We find\n x.</jats:p>", "We find x."),
        ("<jats:sec><jats:title>Methods:</jats:title><jats:p>Tea.</jats:p></jats:sec>", "Methods: Tea."),
        ("<h4>Background</h4>Tea.<h4>Results</h4>Good.", "Background: Tea. Results: Good."),
        ("H<sub>2</sub>O and 10<sup>-3</sup> of <i>E. coli</i>.", "H2O and 10-3 of E. coli."),
        ("p < 0.05, n > 30 and a<b", "p < 0.05, n > 30 and a<b"),
        ("p &lt; 0.05 &amp; <bold>q</bold>", "p < 0.05 & q"),
        ("&lt;p&gt;Escaped &lt;i&gt;markup&lt;/i&gt;&lt;/p&gt;", "Escaped markup"),
        ("Caf&eacute; – “tea”\u00a0x", "Café – “tea” x"),
        ("<p>One.</p><p>Two.</p>", "One. Two."),
        (r"E<jats:tex-math>\begin{x}</jats:tex-math><mml:math><mml:mi>m</mml:mi><mml:mn>2</mml:mn></mml:math>", "Em2"),
        ("AbstractTea is a drink.", "Tea is a drink."),
        ("Abstract interpretation is sound.", "Abstract interpretation is sound."),
        ("Summary statistics help.", "Summary statistics help."),
        ('<a href="javascript:alert(1)">x</a><!-- y --><script>', "x"),
        (None, ""),
        (["x"], ""),
    ],
)
def test_plain(markup: object, plain: str) -> None:
    assert record.plain(markup) == plain


@pytest.mark.parametrize(
    ("name", "family", "given_name"),
    [
        ("Ada Lovelace", "Lovelace", "Ada"),
        ("Lovelace, Ada", "Lovelace", "Ada"),
        ("Ludwig van Beethoven", "van Beethoven", "Ludwig"),
        ("María de la Cruz", "de la Cruz", "María"),
        ("Martin Luther King Jr.", "King", "Martin Luther Jr."),
        ("van Gogh", "Gogh", "van"),
        ("Plato", "Plato", ""),
        ("ATLAS Collaboration", "ATLAS Collaboration", ""),
        ("World Health Organization", "World Health Organization", ""),
        ("王小明", "王小明", ""),
    ],
)
def test_author(name: str, family: str, given_name: str) -> None:
    assert record.author_of(name) == {"family": family, "given": given_name}


def test_nobody() -> None:
    assert record.author_of("") is record.author_of(None) is record.person(None, "", {}) is None


def test_unsafe_address_is_left_out() -> None:
    def url(given_url: str) -> str:
        return record.paper("openalex", "W1", "Tea", authors=(), year=2020, abstract="", url=given_url)["url"]

    assert url("https://openalex.org/W1") == "https://openalex.org/W1"
    assert url("javascript:alert(1)") == url("https://x y") == ""


def test_best_identifier_is_the_id() -> None:
    def made(**ids: str) -> str:
        return record.paper("pubmed", "9", "Tea", authors=(), year=None, abstract="", **ids)["id"]

    assert made(doi="10.5555/A", arxiv_id="1706.03762v2", pmid="9") == "doi:10.5555/a"
    assert made(arxiv_id="1706.03762v2", pmid="9") == "arxiv:1706.03762"
    assert made(pmid="9") == "pmid:9"
    assert made() == "pubmed:9"


@pytest.mark.parametrize(
    ("markup", "plain"),
    [
        ("Tea <!-- never <!-- closed", "Tea"),
        ("Tea <tex-math>x<tex-math>y", "Tea"),
        ("<h1>" + "w" * 201 + "</h1>", "w" * 201),
        ("<h1><i>Aims</i></h1>Tea.", "Aims: Tea."),
        ("x" * 60_000, "x" * LONGEST),
    ],
)
def test_markup_without_an_end_is_read_in_one_pass(markup: str, plain: str) -> None:
    """A search for an end that does not come, from every beginning again, would take seconds."""
    assert record.plain(markup) == plain
