"""The sentences of a document that bear on a question, best first, as quotations and claims."""

import re
from dataclasses import dataclass

from rapidfuzz import fuzz

from threadloom.models.extractive import cues
from threadloom.models.extractive.claims import claim
from threadloom.models.extractive.text import concepts, key_phrases, overlap, sentences, weights, words

MAX_FINDINGS = 4
MIN_WORDS, MAX_WORDS = 5, 90
LEAST_SCORE = 0.55
"""Lowest score of a finding."""
LEAST_SHARE, LEAST_ENOUGH = 0.45, 0.9
"""Lowest share of the best one's score, up to a score that is enough. All three tried out on the bundled summaries."""
MAX_ASKED = 8
"""Terms of a question that count towards how many a document must share; the rest of a long question is context."""
OFTEN = 3
"""Sentences in which a document must have a term to be about it, where the title does not."""
SAME = 0.7
"""Share of common terms from which two sentences say the same."""


@dataclass(frozen=True)
class Candidate:
    """One sentence that may be a finding."""

    quote: str
    terms: frozenset[str]
    score: float


def findings(question: str, document: str, title: str = "") -> list[dict[str, str]]:
    """At most four findings as `{"claim", "quote"}`; `quote` is a verbatim part of `document`. Empty if none bears."""
    chosen: list[Candidate] = []
    ranked = sorted(_candidates(question, document, title), key=lambda candidate: -candidate.score)
    for candidate in ranked:
        worth = candidate.score >= max(LEAST_SCORE, min(LEAST_ENOUGH, LEAST_SHARE * ranked[0].score))
        if worth and all(overlap(candidate.terms, other.terms) < SAME for other in chosen):
            chosen.append(candidate)
    return [{"claim": claim(one.quote), "quote": one.quote} for one in chosen[:MAX_FINDINGS]]


def _candidates(question: str, document: str, title: str) -> list[Candidate]:
    parts = _parts(document, title)
    asked = sorted(set(concepts(question)))
    named = sorted(set(concepts(title)) - set(asked))
    bodies = [concepts(quote) for quote, _ in parts]
    weight = weights(bodies)
    if not asked or not _about(question, asked, set(concepts(title)), bodies):
        return []
    known = _share(asked, [term for terms in bodies for term in terms], weight)
    found = []
    for at, ((quote, label), terms) in enumerate(zip(parts, bodies, strict=True)):
        near = _share(asked, terms, weight)
        own = _share(named, terms, weight)
        if near or own:
            opening = at == 0 and not label and cues.RESULT.search(quote) and not cues.BACKGROUND.search(quote)
            place = 0.3 if opening else 0.15 * at / len(parts)
            score = 1.6 * near + 0.7 * own + place + manner(quote, label)
            found.append(Candidate(quote, frozenset(terms), score if near else score - (0.3 if known > 0.7 else 0.6)))
    return found


def _about(question: str, asked: list[str], title: set[str], bodies: list[list[str]]) -> bool:
    """Whether the document shares enough of the question's terms to be on its subject at all.

    One of two terms is enough if they are not one phrase and the document names it: "does microcredit help the poor".
    """
    present = title | {term for terms in bodies for term in terms}
    shared = [term for term in asked if _has(term, present)]
    one_phrase = any(set(asked) <= set(concepts(phrase)) for phrase in key_phrases(question))
    if len(asked) == 2 and len(shared) == 1 and not one_phrase:
        return shared[0] in title or sum(shared[0] in terms for terms in bodies) >= OFTEN
    return len(shared) >= max(min(2, len(asked)), 0.4 * min(len(asked), MAX_ASKED))


def _share(asked: list[str], terms: list[str], weight: dict[str, float]) -> float:
    """Weighted share of the asked terms that a sentence has; three terms make it complete however long the question."""
    present = set(terms)
    found = [weight.get(term, 1.0) for term in asked if _has(term, present)]
    best = sorted((weight.get(term, 1.0) for term in asked), reverse=True)[:3]
    return min(1.0, sum(found) / sum(best)) if best else 0.0


def _has(term: str, present: set[str]) -> bool:
    """Whether a stem or a near relation of it ("transform", "transformer") is present."""
    return term in present or (
        len(term) >= 5 and any(len(p) >= 5 and (p.startswith(term) or term.startswith(p)) for p in present)
    )


def _parts(document: str, title: str) -> list[tuple[str, str]]:
    """Sentences fit to be quoted, each with the section it stands in ("" if the document has none)."""
    parts: list[tuple[str, str]] = []
    label, whole, misled = "", sentences(document), False
    for at, sentence in enumerate(whole):
        own, quote = cues.heading(sentence)
        label = own or label
        if cues.instructs(sentence):
            misled = re.search(r"(?::|\bfollowing\W*)$", sentence) is not None
            continue
        if not misled and _quotable(quote, title, last=at == len(whole) - 1) and not cues.NO_LABEL.search(label):
            parts.append((quote, label))
        misled = False
    return parts


def _quotable(quote: str, title: str, *, last: bool) -> bool:
    size = len(words(quote))
    cut = last and not re.search(r"[.!。…][)\]\"'”’]*$", quote) and len(quote) > 200
    return (
        MIN_WORDS <= size <= MAX_WORDS
        and not quote.rstrip("\"'”’)").endswith(("?", "…", "..."))
        and not cut
        and not cues.ADMIN.search(quote)
        and not cues.instructs(quote)
        and not quote.startswith(("(", "["))
        and (not title or fuzz.ratio(quote.lower(), title.lower()) < 88)
    )


def manner(quote: str, label: str = "") -> float:
    """How much a sentence sounds like a result, from its words and its section."""
    result, number, compared = (bool(cue.search(quote)) for cue in (cues.RESULT, cues.NUMBER, cues.COMPARISON))
    score = 0.5 * result + 0.3 * number + 0.2 * compared - 0.3 * (not (result or number or compared))
    if label:
        score += 0.6 if cues.RESULT_LABEL.search(label) else -0.7
    told = re.search(r"\b(?:that|show|found|suggest|than)\b", quote) or (number and result)
    score -= (0.5 if number else 0.9) * bool(cues.BACKGROUND.search(quote)) + (0.3 if told else 0.9) * bool(
        cues.METHOD.search(quote)
    )
    score -= 0.35 * bool(cues.FUTURE.search(quote)) + 0.4 * bool(cues.OPEN.search(quote))
    dangling = cues.DANGLING.match(quote) and cues.DANGLING.match(claim(quote))
    score -= 0.4 * bool(re.search(r"\b(?:either|too|as well)\W*$", quote))
    score -= 0.3 * bool(re.search(r"\b(?:may|might|could)\b", quote))
    return score - 0.8 * bool(dangling) - 0.3 * (len(words(quote)) > 55)
