"""BibTeX that parsers read back as what went in."""

import re
from typing import Any

import pytest
from bibtexparser.entrypoint import parse_string
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.papers import paper
from threadloom.nodes.bibtex import bibtex
from threadloom.nodes.markdown import one_line
from threadloom.state.papers import Author, Paper

COMMANDS = {"textbackslash": "\\", "textbraceleft": "{", "textbraceright": "}", "textasciitilde": "~"}
COMMANDS |= {"textasciicircum": "^"}


def parsed(papers: list[Paper]) -> list[Any]:
    library = parse_string(bibtex(papers))
    assert not library.failed_blocks
    assert len(library.entries) == len(papers)
    return library.entries


def typeset(value: str) -> str:
    """What TeX would print; nothing special may stand bare."""
    assert not re.search(r"(?<!\\)[&%_#$~^]", value)
    value = re.sub(r"\{\\(text\w+)\}", lambda m: f"\0{list(COMMANDS).index(m[1])}", value)
    value = re.sub(r"\\([&%_#$])", r"\1", re.sub("[{}]", "", value))
    return re.sub("\0(.)", lambda m: list(COMMANDS.values())[int(m[1])], value)


TEXT = st.text(alphabet=st.sampled_from("\\{}&%_#$~^@,=\"'AbC é–-\n")) | st.text()


@settings(deadline=None)
@given(title=TEXT, venue=TEXT, volume=TEXT)
def test_text_survives_a_round_trip(title: str, venue: str, volume: str) -> None:
    [entry] = parsed([paper(title=title, venue=venue, volume=volume)])
    for name, text in (("title", title), ("journal", venue), ("volume", volume)):
        found = entry.get(name)
        assert (typeset(found.value) if found else "") == one_line(text)


@settings(deadline=None)
@given(names=st.lists(st.tuples(TEXT | st.sampled_from(["and", "A and B", "Jr, X"]), TEXT), max_size=4))
def test_as_many_authors_come_out_as_went_in(names: list[tuple[str, str]]) -> None:
    authors = [Author(family=family, given=given) for family, given in names]
    [entry] = parsed([paper(authors=authors)])
    found = entry.get("author")
    depth, flat = 0, ""
    for char in found.value if found else "":
        depth += (char == "{") - (char == "}")
        flat += char if depth == 0 or char in "{}" else "x"
    written = [part for part in flat.split(" and ") if part]
    assert len(written) == sum(bool(one_line(a["family"]) or one_line(a["given"])) for a in authors)
    assert all(part.count(",") <= 1 for part in written)


@settings(deadline=None)
@given(doi=TEXT, arxiv_id=TEXT)
def test_identifiers_are_verbatim_and_closed(doi: str, arxiv_id: str) -> None:
    [entry] = parsed([paper(doi=doi, arxiv_id=arxiv_id)])
    assert (entry["doi"] if entry.get("doi") else "") == re.sub(
        r"[ {}\\]", lambda m: f"%{ord(m[0]):02X}", one_line(doi)
    )


def test_keys_are_readable_and_unique() -> None:
    vaswani = paper(
        title="Attention Is All You Need", authors=[Author(family="Vaswani", given="Ashish")], year=2017, doi="10.1/a_b"
    )
    odd = paper(title="¿Über den Ølberg?", authors=[Author(family="Łęcki-Ørsted", given="")], year=None)
    none = paper(title="王", authors=[], year=None)
    assert [entry.key for entry in parsed([vaswani, odd, vaswani, none, none, vaswani])] == [
        "vaswani2017attention",
        "leckiorsteduber",
        "vaswani2017attention-2",
        "anon",
        "anon-2",
        "vaswani2017attention-3",
    ]


@pytest.mark.parametrize(
    ("kind", "entry_type", "venue_field"),
    [
        ("article-journal", "article", "journal"),
        ("paper-conference", "inproceedings", "booktitle"),
        ("article", "misc", "howpublished"),
        ("book", "book", "publisher"),
        ("chapter", "incollection", "booktitle"),
        ("report", "techreport", "institution"),
        ("thesis", "thesis", "institution"),
        ("dataset", "article", "journal"),
    ],
)
def test_the_kind_decides_type_and_venue(kind: str, entry_type: str, venue_field: str) -> None:
    [entry] = parsed([paper(kind=kind, venue="V")])
    assert (entry.entry_type, entry[venue_field]) == (entry_type, "V")


def test_organisations_and_acronyms_are_protected() -> None:
    who = Author(family="World Health Organization", given="")
    [entry] = parsed([paper(title="BERT and mRNA in Context", authors=[who], pages="1-9", doi="10.1/a_b")])
    assert entry["author"] == "{World Health Organization}"
    assert entry["title"] == "{BERT} and {mRNA} in Context"
    assert entry["pages"] == "1--9"
    assert entry["doi"] == "10.1/a_b"


def test_author_lists_that_the_source_cut_end_in_others() -> None:
    [entry] = parsed([paper(authors=[Author(family="Jumper", given="John"), Author(family="et al.", given="")])])
    assert entry["author"] == "Jumper, John and others"


def test_nothing_cited_gives_nothing() -> None:
    assert bibtex([]) == ""
