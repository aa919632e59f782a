"""A report made of findings as they are and of small sentences around the words they share."""

import re
from collections.abc import Sequence
from functools import partial
from itertools import combinations
from typing import Any

from threadloom.models.extractive import cues
from threadloom.models.extractive.aspects import addresses
from threadloom.models.extractive.findings import SAME, manner
from threadloom.models.extractive.plan import heading
from threadloom.models.extractive.statement import Statement, reports, shared_wording
from threadloom.models.extractive.text import FILLER_STEMS, concepts, lower_first, overlap, terms
from threadloom.models.extractive.themes import Theme, themes

MAX_ANSWER, MAX_AGREEMENTS, MAX_DISAGREEMENTS, MAX_GAPS = 4, 3, 3, 6
ON_THE_POINT = 0.75
"""Share of the question's terms an answering sentence must have, relative to the one that has most."""
_COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_CONTRARY = re.compile(
    r"\b(?:contrary to|contradicts?|contradicted|in contrast (?:to|with) (?:previous|earlier|prior|other|most)|"
    r"inconsistent with (?:previous|earlier|prior|the|other)|"
    r"at odds with|challeng(?:es|ing) the|do(?:es)? not support (?:the|earlier|previous)|unlike (?:previous|"
    r"earlier) (?:studies|work|reports))\b",
    re.IGNORECASE,
)


def report(question: str, statements: Sequence[Statement], sub_questions: Sequence[str]) -> dict[str, Any]:
    """A report with the fields of `ReportDraft`; every id it names is one of `statements`."""
    ranked = _ranked(question, statements)
    groups = themes(ranked, question, heading(question))
    return {
        "answer": _answer(question, ranked),
        "themes": [_theme(group, ranked) for group in groups],
        "agreements": _agreements(ranked, question),
        "disagreements": _disagreements(ranked, question),
        "gaps": _gaps(statements, sub_questions),
    }


def sentence(text: str, *supports: Statement) -> dict[str, Any]:
    """A sentence of a report with the ids it rests on."""
    return {"text": text, "findings": [one.id for one in supports]}


def _ranked(question: str, statements: Sequence[Statement]) -> list[Statement]:
    """Most central first: near the question, like the other findings, and a result by its wording."""
    asked = concepts(question)
    pool = [term for one in statements for term in one.concepts]
    shared = {term for term in pool if pool.count(term) > 1}

    def score(one: Statement) -> float:
        near = overlap(asked, one.concepts) if asked else 0.0
        central = len(one.concepts & shared) / (len(one.concepts) or 1)
        return 1.5 * near + 0.4 * central + 0.6 * manner(one.text, "") - 0.4 * bool(cues.OPEN.search(one.text))

    places = {
        one.id: [other.id for other in statements if other.paper == one.paper].index(one.id) for one in statements
    }
    scores = {one.id: score(one) - 0.1 * places[one.id] for one in statements}
    return sorted(statements, key=lambda one: -scores[one.id])


def _answer(question: str, ranked: Sequence[Statement]) -> list[dict[str, Any]]:
    """One to four central findings, different papers first; none repeats another or only says what is unknown."""
    usable = [one for one in ranked if not cues.OPEN.search(one.text) and not cues.DANGLING.match(one.text)] or list(
        ranked[:1]
    )
    near = {one.id: overlap(concepts(question), one.concepts) for one in usable}
    usable = [one for one in usable if near[one.id] >= ON_THE_POINT * max(near.values())]
    papers = list(dict.fromkeys(one.paper for one in usable))
    room = min(MAX_ANSWER, max(len(papers), 2 if len(usable) > 2 else 1))
    firsts = [next(one for one in usable if one.paper == paper) for paper in papers]
    chosen: list[Statement] = []
    for one in [*firsts, *usable]:
        if len(chosen) < room and one not in chosen and all(_unlike(one, other) for other in chosen):
            chosen.append(one)
    twins = {one.id: [other for other in ranked if other.text == one.text] for one in chosen}
    return [sentence(one.text, *twins[one.id]) for one in chosen]


def _unlike(a: Statement, b: Statement) -> bool:
    return overlap(a.concepts, b.concepts) < SAME or (a.paper != b.paper and a.text != b.text)


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
    found: list[dict[str, Any]] = []
    used: set[str] = set()
    asked = frozenset(concepts(question))
    for tell in (partial(_same_way, asked), _same_words, partial(_same_subject, asked)):
        for a, b in combinations(ranked, 2):
            if len(found) < MAX_AGREEMENTS and a.paper != b.paper and not {a.id, b.id} & used and (text := tell(a, b)):
                others = [
                    c for c in ranked if c.paper not in {a.paper, b.paper} and c.id not in used and tell(a, c) == text
                ]
                group = [a, b, *_one_each(others)]
                found.append(sentence(_counted(text, len(group)), *group))
                used |= {one.id for one in group}
    return found


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
    return f"{{number}} papers point the same way on {what}: {{all}} describe {a.change.direction}."


def _same_words(a: Statement, b: Statement) -> str:
    """Both use the same words."""
    if a.negated != b.negated or (a.change and b.change and a.change.direction != b.change.direction):
        return ""
    run = shared_wording(a, b).replace("{", "").replace("}", "")
    if not run:
        return ""
    return f"{{number}} papers report “{run}”." if reports(run) else f"{{number}} papers report on {lower_first(run)}."


def _same_subject(asked: frozenset[str], a: Statement, b: Statement) -> str:
    """Both are about the same thing, whatever they say of it."""
    shared = a.concepts & b.concepts
    alike = len(shared) >= 4 and overlap(a.concepts, b.concepts) >= 0.4 <= overlap(b.concepts, a.concepts)
    label = _label(a, b, shared) if alike and a.negated == b.negated else ""
    return f"{{number}} papers report on {label}." if " " in label and set(concepts(label)) - asked else ""


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
    """What findings say is unknown, and narrower questions that no finding addresses."""
    said = [one.text for one in statements if cues.OPEN.search(one.text)]
    silent = [asked for asked in sub_questions if not any(addresses(one.text, asked) for one in statements)]
    return list(dict.fromkeys([*said[: MAX_GAPS - 2], *(f"No finding addresses: {asked}" for asked in silent)]))[
        :MAX_GAPS
    ]
