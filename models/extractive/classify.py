"""Which label fits a text: overlap of its words with each label's own and its description's."""

import re
from collections.abc import Mapping, Sequence

from threadloom.models.extractive.text import terms, weights

CATCH_ALL = ("other", "general", "unknown", "neutral", "none", "unclear", "misc", "unrelated")
LABEL_WEIGHT = 2.0
"""How much more a word of the label itself counts than one of its description."""


def classify(text: str, labels: Mapping[str, str]) -> str:
    """The label (key) that with its description (value) shares most with `text`; else a catch-all or ""."""
    scores = scored(text, labels)
    best = max(scores.values(), default=0.0)
    if best > 0:
        return next(label for label, score in scores.items() if score == best)
    return next((label for label in labels if label.lower() in CATCH_ALL), "")


def scored(text: str, labels: Mapping[str, str]) -> dict[str, float]:
    """Score of each label; words that several labels have count less."""
    vocabulary = {label: (set(terms(_spaced(label))), set(terms(about))) for label, about in labels.items()}
    weight = weights(own | about for own, about in vocabulary.values())
    present = set(terms(text))
    return {
        label: sum(weight[term] * (LABEL_WEIGHT if term in own else 1.0) for term in sorted((own | about) & present))
        for label, (own, about) in vocabulary.items()
    }


def described(labels: Sequence[str], description: str) -> dict[str, str]:
    """Labels with what a field's description says of each: "billing: invoices, refunds; technical: crashes"."""
    marks = [(match.start(), match.end(), label) for label in labels if (match := _mark(label).search(description))]
    marks.sort()
    ends = [*(start for start, _, _ in marks[1:]), len(description)]
    said = {label: description[begin:end] for (_, begin, label), end in zip(marks, ends, strict=False)}
    return {label: said.get(label, "") for label in labels}


def _mark(label: str) -> re.Pattern[str]:
    return re.compile(
        rf"(?<!\w)['\"`]?{re.escape(label)}['\"`]?\s*(?:[:=(]|[-–—] | is | are | for | if | when )", re.IGNORECASE
    )


def _spaced(label: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", label)
