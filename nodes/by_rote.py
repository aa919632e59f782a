"""Pursuing a goal without a language model: the clauses of the goal as steps, and criteria judged by vocabulary."""

import re
from collections.abc import Collection, Sequence

from threadloom.models.extractive.calls import DOING, PATH
from threadloom.models.extractive.plan import plan
from threadloom.models.extractive.sums import has_sum, ungrouped
from threadloom.models.extractive.text import capitalise, squeeze, terms, topical

MOST = 3
"""Things looked up, and notes written."""
MOST_CRITERIA = 4
SPEAK = "The notes speak of "
ABLE = (
    "Without a language model a goal is pursued by looking up what it is about, working out its sums and noting what "
    "was found; nothing else is planned, written or done."
)
ENOUGH = 0.5
"""Share of a criterion's words that the notes must have."""
_VERBS = (
    r"collect|gather|find|search|look|read|check|list|write|draft|note|make|summari[sz]e|compare|describe|explain|"
    r"report|review|answer|save|store|keep|put|learn|tell|work out|look up"
)
_CUT = re.compile(
    rf"[;.!?]\s+(?:then\s+)?|,?\s+(?:and then|then)\s+|,?\s+and\s+(?=(?:{_VERBS})\b)|,\s+(?=(?:{_VERBS})\s)",
    re.IGNORECASE,
)
_OWN = re.compile(
    r"(?:read|open|search|check|look|go|review|list|summari[sz]e)\b.*\b(?:my|our|the|these) (?:\w+ )?(?:notes|files)\b",
    re.IGNORECASE,
)
"""Is about what the workspace holds already, not about the world."""
_WRITES = re.compile(r"\b(?:write|draft|notes?|report|summar\w+|compar\w+|list)\b", re.IGNORECASE)
_KEEPS = re.compile(
    r"(?:save|store|keep|put|write|note|jot|record)\b(?: down)?(?: (?:it|this|that|them|these|those|everything|"
    r"(?:the|your) (?:answer|result|finding|outcome)s?)\b)?(?: down)?(?: (?:in|into|to|as|on)\b.*)?",
    re.IGNORECASE,
)
"""Says only where that goes which another clause asks for."""
_DICTATED = re.compile(r"(?:write down|note(?: down)?|jot down|record|remember) that (.+)", re.IGNORECASE)
"""Says itself what the note is to say."""
_FIND = re.compile(
    r"^(?:please )?(?:(?:find out|look up|work out|learn)\s+(?:(?:about|whether|if)\s+)?|"
    r"(?:research|investigate|study|explore|read up on)\s+|"
    r"(?:tell|show|give) (?:me|us)\s+(?:about\s+)?|"
    r"(?:find|collect|search for|look for|get)(?: me)?\s+(?:(?:all|some|the|any|\d+|two|three|four|five|ten)\s+)?"
    r"(?:papers?|studies|articles|evidence|research|facts|information)\s+(?:on|about|for|of)\s+)",
    re.IGNORECASE,
)
_MINE = re.compile(r"\b(?:my|our)\b", re.IGNORECASE)
"""No library knows what is mine."""
_AGAIN = re.compile(r"\w+ (?:it|them|this|that|these|those)\b(?! (?:is|are|was|were)\b)", re.IGNORECASE)
"""Is about what another clause names."""
_ASKS = re.compile(r"^(?:what|who|when|where|which|why|how|do|does|did|is|are|was|were|can)\b", re.IGNORECASE)
_TOLD = re.compile(rf"(?:{_VERBS})\w*|library|knows?|about|trial|what|findings?", re.IGNORECASE)
_PLACE = re.compile(
    rf"\s+(?:in|into|to|as)\s+(?:(?:the|an?)\s+(?:new\s+)?(?:file|note)\s+(?:(?:called|named)\s+)?)?[\"'`]?{PATH.pattern}[\"'`]?",
    re.IGNORECASE,
)


