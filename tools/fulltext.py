"""Full-text search in memory: BM25 over SQLite's FTS5, with weighted columns.

Used for the bundled library and for ranking what the sources returned. Texts are stemmed here (Porter 2) rather than by
FTS5's porter tokenizer, so that search and ranking have one notion of a word: British is American spelling, "Covid19"
is "Covid-19", grammar is not searched for.
"""

import re
import sqlite3
import threading
import weakref
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from threadloom.models.extractive.text import FILLER_STEMS, NEAR_SYNONYMS, terms, words

TITLE_WEIGHT, KEYWORDS_WEIGHT, BODY_WEIGHT = 4.0, 3.0, 1.0
MAX_TERMS = 200
"""FTS5 refuses expressions that are too deep; nobody's question has this many terms that matter."""


class FullTextUnavailableError(RuntimeError):
    """This Python's SQLite was built without full-text search (FTS5): install one that has it, as python.org's has."""


class Document(NamedTuple):
    """What is indexed of one paper."""

    title: str
    keywords: str
    body: str


class FullTextIndex:
    """An immutable index of documents. Safe to use from several threads at once."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect(":memory:", check_same_thread=False)
        weakref.finalize(self, self._db.close)
        try:
            self._db.execute("CREATE VIRTUAL TABLE text USING fts5(title, keywords, body)")
        except sqlite3.OperationalError as error:
            raise FullTextUnavailableError(FullTextUnavailableError.__doc__) from error
        rows = ((number, *map(_stemmed, document)) for number, document in enumerate(documents))
        self._db.executemany("INSERT INTO text (rowid, title, keywords, body) VALUES (?, ?, ?, ?)", rows)

    def search(self, terms: Iterable[str], limit: int) -> list[int]:
        """Positions of at most `limit` documents that hold any of `terms` (words or phrases), best BM25 score first.

        Okapi BM25 (Robertson and Zaragoza 2009) as FTS5 computes it; equal scores keep the order of the documents.
        """
        match = match_expression(terms)
        if not match:
            return []
        with self._lock:
            rows = self._db.execute(
                "SELECT rowid FROM text WHERE text MATCH ? ORDER BY bm25(text, ?, ?, ?), rowid LIMIT ?",
                (match, TITLE_WEIGHT, KEYWORDS_WEIGHT, BODY_WEIGHT, limit),
            ).fetchall()
        return [position for (position,) in rows]


def match_expression(terms: Iterable[str]) -> str:
    """An FTS5 expression that matches any of `terms`; each is quoted, since raw `-`, `*` or NOT are operators."""
    searchable = dict.fromkeys(stemmed for term in terms if (stemmed := _stemmed(term)))
    return " OR ".join('"' + stemmed.replace('"', '""') + '"' for stemmed in list(searchable)[:MAX_TERMS])


def search_words(text: str) -> list[str]:
    """Words of a question to search for: neither grammar nor, unless nothing else is left, filler such as "effect"."""
    content = [word for word in words(text) if stems(word)]
    return [word for word in content if not FILLER_STEMS.issuperset(stems(word))] or content


def stems(text: str) -> list[str]:
    """Stems of the content words of a text, in order; "Covid19" and "Covid-19" are one."""
    return list(_stems(text))


@lru_cache(maxsize=2_000)  # a ranking reads each abstract twice, once to search it and once to judge it
def _stems(text: str) -> list[str]:
    return terms(re.sub(r"\b([^\W\d_]{3,})\d+\b", r"\1", text))


def _stemmed(text: str) -> str:
    """Stems, near-synonyms as one, as SQLite takes them: it refuses half a surrogate pair, which JSON may hold."""
    return " ".join(NEAR_SYNONYMS.get(stem, stem) for stem in stems(text)).encode("utf-8", "ignore").decode()
