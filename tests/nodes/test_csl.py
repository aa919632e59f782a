"""References read as the styles' published rules say, and nothing a paper holds can change that."""

import re
from typing import get_args

import citeproc  # type: ignore[import-untyped]  # citeproc-py has no annotations
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from markdown_it import MarkdownIt

from tests.papers import paper
from threadloom.nodes.csl import _STYLES, format_references, paper_url
from threadloom.state.papers import Author, Paper
from threadloom.state.research import Style

STYLES = get_args(Style)


def authors(*names: str) -> list[Author]:
    return [Author(family=family, given=given) for family, _, given in (name.partition(", ") for name in names)]


JOURNAL = paper(
    title="Deep learning",
    authors=authors("LeCun, Yann", "Bengio, Yoshua", "Hinton, Geoffrey"),
    year=2015,
    venue="Nature",
    volume="521",
    issue="7553",
    pages="436-444",
    doi="10.1038/nature14539",
)
CONFERENCE = paper(
    kind="paper-conference",
    title="Attention Is All You Need",
    authors=authors(
        "Vaswani, Ashish",
        "Shazeer, Noam",
        "Parmar, Niki",
        "Uszkoreit, Jakob",
        "Jones, Llion",
        "Gomez, Aidan N.",
        "Kaiser, Łukasz",
        "Polosukhin, Illia",
    ),
    year=2017,
    venue="Advances in Neural Information Processing Systems",
    volume="30",
    pages="5998--6008",
    doi=None,
    arxiv_id="1706.03762",
)
PREPRINT = paper(
    kind="article",
    title="Attention Is All You Need",
    authors=authors("Le, B"),
    year=2017,
    venue="",
    doi=None,
    arxiv_id="1706.03762",
)
BOOK = paper(
    kind="book",
    title="Silent Spring",
    authors=authors("Carson, Rachel"),
    year=1962,
    venue="Houghton Mifflin",
    doi=None,
)
CHAPTER = paper(
    kind="chapter",
    title="What is it like to be a bat?",
    authors=authors("Nagel, Thomas", "Kim, Hyun-ju"),
    year=1979,
    venue="Mortal Questions",
    pages="165–180",
    doi=None,
)
REPORT = paper(
    kind="report",
    title="Global tuberculosis report",
    authors=authors("World Health Organization"),
    year=None,
    venue="World Health Organization",
    doi=None,
    url="https://www.who.int/tb",
)
THESIS = paper(kind="thesis", title="On Bats", authors=authors("van der Berg, AN"), year=2001, venue="Delft", doi=None)