def steps(goal: str, taken: Collection[str]) -> list[str]:
    """Look up what the goal is about, then write a note for each thing it wants written.

    The notes have the names that the goal gives, else ones not `taken`.
    """
    clauses = _clauses(goal)
    about = ", ".join(subjects(goal)) or squeeze(goal)
    wanted = [part for part in clauses if _is_written(part)]
    asked = _looked_up([part for part in clauses if part not in wanted], taken)
    if not asked and not all(map(_DICTATED.match, wanted or [""])):
        asked = [f"What does the library know about {about}?"]
    named = [path for part in clauses if part not in wanted for path in PATH.findall(part)]
    used, writing = set(taken), list[str]()
    for part in wanted[:MOST] or [f"Write a note on {about}"]:
        own = PATH.findall(part) or named
        path = own.pop(0) if own else _free(about, used)
        used.add(path)
        writing.append(_writing(part, path))
    return [*map(capitalise, asked), *writing]


def _is_written(part: str) -> bool:
    """Whether a clause wants something written, and not only kept or read."""
    writes = _WRITES.search(part) or _DICTATED.match(part)
    return writes is not None and not _KEEPS.fullmatch(part) and not _OWN.match(part)


def _looked_up(clauses: Sequence[str], taken: Collection[str]) -> list[str]:
    """The steps before anything is written: notes that are there are read, for the rest there is a library."""
    if any(map(_OWN.match, clauses)):
        return [f"Read the file {path}" for path in list(taken)[:MOST]] or ["List the files of the workspace"]
    asking = [part for part in clauses if not _KEEPS.fullmatch(part) and not _AGAIN.match(part)]
    return list(map(_lookup, asking[:MOST]))


def _writing(part: str, path: str) -> str:
    """The step that writes what a clause wants."""
    if dictated := _DICTATED.match(part):
        said = dictated[1].replace('"', "'")
        return f'Write "{said}" to {path}'
    opening = "" if re.match(r"(?:write|draft)\b", part, re.IGNORECASE) else "Write a note: "
    return capitalise(f"{opening}{_PLACE.sub('', part)}, to {path}")


def _clauses(goal: str) -> list[str]:
    """What a goal asks for, one thing each."""
    parts = [squeeze(part).rstrip(".!?;, ") for part in _CUT.split(goal)]
    return [part for part in parts if terms(part) or has_sum(part)] or [squeeze(goal)]


def _lookup(part: str) -> str:
    """The step that looks up what a clause asks for; sums and errands are tried as they are."""
    if "library" in part.lower() or has_sum(part) or DOING.match(part) or _MINE.search(part):
        return part
    about = _FIND.sub("", part)
    if _ASKS.match(about):
        return f"What does the library know: {about}?"
    if about == part:  # something to be done, of which only what it is about can be looked up
        about = ", ".join(subjects(part)) or part
    return f"What does the library know about {about}?"


def subjects(goal: str) -> list[str]:
    """What a goal is about, without the words that only say what is to be done and where it goes."""
    parts = [part for part in _CUT.split(ungrouped(_PLACE.sub("", goal))) if part.split()]
    telling = [
        part
        for part in parts
        if not _KEEPS.fullmatch(part.rstrip(".!?;, ")) and (_WRITES.match(part) or not _AGAIN.match(part))
    ] or parts
    found = dict.fromkeys(term for part in telling for term in plan(_FIND.sub("", part))["key_terms"])
    orders = {part.split()[0].lower() for part in parts if len(part.split()) > 1}  # "Organise my party"
    return [term for term in found if not _TOLD.fullmatch(term) and term.lower() not in orders][:MOST_CRITERIA]


def criteria(goal: str) -> list[str]:
    """When the goal is reached, as far as vocabulary can tell."""
    return [f"{SPEAK}{subject}" for subject in subjects(goal) or [squeeze(goal)]]


def met(criterion: str, notes: str) -> tuple[bool, str]:
    """Whether notes have the words of a criterion, and which."""
    wanted = [term for term in dict.fromkeys(topical(criterion.removeprefix(SPEAK))) if not _TOLD.fullmatch(term)]
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
