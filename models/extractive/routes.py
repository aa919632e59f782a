"""Everything a message asks for: labels by the vocabulary of their descriptions, the main one and those beside it.

A description lists words and phrases, separated by commas: "invoice, refund, charged twice". A phrase counts where
all its content words stand in one clause. Words that several labels list tell less; those that all list tell nothing.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from threadloom.models.extractive.classify import CATCH_ALL
from threadloom.models.extractive.text import sentences, squeeze, stem, terms, words

NAME = 2.0
PHRASE = 1.5
WORD = 1.0
ENOUGH = 1.0
"""Score at which the words alone make a label as sure as it gets."""
BESIDE = 1.0
"""Score that a label beside the main one needs in a clause of its own."""
MAX_CHARS = 20_000
_CLAUSE = re.compile(r"(?<=[,;:])\s+|\s+(?=(?:and|but|also|plus)\b)|\s+[-–—]\s+", re.IGNORECASE)


class Found(NamedTuple):
    """A label, how sure it is (0 to 1), the words that speak for it, and the part of the text they stand in."""

    label: str
    confidence: float
    reasons: list[str]
    text: str


@dataclass(frozen=True)
class _Vocabulary:
    """What speaks for each label, and how much: sets of stems to weights."""

    entries: Mapping[str, Mapping[frozenset[str], float]]


def routes(text: str, labels: Mapping[str, str]) -> list[Found]:
    """Labels (keys, with descriptions) that the text asks for, in its order; none if no word speaks for any."""
    whole = text[:MAX_CHARS]
    vocabulary = _vocabulary(tuple(labels.items()))
    clauses = [(clause, _scores(clause, vocabulary)) for clause in _clauses(whole)]
    total: Counter[str] = Counter()
    for _, scores in clauses:
        total.update(scores)
    if not total:
        return []
    main = max(labels, key=lambda label: total[label])
    beside = [label for label in labels if label != main and _stands_alone(label, clauses)]
    found = [_found(label, whole, clauses, total, vocabulary, [main, *beside]) for label in (main, *beside)]
    return sorted(found, key=lambda one: whole.find(one.text))


def _stands_alone(label: str, clauses: list[tuple[str, dict[str, float]]]) -> bool:
    """Whether some clause asks plainly for this label and for no other as much."""
    return any(
        scores.get(label, 0) >= BESIDE and scores[label] > max([0, *(v for k, v in scores.items() if k != label)])
        for _, scores in clauses
    )


def _found(
    label: str,
    whole: str,
    clauses: list[tuple[str, dict[str, float]]],
    total: Mapping[str, float],
    vocabulary: _Vocabulary,
    chosen: list[str],
) -> Found:
    own = [clause for clause, scores in clauses if scores.get(label, 0) and scores[label] == max(scores.values())]
    own = own or [clause for clause, scores in clauses if scores.get(label, 0)]
    rivals = sum(score for other, score in total.items() if other not in chosen)
    confidence = total[label] / (total[label] + rivals) * min(1.0, total[label] / ENOUGH)
    part = whole if len(chosen) == 1 else max(own, key=len)
    return Found(label, round(confidence, 2), _reasons(label, own, vocabulary), part)


def _clauses(text: str) -> list[str]:
    return [part for sentence in sentences(text) for part in _CLAUSE.split(sentence) if terms(part)]


def _scores(clause: str, vocabulary: _Vocabulary) -> dict[str, float]:
    present = _stems(clause)
    scores = {
        label: sum(weight for entry, weight in entries.items() if entry <= present)
        for label, entries in vocabulary.entries.items()
    }
    return {label: score for label, score in scores.items() if score}


def _reasons(label: str, clauses: list[str], vocabulary: _Vocabulary) -> list[str]:
    """Words of the clauses that speak for the label, as they stand."""
    entries = vocabulary.entries[label]
    said: dict[str, None] = {}
    for clause in clauses:
        present = _stems(clause)
        telling = {part for entry in entries if entry <= present for part in entry}
        said.update({word: None for word in words(clause) if _stems(word) & telling})
    return list(said)[:5]


def _stems(text: str) -> frozenset[str]:
    return frozenset(terms(squeeze(text)))


@lru_cache(maxsize=32)
def _vocabulary(labels: tuple[tuple[str, str], ...]) -> _Vocabulary:
    listed = {label: dict(_entries(label, about)) for label, about in labels}
    shared = Counter(entry for entries in listed.values() for entry in entries)
    most = max(len(labels), 2)
    return _Vocabulary(
        {
            label: {entry: weight * (most - shared[entry]) / (most - 1) for entry, weight in entries.items()}
            for label, entries in listed.items()
        }
    )


def _entries(label: str, about: str) -> Iterator[tuple[frozenset[str], float]]:
    if label.lower() not in CATCH_ALL:
        yield frozenset([stem(label)]), NAME
    for entry in re.split(r"[,;:.\n]", about):
        parts = frozenset(terms(entry))
        if parts:
            yield parts, WORD if len(parts) == 1 else PHRASE
