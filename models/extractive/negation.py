"""What a question leaves out: "orders that are not late" are those without the word, not those with it."""

import re
from collections.abc import Sequence
from typing import Any

from threadloom.models.extractive.text import terms

_NOT = re.compile(
    r"(?:\bnot|n['’]t|\bnever|\bexcept(?: for)?|\bwithout|\bother than|\bexcluding)\s+"
    r"(?:(?:yet|been|be|in|from|for|the|a|an|any|is|are)\s+)*([\w-]+)(?:\s+(?:or|nor)\s+([\w-]+))?",
    re.IGNORECASE,
)


def refused(question: str) -> set[str]:
    """Stems of the words that what is asked for must not have."""
    return {stem for pair in _NOT.findall(question) for word in pair for stem in terms(word)}


def lacking(
    stems: set[str], columns: Sequence[str], rows: Sequence[Sequence[Any]], bodies: Sequence[set[str]]
) -> set[int]:
    """The rows that have none of these words; of a word that no row has the ones whose column of that name is empty."""
    there: set[str] = set().union(*bodies) if bodies else set()
    empty = [at for at, name in enumerate(columns) if set(terms(name.replace("_", " "))) & (stems - there)]
    return {
        at
        for at, (row, body) in enumerate(zip(rows, bodies, strict=True))
        if not body & stems and all(row[column] in (None, "", 0) for column in empty)
    }
