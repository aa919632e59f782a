"""A report made of findings as they are and of small sentences around the words they share."""

import re
from collections.abc import Sequence
from itertools import combinations, pairwise
from typing import Any

from threadloom.models.extractive.aspects import addresses, suits
from threadloom.models.extractive.cues import OPEN
from threadloom.models.extractive.findings import SAME, manner, states_result
from threadloom.models.extractive.statement import Statement
from threadloom.models.extractive.text import (
    FILLER_STEMS,
    NEAR_SYNONYMS,
    concepts,
    is_stop,
    lower_first,
    overlap,
    stem,
    terms,
    weights,
    words,
)
from threadloom.models.extractive.themes import Theme, themes

MAX_ANSWER, MAX_AGREEMENTS, MAX_DISAGREEMENTS, MAX_GAPS = 3, 3, 3, 2
ON_THE_POINT = 0.7
"""Least weighted share of the question in an answering sentence, relative to the one that covers most."""
PAIR = 0.5
"""Weight of a pair of words relative to that of a word as rare."""
_QUANTITIES = frozenset({"few", "fewer", "less", "more", "many", "most", "two", "without", "before", "after", "no"})
"""Words of grammar that say much before a noun."""
_COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_CONTRARY = re.compile(
    r"\b(?:(?:contrary to|contradict(?:s|ed)?) (?:\w+ )?(?:earlier|previous|prior|other)|"
    r"in contrast (?:to|with) (?:previous|earlier|prior|other|most)|"
    r"inconsistent with (?:previous|earlier|prior|the|other)|"
    r"at odds with|challeng(?:es|ing) the|do(?:es)? not support (?:the|earlier|previous)|unlike (?:previous|"
    r"earlier) (?:studies|work|reports))\b",
    re.IGNORECASE,
)


_YEAR = re.compile(r"\b(?:1[5-9]|20)\d\d\b")
_METHODS = re.compile(r"\b(?:methods?|experiments)\b", re.IGNORECASE)
"""What findings do not tell by design, and is no gap of the papers."""


def report(question: str, statements: Sequence[Statement], sub_questions: Sequence[str]) -> dict[str, Any]:
    """A report with the fields of `ReportDraft`; every id it names is one of `statements`."""
    ranked = _ranked(question, statements)
    return {
        "answer": _answer(question, ranked),
        "themes": [_theme(group, ranked) for group in themes(ranked, question)],
        "agreements": _agreements(ranked, question),
        "disagreements": _disagreements(ranked, question),
        "gaps": _gaps(statements, sub_questions),
    }


def sentence(text: str, *supports: Statement) -> dict[str, Any]:
    """A sentence of a report with the ids it rests on."""
    return {"text": text, "findings": [one.id for one in supports]}


def _ranked(question: str, statements: Sequence[Statement]) -> list[Statement]:
    """Best answer first: near the question, of the kind it asks for, a result by its wording, early in its paper."""
    near = _nearness(question, statements)
    found: dict[str, int] = {}

    def score(one: Statement) -> float:
        place = found[one.paper] = found.get(one.paper, -1) + 1
        return 2 * near[one.id] + 0.8 * suits(question, one.text) + 0.4 * manner(one.text) - 0.25 * place

    scores = {one.id: score(one) for one in statements}
    return sorted(statements, key=lambda one: -scores[one.id])


def _nearness(question: str, statements: Sequence[Statement]) -> dict[str, float]:
    """Share of the question that each statement covers: 0 to 1.

    Terms that few statements have weigh more, and neighbouring words of the question count once more as a pair, also
    quantities, so that "a few examples" tells more than "language model" where every statement is on language models.
    """
    units = {one.id: _units(one.text) for one in statements}
    weight = {unit: value**2 * _pair_share(unit) for unit, value in weights(units.values()).items()}
    known = _units(question) & weight.keys()
    return {one.id: overlap(known, units[one.id], weight) for one in statements}


def _pair_share(unit: str) -> float:
    """A pair of terms counts half since each counts already; a quantity counts only in its pair."""
    return PAIR if " " in unit and not _QUANTITIES & set(unit.split()) else 1.0


def _units(text: str) -> frozenset[str]:
    """Concepts of a text and pairs of those that stand together."""
    kept = [word for word in words(text) if not is_stop(word) or word.lower() in _QUANTITIES]
    heads = [NEAR_SYNONYMS.get(term, term) for term in map(stem, kept)]
    dates = _YEAR.findall(text)
    return frozenset([*concepts(text), *dates]) | {f"{a} {b}" for a, b in pairwise(heads)}


def _answer(question: str, ranked: Sequence[Statement]) -> list[dict[str, Any]]:
    """One to three results that cover most of the question, one of each paper, two where there is one paper only."""
    usable = [one for one in ranked if states_result(one.text)] or [one for one in ranked if not OPEN.search(one.text)]
    single = len({one.paper for one in ranked}) == 1
    chosen: list[Statement] = []
    for one in _on_the_point(question, usable):
        if all(_adds(one, other) if single else one.paper != other.paper for other in chosen):
            chosen.append(one)
    chosen = chosen[: 2 if single else MAX_ANSWER]
    twins = {one.id: [other for other in ranked if other.text == one.text] for one in chosen}
    return [sentence(one.text, *twins[one.id]) for one in chosen]