DOI = "<https://doi.org/10.1038/nature14539>"
ARXIV = "<https://arxiv.org/abs/1706.03762>"
NIPS = "*Advances in Neural Information Processing Systems*"
EXAMPLES: dict[str, list[tuple[Paper, str]]] = {
    "apa": [
        (JOURNAL, f"LeCun, Y., Bengio, Y., & Hinton, G. (2015). Deep learning. *Nature*, *521*(7553), 436–444. {DOI}"),
        (
            CONFERENCE,
            "Vaswani, A., Shazeer, N., Parmar, N., Uszkoreit, J., Jones, L., Gomez, A. N., Kaiser, Ł., & Polosukhin, "
            f"I. (2017). Attention Is All You Need. In {NIPS} (Vol. 30, pp. 5998–6008). {ARXIV}",
        ),
        (PREPRINT, f"Le, B. (2017). *Attention Is All You Need* (arXiv:1706.03762). arXiv. {ARXIV}"),
        (BOOK, "Carson, R. (1962). *Silent Spring*. Houghton Mifflin."),
        (
            CHAPTER,
            "Nagel, T., & Kim, H.-J. (1979). What is it like to be a bat? In *Mortal Questions* (pp. 165–180).",
        ),
        (REPORT, "World Health Organization. (n.d.). *Global tuberculosis report*. <https://www.who.int/tb>"),
        (THESIS, "van der Berg, A. N. (2001). *On Bats* \\[Thesis, Delft\\]."),
    ],
    "ieee": [
        (
            JOURNAL,
            "Y. LeCun, Y. Bengio, and G. Hinton, “Deep learning,” *Nature*, vol. 521, no. 7553, pp. 436–444, 2015, "
            f"doi: [10.1038/nature14539]({DOI}).",
        ),
        (
            CONFERENCE,
            f"A. Vaswani *et al.*, “Attention Is All You Need,” in {NIPS}, vol. 30, 2017, pp. 5998–6008. "
            f"\\[Online\\]. Available: {ARXIV}",
        ),
        (
            PREPRINT,
            f"B. Le, “Attention Is All You Need,” 2017, *arXiv:1706.03762*. \\[Online\\]. Available: {ARXIV}",
        ),
        (BOOK, "R. Carson, *Silent Spring*. Houghton Mifflin, 1962."),
        (
            CHAPTER,
            "T. Nagel and H.-J. Kim, “What is it like to be a bat?” in *Mortal Questions*, 1979, pp. 165–180.",
        ),
        (
            REPORT,
            "World Health Organization, “Global tuberculosis report.” \\[Online\\]. Available: <https://www.who.int/tb>",
        ),
        (THESIS, "A. N. van der Berg, “On Bats,” thesis, Delft, 2001."),
    ],
    "nature": [
        (JOURNAL, f"LeCun, Y., Bengio, Y. & Hinton, G. Deep learning. *Nature* **521**, 436–444 (2015). {DOI}"),
        (
            CONFERENCE,
            f"Vaswani, A. *et al.* Attention Is All You Need. In {NIPS} vol. 30, 5998–6008 (2017). {ARXIV}",
        ),
        (PREPRINT, f"Le, B. Attention Is All You Need. Preprint at {ARXIV} (2017)."),
        (BOOK, "Carson, R. *Silent Spring* (Houghton Mifflin, 1962)."),
        (CHAPTER, "Nagel, T. & Kim, H.-J. What is it like to be a bat? In *Mortal Questions*, 165–180 (1979)."),
        (REPORT, "World Health Organization. *Global tuberculosis report*. <https://www.who.int/tb>"),
        (THESIS, "van der Berg, A. N. On Bats. Thesis, Delft (2001)."),
    ],
    "chicago": [
        (
            JOURNAL,
            "LeCun, Yann, Yoshua Bengio, and Geoffrey Hinton. “Deep learning.” *Nature* 521, no. 7553 (2015): 436–44. "
            f"{DOI}.",
        ),
        (
            CONFERENCE,
            "Vaswani, Ashish, Noam Shazeer, Niki Parmar, et al. “Attention Is All You Need.” "
            f"In {NIPS}, 30:5998–6008. 2017. {ARXIV}.",
        ),
        (PREPRINT, f"Le, B. “Attention Is All You Need.” Preprint, arXiv, 2017. {ARXIV}."),
        (BOOK, "Carson, Rachel. *Silent Spring*. Houghton Mifflin, 1962."),
        (
            CHAPTER,
            "Nagel, Thomas, and Hyun-ju Kim. “What is it like to be a bat?” In *Mortal Questions*, 165–80. 1979.",
        ),
        (REPORT, "World Health Organization. *Global tuberculosis report*. n.d. <https://www.who.int/tb>."),
        (THESIS, "van der Berg, A. N. “On Bats.” Thesis, Delft, 2001."),
    ],
    "mla": [
        (JOURNAL, f"LeCun, Yann, et al. “Deep learning.” *Nature*, vol. 521, no. 7553, 2015, pp. 436–444, {DOI}."),
        (
            CONFERENCE,
            f"Vaswani, Ashish, et al. “Attention Is All You Need.” {NIPS}, vol. 30, 2017, pp. 5998–6008, {ARXIV}.",
        ),
        (PREPRINT, f"Le, B. “Attention Is All You Need.” *arXiv*, 2017, {ARXIV}. Preprint."),
        (BOOK, "Carson, Rachel. *Silent Spring*. Houghton Mifflin, 1962."),
        (
            CHAPTER,
            "Nagel, Thomas, and Hyun-ju Kim. “What is it like to be a bat?” *Mortal Questions*, 1979, pp. 165–180.",
        ),
        (REPORT, "World Health Organization. *Global tuberculosis report*. <https://www.who.int/tb>."),
        (THESIS, "van der Berg, A. N. *On Bats*. 2001. Delft, thesis."),
    ],
    "harvard": [
        (
            JOURNAL,
            "LeCun, Y., Bengio, Y. and Hinton, G. (2015) ‘Deep learning’, *Nature*, 521(7553), pp. 436–444. "
            f"Available at: {DOI}.",
        ),
        (
            CONFERENCE,
            f"Vaswani, A. *et al.* (2017) ‘Attention Is All You Need’, in {NIPS}, vol. 30, pp. 5998–6008. "
            f"Available at: {ARXIV}.",
        ),
        (PREPRINT, f"Le, B. (2017) ‘Attention Is All You Need’. *arXiv*. Available at: {ARXIV}."),
        (BOOK, "Carson, R. (1962) *Silent Spring*. Houghton Mifflin."),
        (
            CHAPTER,
            "Nagel, T. and Kim, H.-J. (1979) ‘What is it like to be a bat?’, in *Mortal Questions*, pp. 165–180.",
        ),
        (
            REPORT,
            "World Health Organization (no date) *Global tuberculosis report*. Available at: <https://www.who.int/tb>.",
        ),
        (THESIS, "van der Berg, A.N. (2001) *On Bats*. Thesis. Delft."),
    ],
}


