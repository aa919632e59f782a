"""Findings grouped by the words they share; description comes first, as in Lingo (Osiński and Weiss 2005).

Phrases that several findings hold are candidate titles; the one that gathers most findings not yet placed wins, and so
on. So a title is true of every finding chosen for it. What is left is a group of its own.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from threadloom.models.extractive.cues import OPEN
from threadloom.models.extractive.plan import headline
from threadloom.models.extractive.statement import Statement
from threadloom.models.extractive.text import FILLER_STEMS, is_named, terms, words

MAX_NAMED = 3
MAX_LABEL_WORDS = 4
FEWEST = 5
"""Findings from which those of several papers are grouped by subject."""
MAIN = "Main findings"
_UNFIT = re.compile(
    r"ed$|^(?!hundred)[\w-]+ed\b|(?-i:^[a-z]+ .*\b[A-Z])|"
    r"\b(?:hundred|thousand|million|billion|trillion|percent|points?|times|people)\b",
    re.IGNORECASE,
)
"""No title: participles at either end, quantities, and a name run into what stood before it."""
REST = "Other findings"
OPEN_ENDS = "Limits and open questions"


@dataclass
class Theme:
    """A title and its findings."""

    title: str
    members: list[Statement] = field(default_factory=list)


def themes(statements: Sequence[Statement], question: str) -> list[Theme]:
    """Every statement in exactly one theme; at most five, titles distinct; what is left open comes last."""
    told = [one for one in statements if not OPEN.search(one.text)]
    open_ = [one for one in statements if one not in told]
    several = len(told) >= FEWEST and len({one.paper for one in told}) > 1
    groups, rest = _named(told, question) if several else ([], told)
    if rest and rest[0] is told[0]:
        groups.insert(0, Theme(MAIN, rest))
    elif rest:
        groups.append(Theme(REST, rest))
    return [*groups, Theme(OPEN_ENDS, open_)] if open_ else groups


def _named(statements: Sequence[Statement], question: str) -> tuple[list[Theme], list[Statement]]:
    """Themes with a title that all their members hold, and the statements none took."""
    labels = _labels(statements, question)
    left = list(statements)
    groups: list[Theme] = []
    used: set[str] = set()
    while len(groups) < MAX_NAMED:
        free = [(label, held) for label, held in labels.items() if not set(held.stems) & used]
        scored = [(_worth(label, held, left, len(statements)), label) for label, held in free]
        best, label = min(scored, key=lambda item: (-item[0], item[1]), default=(0.0, ""))
        if best <= 0:
            break
        stems = set(labels[label].stems)
        members = [one for one in left if one.id in labels[label].support]
        groups.append(Theme(_title(label, members), members))
        used |= stems
        left = [one for one in left if one not in members]
    return groups, left


@dataclass(frozen=True)
class _Label:
    stems: tuple[str, ...]
    support: frozenset[str]
    spelt: int


def _labels(statements: Sequence[Statement], question: str) -> dict[str, _Label]:
    """Candidate titles in their best spelling: phrase endings of one to four words that several findings hold.

    A title that only repeats the question tells nothing.
    """
    asked = set(terms(question))
    spellings: dict[tuple[str, ...], Counter[str]] = {}
    for one in statements:
        for phrase in one.phrases:
            for label in _endings(phrase):
                spellings.setdefault(tuple(terms(label)), Counter())[label] += 1
    found = {}
    for stems, spelt in sorted(spellings.items()):
        label = min(spelt, key=lambda text: (-len(words(text)), not text.endswith("s"), -spelt[text], text))
        names = [word for word in words(label) if any(map(str.isdigit, word))]  # a stem is without its number
        holders = [
            one for one in statements if set(stems) <= set(one.stems) and all(name in one.text for name in names)
        ]
        support = frozenset(one.id for one in holders)
        parrots = set(stems) <= asked and all(name.lower() in question.lower() for name in names)
        if len(support) >= 2 and not parrots and (len(words(label)) > 1 or names):
            found[label] = _Label(stems, support, sum(spelt.values()))
    return found


def _inside_name(pair: list[str]) -> bool:
    """Whether two words are parts of one name ("New Jersey")."""
    return pair[0].istitle() and pair[1].istitle()


def _endings(phrase: str) -> list[str]:
    """The phrase's last one to four words, where they can be a title."""
    tokens = phrase.split(" ")
    starts = [
        at
        for at in range(max(0, len(tokens) - MAX_LABEL_WORDS), len(tokens))
        if at == 0 or not _inside_name(tokens[at - 1 : at + 1])
    ]
    ends = [" ".join(tokens[at:]) for at in starts]
    return [
        end
        for end in ends
        if (stems := terms(end))
        and not set(stems) <= FILLER_STEMS
        and stems[-1] not in FILLER_STEMS
        and len(end) > 3
        and not _UNFIT.search(end)
    ]


def _worth(label: str, held: _Label, left: list[Statement], total: int) -> float:
    """How well a label would gather what is left: several findings, of several papers, by a specific name."""
    gained = [one for one in left if one.id in held.support]
    if len(gained) < 2:
        return 0.0
    value = min(len(gained), max(2, total // 2)) * (1.0 - len(held.support) / total / 2)
    value *= 1.5 if len(held.stems) > 1 else 0.6
    value *= 1.25 if any(is_named(word) for word in words(label)) else 1.0
    value *= 1.25 if len({one.paper for one in gained}) > 1 else 0.8
    return value * (1.0 if held.spelt > 1 else 0.6)


def _title(label: str, members: Sequence[Statement]) -> str:
    """The label as a title; a single name gets the word that follows it somewhere ("mRNA-1273 vaccine")."""
    phrases = [phrase.split(" ") for one in members for phrase in one.phrases]
    longer = Counter(" ".join(phrase[:2]) for phrase in phrases if phrase[0] == label and len(phrase) > 1)
    return headline(min(longer, key=lambda text: (-longer[text], text), default=label) if " " not in label else label)
