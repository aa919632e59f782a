"""The embedded full-text index."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadloom.tools.fulltext import Document, FullTextIndex, FullTextUnavailableError

VACCINES = Document("Efficacy of a vaccine", "mRNA, covid-19", "Two doses protected most people.")
WAGES = Document(
    "Minimum wages and employment", "labour market", "A vaccine is not mentioned here, but twice: vaccine."
)
INDEX = FullTextIndex([WAGES, VACCINES])


def test_a_word_in_the_title_outweighs_the_body_and_stems_match() -> None:
    assert INDEX.search(["vaccination"], 5) == [1, 0]
    assert INDEX.search(["vaccination"], 1) == [1]


def test_near_synonyms_match() -> None:
    assert INDEX.search(["jab"], 5) == [1, 0]
    assert INDEX.search(["salary"], 5) == [0]


def test_keywords_outweigh_the_body() -> None:
    index = FullTextIndex([Document("a", "", "sleep and memory"), Document("b", "sleep", "of rats and memory")])
    assert index.search(["sleep"], 2) == [1, 0]


def test_a_phrase_matches_only_in_order() -> None:
    assert INDEX.search(["minimum wage"], 5) == [0]
    assert INDEX.search(["wage minimum"], 5) == []


def test_no_terms_find_nothing() -> None:
    assert INDEX.search([], 5) == []
    assert INDEX.search(["", "?!", "\0"], 5) == []


def test_more_terms_than_sqlite_takes_in_one_expression() -> None:
    assert INDEX.search(["wages", *(f"word{number}" for number in range(5_000))], 5) == [0]


@given(st.lists(st.text(st.characters(exclude_categories=[]))), st.text(st.characters(exclude_categories=[])))
def test_no_text_is_a_syntax_error(terms: list[str], text: str) -> None:
    FullTextIndex([Document(text, text, text)]).search([*terms, 'NEAR("a" b', "title: x*", '" OR "'], 3)


def test_threads_share_an_index() -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: INDEX.search(["vaccine", "wages"], 5), range(200)))
    assert answers == [INDEX.search(["vaccine", "wages"], 5)] * 200


def test_sqlite_without_full_text_search_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Bare(sqlite3.Connection):
        """SQLite as it is without FTS5: no build of it can be had here, so its one refusal is repeated."""

        def execute(self, *args: object) -> sqlite3.Cursor:
            raise sqlite3.OperationalError("no such module: fts5")

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: connect(*a, factory=Bare, **k))
    with pytest.raises(FullTextUnavailableError, match="FTS5"):
        FullTextIndex([])
