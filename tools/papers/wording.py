"""Query text for search engines that know AND, OR and phrases: strict first, looser where that finds too little.

An AND of many terms finds nothing, an OR of them finds everything; which it takes cannot be known beforehand. So a
source tries the wordings in order and stops when it has found enough.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from threadloom.tools.papers.source import PaperQuery

Clause = Callable[[str], str]
"""How an engine writes that a word or a phrase must occur; given words and single spaces only."""

_WORD = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*")
_COMMON = re.compile(
    "an?|and|any|are|as|at|be|been|between|by|can|could|did|do|does|for|from|had|has|have|how|if|in|into|is|its?|may"
    "|more|most|much|not|of|on|or|our|should|so|than|that|the|their|them|there|these|they|this|to|vs|was|we|were|what"
    "|when|where|whether|which|while|who|why|will|with|would",
    re.IGNORECASE,
)
_PHRASE = 3
"""Longest term, in words, that is searched for as a phrase; longer ones hardly ever occur verbatim."""
_MOST_WORDS = 12
_MOST_TERMS = 6
_LONGEST_WORD = 40
"""Limits that keep an address under the 4,000 characters some services take, also for text without spaces."""


@dataclass(frozen=True)
class Term:
    """One term of a query."""

    words: tuple[str, ...]
    """Its words that carry meaning, each once; all its words if none does."""
    phrase: str | None
    """All its words as they stand, if they are few enough to be searched for as a phrase."""


def terms(query: PaperQuery) -> list[Term]:
    """The query's terms, or its text as the only one; none if there is no word in them."""
    found = (_WORD.findall(term) for term in query.terms or (query.text,))
    return [_term(words) for words in found if words]


def _term(words: list[str]) -> Term:
    words = [word[:_LONGEST_WORD] for word in words]
    unique = tuple(dict.fromkeys(words))
    telling = tuple(word for word in unique if not _COMMON.fullmatch(word))
    return Term(telling or unique, " ".join(words) if len(words) <= _PHRASE else None)


def bag(terms: Iterable[Term]) -> str:
    """All words of the terms, each once: for engines that rank by how many of them match."""
    return " ".join(list(dict.fromkeys(word for term in terms for word in term.words))[: 2 * _MOST_WORDS])


def wordings(query: PaperQuery, clause: Clause) -> list[str]:
    """From strict to loose: the first three terms; the words of the first two; any term at all."""
    found = terms(query)
    strict = _join("AND", [clause(part) for term in found[:3] for part in _parts(term)])
    near = _join("AND", [clause(word) for term in found[:2] for word in term.words])
    loose = _join(
        "OR", [_join("AND" if term.phrase else "OR", map(clause, term.words)) for term in found[:_MOST_TERMS]]
    )
    return list(dict.fromkeys(filter(None, (strict, near, loose))))


def _parts(term: Term) -> tuple[str, ...]:
    return (term.phrase,) if term.phrase else term.words


def _join(operator: str, clauses: Iterable[str]) -> str:
    kept = list(dict.fromkeys(clauses))[:_MOST_WORDS]
    return f"({f' {operator} '.join(kept)})" if len(kept) > 1 else "".join(kept)