@pytest.mark.parametrize("style", STYLES)
def test_follows_the_published_rules_for_every_kind(style: Style) -> None:
    papers, expected = zip(*EXAMPLES[style], strict=True)
    assert format_references(papers, style) == list(expected)


@pytest.mark.parametrize("style", STYLES)
def test_style_files_are_valid_csl(style: Style) -> None:
    schema = etree.RelaxNG(etree.parse(citeproc.SCHEMA_PATH))
    assert schema.validate(etree.parse(_STYLES / f"{style}.csl")), schema.error_log


@pytest.mark.parametrize(
    ("style", "most", "beyond"),
    [
        ("apa", 20, "N18, G., … N20, G. "),
        ("ieee", 6, "G. N0 *et al.*, "),
        ("nature", 5, "N0, G. *et al.* "),
        ("chicago", 6, "N0, G., G. N1, G. N2, et al. "),
        ("mla", 2, "N0, G., et al. "),
        ("harvard", 3, "N0, G. *et al.* "),
    ],
)
def test_long_author_lists_are_cut_where_the_style_says(style: Style, most: int, beyond: str) -> None:
    names = [f"N{n}, G" for n in range(most + 1)]
    [all_named], [cut] = (format_references([paper(authors=authors(*names[:n]))], style) for n in (most, most + 1))
    assert f"N{most - 1}" in all_named
    assert "et al" not in all_named
    assert "…" not in all_named
    assert beyond in cut


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("known", [1, 2, 5, 25])
def test_author_lists_that_the_source_cut_end_in_et_al(style: Style, known: int) -> None:
    names = [f"N{n}, G" for n in range(known)]
    [text] = format_references([paper(authors=authors(*names, "et al."))], style)
    before, after = re.split(r" \*?et al\.\*?", text)
    assert before.startswith(("N0, G.", "G. N0"))
    assert "&" not in before
    assert " and " not in before
    assert "A Study of Tea" in after


@pytest.mark.parametrize(
    ("given", "short"),
    [("Jean-Pierre", "J.-P."), ("AN", "A. N."), ("A.N.", "A. N."), ("Ludwig van", "L. van"), ("Łukasz é", "Ł. é")],
)
def test_given_names_become_initials(given: str, short: str) -> None:
    [text] = format_references([paper(authors=authors(f"Family, {given}"))], "apa")
    assert text.startswith(f"Family, {short}")


def test_names_without_capitals_stay_whole() -> None:
    for style in STYLES:
        [text] = format_references([paper(authors=authors("王, 伟"))], style)
        assert text.startswith("王 伟")


def test_quotes_in_a_quoted_title_become_single() -> None:
    [text] = format_references([paper(title='"Why trust you?": a study', authors=[])], "ieee")
    assert text.startswith("“‘Why trust you?’: a study,”")


def test_titles_keep_their_capitals() -> None:
    title = "mRNA and pH: zur Elektrodynamik bewegter Körper in E. coli"
    assert all(title in format_references([paper(title=title)], style)[0] for style in STYLES)


