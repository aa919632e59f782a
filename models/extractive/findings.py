"""The sentences of a document that bear on a question, best first, as quotations and claims."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz

from threadloom.models.extractive import cues
from threadloom.models.extractive.aspects import suits
from threadloom.models.extractive.claims import claim
from threadloom.models.extractive.plan import plan
from threadloom.models.extractive.text import concepts, overlap, sentences, weights, words

MAX_FINDINGS = 4
MIN_WORDS, MAX_WORDS = 5, 90
LEAST_SCORE = 0.5
"""Lowest score of a finding, tried out on the bundled summaries."""
MAX_ASKED = 8
"""Terms of a question that count towards how many a document must share; the rest of a long question is context."""
OFTEN = 3
"""Sentences in which a document must name a thing to be about it, where the title does not."""
SAME = 0.7
"""Share of common terms from which two sentences say the same."""
_OWN_VOICE = re.compile(
    r"\b(?:we|our|here|this (?:paper|study|article|review|work|trial)|background|objectives?)\b", re.IGNORECASE
)
"""What abstracts say and summaries by others do not: those open with the main result, not with background."""


@dataclass(frozen=True)
class Candidate:
    """One sentence that may be a finding."""

    quote: str
    terms: frozenset[str]
    score: float


def findings(question: str, document: str, title: str = "", keywords: str = "") -> list[dict[str, str]]:
    """At most four findings as `{"claim", "quote"}`; `quote` is a verbatim part of `document`.

    A document on another subject gives none. One on the subject gives its main results, also those that do not repeat
    the question's words, and then one sentence on its limits; background and methods only where it has no result.
    Keywords tell what the document is about, but support no finding.
    """
    ranked = sorted(_candidates(question, document, title, keywords), key=lambda candidate: -candidate.score)
    limits = [one for one in ranked if cues.OPEN.search(one.quote)][:1]
    said = [one for one in ranked if not cues.OPEN.search(one.quote) and one.score >= LEAST_SCORE]
    results = [one for one in said if states_result(one.quote)] or said
    chosen = _distinct(results)[: MAX_FINDINGS - len(limits)]
    return [{"claim": claim(one.quote), "quote": one.quote} for one in chosen + limits]


def _distinct(ranked: Sequence[Candidate]) -> list[Candidate]:
    chosen: list[Candidate] = []
    for candidate in ranked:
        if all(overlap(candidate.terms, other.terms) < SAME for other in chosen):
            chosen.append(candidate)
    return chosen


def _candidates(question: str, document: str, title: str, keywords: str) -> list[Candidate]:
    parts = _parts(document, title)
    asked = sorted(set(concepts(question)))
    heading = set(concepts(title))
    bodies = [concepts(quote) for quote, _ in parts]
    if not asked or not _about(question, asked, heading | set(concepts(keywords)), bodies):
        return []
    weight = weights(bodies)
    named = sorted(heading - set(asked))
    summary = not _OWN_VOICE.search(document)
    found = []
    for at, ((quote, label), terms) in enumerate(zip(parts, bodies, strict=True)):
        opening = at == 0 and not label and (summary or cues.RESULT.search(quote)) and states_result(quote)
        place = 0.6 if opening else 0.15 * at / len(parts) * (not summary)
        near = 2.0 * _share(asked, terms, weight) + 0.4 * _share(named, terms, weight)
        score = near + place + manner(quote, label) + 0.8 * suits(question, quote)
        found.append(Candidate(quote, frozenset(terms), score))
    return found


def _about(question: str, asked: list[str], heading: set[str], bodies: list[list[str]]) -> bool:
    """Whether a document is on the question's subject: it shares enough terms, or names half of the things asked about.

    A thing is a key term of the question, all of it: a paper on energy in industry does not name dark energy.
    """
    present = heading | {term for terms in bodies for term in terms}
    shared = [term for term in asked if _has(term, present)]
    if len(shared) >= max(min(2, len(asked)), 0.4 * min(len(asked), MAX_ASKED)):
        return True
    opening = set(bodies[0]) if len(bodies) >= OFTEN else set()
    things = [set(concepts(term)) for term in plan(question)["key_terms"]]
    named = [
        thing
        for thing in things
        if thing <= heading or thing <= opening or sum(thing <= set(terms) for terms in bodies) >= OFTEN
    ]
    return 0 < len(things) <= 2 * len(named)


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
    score -= (0.5 if number else 0.9) * bool(cues.BACKGROUND.search(quote))
    score -= (0.3 if _told(quote) else 0.9) * bool(cues.METHOD.search(quote) or cues.DESIGN.search(quote))
    score -= 0.35 * bool(cues.FUTURE.search(quote)) + 0.4 * bool(cues.OPEN.search(quote))
    score -= 0.4 * bool(re.search(r"\b(?:either|too|as well)\W*$", quote))
    score -= 0.3 * bool(re.search(r"\b(?:may|might|could)\b", quote))
    return score - 0.8 * _dangles(quote) - 0.3 * (len(words(quote)) > 55)


def states_result(quote: str) -> bool:
    """Whether a sentence says what was found, not what was done, is left open or was known before."""
    background = cues.BACKGROUND.search(quote) and not (cues.NUMBER.search(quote) and cues.RESULT.search(quote))
    method = cues.DESIGN.search(quote) or (cues.METHOD.search(quote) and not _told(quote))
    return not (background or method or cues.OPEN.search(quote) or cues.FUTURE.search(quote) or _dangles(quote))


def _told(quote: str) -> bool:
    """Whether a sentence that tells of a method tells a result too."""
    said = _SAYS.search(quote) or cues.NUMBER.search(quote)
    return bool((said and cues.RESULT.search(quote)) or _SAYS_THAT.search(quote))


_SAYS = re.compile(r"\b(?:that|shows?|found|suggests?|than|higher|lower|fewer|more|less)\b")
_SAYS_THAT = re.compile(r"\b(?:found|shows?|suggests?) that\b")


def _dangles(quote: str) -> bool:
    return bool(cues.DANGLING.match(quote) and cues.DANGLING.match(claim(quote)))
