"""Pursuing a goal without a language model: the clauses of the goal as steps, and criteria judged by vocabulary."""

import re
from collections.abc import Collection

from threadloom.models.extractive.plan import plan
from threadloom.models.extractive.text import capitalise, squeeze, terms

MOST = 3
"""Things looked up, and notes written."""
MOST_CRITERIA = 4
SPEAK = "The notes speak of "
ENOUGH = 0.5
"""Share of a criterion's words that the notes must have."""
_VERBS = (
    r"collect|gather|find|search|look|read|check|list|write|draft|note|make|summari[sz]e|compare|describe|explain|"
    r"report|review|answer|save|put|learn|work out|look up"
)
_CUT = re.compile(rf"[;.!?]\s+(?:then\s+)?|,?\s+(?:and then|then)\s+|,?\s+and\s+(?=(?:{_VERBS})\b)", re.IGNORECASE)
_WRITES = re.compile(r"\b(?:write|draft|notes?|report|summar\w+|compar\w+|list)\b", re.IGNORECASE)
_SUM = re.compile(r"\d\s*[-+*/^%]\s*\(?\d|\d\s*(?:%|per ?cent) of")
_FIND = re.compile(r"^(?:find out|look up|work out|learn)\s+(?:about\s+)?", re.IGNORECASE)
_TOLD = re.compile(rf"(?:{_VERBS})\w*|library|knows?|about|trial|what", re.IGNORECASE)


def steps(goal: str, taken: Collection[str]) -> list[str]:
    """Look up what the goal is about, then write a note for each thing it wants written, under a name not `taken`."""
    clauses = [squeeze(part).rstrip(".!?;, ") for part in _CUT.split(goal)]
    clauses = [part for part in clauses if terms(part) or _SUM.search(part)] or [squeeze(goal)]
    about = ", ".join(subjects(goal)) or squeeze(goal)
    lookups = [part for part in clauses if not _WRITES.search(part)]
    asked = [
        part if "library" in part.lower() or _SUM.search(part) else f"What does the library know: {part}?"
        for part in lookups
    ]
    wanted = [part for part in clauses if _WRITES.search(part)] or [f"Write a note on {about}"]
    used, writing = set(taken), list[str]()
    for part in wanted[:MOST]:
        path = _free(about, used)
        used.add(path)
        opening = "" if re.match(r"(?:write|draft)\b", part, re.IGNORECASE) else "Write a note: "
        writing.append(capitalise(f"{opening}{part}, to {path}"))
    return [*map(capitalise, asked[:MOST] or [f"What does the library know about {about}?"]), *writing]


def subjects(goal: str) -> list[str]:
    """What a goal is about, without the words that only say what is to be done."""
    parts = [part for part in _CUT.split(goal) if part.split()]
    found = dict.fromkeys(term for part in parts for term in plan(_FIND.sub("", part))["key_terms"])
    orders = {part.split()[0].lower() for part in parts if len(part.split()) > 1}  # "Organise my party"
    return [term for term in found if not _TOLD.fullmatch(term) and term.lower() not in orders][:MOST_CRITERIA]


def criteria(goal: str) -> list[str]:
    """When the goal is reached, as far as vocabulary can tell."""
    return [f"{SPEAK}{subject}" for subject in subjects(goal) or [squeeze(goal)]]


def met(criterion: str, notes: str) -> tuple[bool, str]:
    """Whether notes have the words of a criterion, and which."""
    wanted = [term for term in dict.fromkeys(terms(criterion.removeprefix(SPEAK))) if term != "note"]
    present = set(terms(notes))
    found = [term for term in wanted if term in present]
    if not notes.strip():
        return False, "no note was written"
    told = f"by vocabulary, no language model: the notes have {len(found)} of its {len(wanted)} words"
    return len(found) >= ENOUGH * len(wanted), told


def _free(about: str, taken: Collection[str]) -> str:
    """A path for a note that is not there yet."""
    slug = "-".join(re.findall(r"[a-z0-9]+", about.lower()))[:40].strip("-") or "note"
    names = (f"{slug}.md" if number == 1 else f"{slug}-{number}.md" for number in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)