def test_link_prefers_the_most_durable_address() -> None:
    known = paper(doi="10.1/<x>", arxiv_id="1706.1", pmid="7", url="https://example.org/a")
    assert paper_url(known) == "https://doi.org/10.1/%3Cx%3E"
    assert paper_url({**known, "doi": None}) == "https://arxiv.org/abs/1706.1"
    assert paper_url({**known, "doi": None, "arxiv_id": None}) == "https://pubmed.ncbi.nlm.nih.gov/7/"
    assert paper_url({**known, "doi": None, "arxiv_id": None, "pmid": None}) == "https://example.org/a"
    for url in ("javascript:alert(1)", "data:text/html,x", "https://a b", "ftp://x", ""):
        assert paper_url(paper("x:1", url=url)) == ""


HOSTILE = st.text(max_size=30) | st.sampled_from(
    [
        "![x](http://evil.example/p.png)",
        "<script>alert(1)</script>",
        "</p><img src=x onerror=alert(1)>",
        "[a]: http://evil.example",
        "# h\n\n---\n| a |\n|---|",
        "*a* _b_ **c** `d` ~~e~~ \\",
        "1. a",
        "- a",
        "\ue000x\ue001\ue004http://evil.example\ue005",
        '<span class="nocase">İ',
        "\ud800",
        "a.. b?. c,, …",
        "“a” ” “",
        "&lt;b&gt; &#60;",
    ]
)
PAPERS = st.builds(
    lambda **fields: paper("x:1", **fields),
    title=HOSTILE,
    authors=st.lists(st.builds(Author, family=HOSTILE, given=HOSTILE), max_size=4),
    year=st.none() | st.integers(-3000, 3000),
    venue=HOSTILE,
    kind=st.sampled_from(
        ["article-journal", "paper-conference", "article", "book", "chapter", "report", "thesis", "dataset", ""]
    ),
    volume=HOSTILE,
    issue=HOSTILE,
    pages=HOSTILE,
    doi=st.none() | HOSTILE,
    arxiv_id=st.none() | HOSTILE,
    pmid=st.none() | HOSTILE,
    url=HOSTILE,
)


@settings(max_examples=60, deadline=None)
@given(papers=st.lists(PAPERS, min_size=1, max_size=2), style=st.sampled_from(STYLES))
def test_nothing_in_a_paper_can_add_markup(papers: list[Paper], style: Style) -> None:
    entries = format_references(papers, style)
    assert len(entries) == len(papers)
    for made, entry in zip(papers, entries, strict=True):
        blocks = MarkdownIt("js-default").parse(f"1. {entry}")
        assert [token.type for token in blocks if token.nesting >= 0] == [
            "ordered_list_open",
            "list_item_open",
            "paragraph_open",
            "inline",
        ]
        inline = next(token for token in blocks if token.type == "inline").children or []
        assert {token.type for token in inline} <= {
            "text",
            *("em_open", "em_close", "strong_open", "strong_close", "link_open", "link_close"),
        }
        assert sum(token.type == "link_open" for token in inline) <= 1
        assert not any(0xE000 <= ord(char) <= 0xF8FF for char in entry)
        links = [str(token.attrs["href"]) for token in inline if token.type == "link_open"]
        assert all(link.startswith(("https://doi.org/", "https://arxiv.org/", "http")) for link in links)
        assert bool(links) <= bool(paper_url(made))


@settings(max_examples=40, deadline=None)
@given(
    title=st.from_regex(r"[A-Z][a-z]{1,6}( [a-z]{2,6}){0,3}[.?!]?", fullmatch=True),
    empty=st.sets(st.sampled_from(["volume", "issue", "pages", "venue", "year", "authors", "doi"])),
    kind=st.sampled_from(["article-journal", "paper-conference", "article", "book", "chapter", "report", "thesis"]),
    style=st.sampled_from(STYLES),
)
def test_missing_fields_leave_no_stray_punctuation(title: str, empty: set[str], kind: str, style: Style) -> None:
    full = paper(title=title, kind=kind, venue="Venue", volume="3", issue="4", pages="5-12", doi="10.1/x")
    gone: dict[str, object] = {"year": None, "authors": [], "doi": None}
    [text] = format_references([{**full, **{name: gone.get(name, "") for name in empty}}], style)  # type: ignore[typeddict-item]  # keys of Paper
    plain = re.sub(r"[*\\]", "", re.sub(r"<[^>]*>", "URL", text))
    assert not re.search(r"\.\.|,,|[?!][.,]|[.,;:] [.,;:]|\(\)| [.,;:)]|\( |  |[,:]$|,”?\.", plain), plain
    assert title.rstrip(".") in plain
