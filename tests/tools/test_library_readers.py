"""Files that users add: BibTeX, JSON and Markdown, good and bad."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadloom.state.papers import MORE_AUTHORS, Paper
from threadloom.tools.library.catalogue import AddReport, Library
from threadloom.tools.library.readers import READERS


def added(tmp_path: Path, name: str, content: str) -> tuple[list[Paper], AddReport]:
    """The user's papers after adding one file to an empty library, and the report on it."""
    (tmp_path / name).write_text(content, encoding="utf-8")
    library = Library(tmp_path / "home")
    bundled = len(library.entries())
    report = library.add(tmp_path / name)
    return library.entries()[bundled:], report


BIBTEX = r"""
@string{nat = "Nature"}
@comment{jabref-meta: nothing}
@article{one, title = {The {DNA} of {\"U}bung \& 50% of #1}, author = {M{\"u}ller, J{\"o}rg and {World Health
  Organization} and de la Cruz, Ana and others}, year = 2020, journal = nat, number = 3, pages = {1--9},
  doi = {10.1000/A_b}, pmid = {123},
  url = {https://example.org/~me}, keywords = {birds; sleep}, abstract = {It cost $5. 100% true.}}
@inproceedings{two, title = "Second", booktitle = {Proc. X}, author = "Ada Ng", date = {2019-05-01}}
@article{one, title = {Same key, other paper}, eprint = {2401.99999v5}, archivePrefix = {arXiv}}
"""


def test_bibtex_is_read_with_its_latex_names_and_strings(tmp_path: Path) -> None:
    papers, report = added(tmp_path, "refs.bib", BIBTEX)
    assert report.skipped == []
    one, two, three = papers
    assert one["title"] == "The DNA of Übung & 50% of #1"
    assert one["authors"] == [
        {"family": "Müller", "given": "Jörg"},
        {"family": "World Health Organization", "given": ""},
        {"family": "de la Cruz", "given": "Ana"},
        MORE_AUTHORS,
    ]
    assert (one["id"], one["pmid"], one["year"], one["kind"]) == ("doi:10.1000/a_b", "123", 2020, "article-journal")
    assert (one["venue"], one["issue"], one["pages"]) == ("Nature", "3", "1–9")
    assert (one["abstract"], one["keywords"]) == ("It cost $5. 100% true.", ["birds", "sleep"])
    assert (two["venue"], two["year"], two["kind"]) == ("Proc. X", 2019, "paper-conference")
    assert (three["id"], three["title"]) == ("arxiv:2401.99999", "Same key, other paper")


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("@article{x, title = {Never closed, year = {20", "line 2: "),
        ("@article{x, year = 1999}", "line 2, x: title: "),
        ("@article{x, title = {A}, title = {B}}", "line 2: Duplicate field"),
        ("@article{x, title = {A}, author = {A, B, C, D, E}}", "line 2: .*Too many commas"),
        ("@article{x, title = {A}, year = {nineteen}}", "line 2, x: year: "),
    ],
)
def test_a_bad_bibtex_entry_is_named_and_the_good_ones_go_in(tmp_path: Path, bad: str, why: str) -> None:
    papers, report = added(tmp_path, "refs.bib", f"@book{{a, title={{First}}}}\n{bad}\n@book{{b, title={{Last}}}}\n")
    assert [paper["title"] for paper in papers] == ["First", "Last"]
    (line,) = report.skipped
    assert "\n" not in line
    assert re.match(f"refs.bib, {why}", line), line


CSL = """[{"id": "x", "type": "paper-conference", "title": "Attention", "container-title": "NeurIPS", "page": "1-9",
  "author": [{"family": "Berg", "given": "Ada", "non-dropping-particle": "van den"}, {"literal": "The Team"}],
  "issued": {"date-parts": [[2017, 6]]}, "DOI": "10.1000/X", "keyword": "a, b", "abstract": "<p>We attend.</p>"}]"""


def test_csl_json(tmp_path: Path) -> None:
    (paper,), _ = added(tmp_path, "zotero.json", CSL)
    assert paper["authors"] == [{"family": "van den Berg", "given": "Ada"}, {"family": "The Team", "given": ""}]
    assert (paper["id"], paper["year"], paper["venue"], paper["pages"]) == ("doi:10.1000/x", 2017, "NeurIPS", "1-9")
    assert (paper["kind"], paper["keywords"], paper["abstract"]) == ("paper-conference", ["a", "b"], "We attend.")


def test_bad_json_entries_are_named(tmp_path: Path) -> None:
    papers, report = added(
        tmp_path, "a.json", '[1, {"title": ""}, {"title": "Good", "year": null}, {"title": "B", "authors": 3}]'
    )
    assert [paper["title"] for paper in papers] == ["Good"]
    assert [line.split(":")[0] for line in report.skipped] == ["a.json, entry 1", "a.json, entry 2", "a.json, entry 4"]


NOTE = """---
title: "Sleep: a review"
authors: [Ada Ng, "Berg, Bo van den"]
year: 2020
doi: 10.1000/Y
tags:
---
# Sleep: a review

Finches sleep.

## Why

To sing.
"""


def test_markdown_with_front_matter(tmp_path: Path) -> None:
    (paper,), _ = added(tmp_path, "note.md", NOTE)
    assert paper["authors"] == [{"family": "Ng", "given": "Ada"}, {"family": "Berg", "given": "Bo van den"}]
    assert (paper["id"], paper["year"], paper["title"]) == ("doi:10.1000/y", 2020, "Sleep: a review")
    assert paper["abstract"] == "Finches sleep. Why. To sing."


def test_a_plain_note_is_titled_by_its_first_heading(tmp_path: Path) -> None:
    (paper,), _ = added(tmp_path, "note.md", "# My finches\n\nThey sing.\n")
    assert (paper["title"], paper["abstract"], paper["authors"]) == ("My finches", "They sing.", [])


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.json", "[{]", "not JSON: .* line 1, column 3"),
        ("a.md", "---\ntitle: [\n---\nx", "front matter is not YAML"),
        ("a.md", "---\n- x\n---\nx", "front matter is not"),
        ("a.txt", "x", "not one of .bib, .json, .md"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path, name: str, content: str, why: str) -> None:
    (problem,) = added(tmp_path, name, content)[1].skipped
    assert re.search(why, problem)
    assert "\n" not in problem


def test_a_note_without_any_title_is_skipped(tmp_path: Path) -> None:
    assert added(tmp_path, "note.md", "just text")[1].skipped[0].startswith("note.md, note: title: ")


def test_missing_and_binary_files(tmp_path: Path) -> None:
    (tmp_path / "b.bib").write_bytes(b"@article{x, title={caf\xe9}}")
    (tmp_path / "good.md").write_text("# A good note\n\nIt says something.", encoding="utf-8")
    report = Library(tmp_path).add(*(tmp_path / name for name in ("gone.bib", "b.bib", "good.md")))
    assert report.added == ["A good note"]
    assert ["No such file" in report.skipped[0], "not UTF-8" in report.skipped[1]] == [True, True]


@given(st.sampled_from(sorted(READERS)), st.text())
def test_no_content_breaks_a_reader(suffix: str, text: str) -> None:
    """A reader yields entries or says in a ValueError what is wrong; nothing else comes out of it."""
    try:
        for where, _ in READERS[suffix](text):
            assert where
    except ValueError:
        pass