def _on_the_point(question: str, usable: Sequence[Statement]) -> list[Statement]:
    """Those that cover the question about as well as any, of papers that are on all of its subject."""
    asked, papers = concepts(question), dict[str, set[str]]()
    for one in usable:
        papers.setdefault(one.paper, set()).update(one.concepts)
    subject = {paper: overlap(asked, held) for paper, held in papers.items()}
    near = _nearness(question, usable)
    least = [ON_THE_POINT * max(values.values(), default=0.0) for values in (near, subject)]
    return [
        one
        for one in usable
        if (near[one.id] >= least[0] or set(asked) <= one.concepts) and subject[one.paper] >= least[1]
    ]


def _adds(one: Statement, other: Statement) -> bool:
    return overlap(one.concepts, other.concepts) < SAME


def _theme(group: Theme, ranked: Sequence[Statement]) -> dict[str, Any]:
    """A theme's findings, the paper with the most central one first, each paper's findings in their own order."""
    order = {one.id: at for at, one in enumerate(ranked)}
    lead: dict[str, int] = {}
    for one in group.members:
        lead[one.paper] = min(lead.get(one.paper, len(order)), order[one.id])
    members = sorted(group.members, key=lambda one: (lead[one.paper], order[one.id]))
    return {"title": group.title, "sentences": [sentence(one.text, one) for one in members]}


# --- where papers support or contradict each other -------------------------------------------------------------------


def _agreements(ranked: Sequence[Statement], question: str) -> list[dict[str, Any]]:
    """Papers that state the same change of the same thing."""
    found: list[dict[str, Any]] = []
    used: set[str] = set()
    asked = frozenset(concepts(question))
    for a, b in combinations(ranked, 2):
        if a.paper != b.paper and not {a.id, b.id} & used and (text := _same_way(asked, a, b)):
            others = [c for c in ranked if c.paper not in {a.paper, b.paper} and _same_way(asked, a, c) == text]
            group = [a, b, *_one_each([c for c in others if c.id not in used])]
            found.append(sentence(_counted(text, len(group)), *group))
            used |= {one.id for one in group}
    return found[:MAX_AGREEMENTS]


def _one_each(statements: Sequence[Statement]) -> list[Statement]:
    return list({one.paper: one for one in reversed(statements)}.values())[::-1]


def _counted(text: str, papers: int) -> str:
    number = _COUNTS[papers].capitalize() if papers < len(_COUNTS) else str(papers)
    return text.format(number=number, all="both" if papers == 2 else "all")


def _same_way(asked: frozenset[str], a: Statement, b: Statement) -> str:
    """Both state the same change of the same thing."""
    if not _comparable(a, b, asked) or a.change is None or b.change is None or a.change.direction != b.change.direction:
        return ""
    what = _label(a, b, _changed(a, b))
    return f"{{number}} papers report on {what}: {{all}} describe {a.change.direction}."


def _comparable(a: Statement, b: Statement, asked: frozenset[str]) -> bool:
    """Whether the same thing changed: two more terms are shared, and all of the question's are."""
    changed = _changed(a, b)
    shared = a.concepts & b.concepts
    about = shared - changed - FILLER_STEMS
    return len(about) >= 2 and (asked - changed) <= shared and bool(_label(a, b, changed))


def _changed(a: Statement, b: Statement) -> frozenset[str]:
    return a.change.of & b.change.of if a.change and b.change else frozenset()


def _label(a: Statement, b: Statement, shared: frozenset[str]) -> str:
    """The longest phrase ending of either that consists of shared terms."""
    ends = [
        " ".join(tokens[at:])
        for one in (a, b)
        for phrase in one.phrases
        for tokens in [phrase.split(" ")]
        for at in range(len(tokens))
    ]
    fitting = [end for end in ends if (found := set(concepts(end))) and found <= shared and "{" not in end]
    return (
        lower_first(min(fitting, key=lambda end: (-len(set(terms(end))), not end.endswith("s"), len(end), end)))
        if fitting
        else ""
    )


def _disagreements(ranked: Sequence[Statement], question: str) -> list[dict[str, Any]]:
    """Opposite changes of the same thing, and findings that say themselves that they contradict others."""
    found, used, asked = [], set[str](), frozenset(concepts(question))
    for a, b in combinations(ranked, 2):
        if a.paper == b.paper or {a.id, b.id} & used or a.change is None or b.change is None:
            continue
        if a.change.direction != b.change.direction and _comparable(a, b, asked):
            label = _label(a, b, _changed(a, b))
            text = f"The papers differ on {label}: one describes {a.change.direction}, another {b.change.direction}."
            found.append(sentence(text, a, b))
            used |= {a.id, b.id}
    found += [sentence(one.text, one) for one in ranked if one.id not in used and _CONTRARY.search(one.text)]
    return found[:MAX_DISAGREEMENTS]


def _gaps(statements: Sequence[Statement], sub_questions: Sequence[str]) -> list[str]:
    """Narrower questions that no finding addresses; what findings leave open is itself a finding, with its citation."""
    silent = [asked for asked in sub_questions if not any(addresses(one.text, asked) for one in statements)]
    silent = [asked for asked in silent if not _METHODS.search(asked)]
    return list(dict.fromkeys(f"No finding addresses: {asked}" for asked in silent))[:MAX_GAPS]
