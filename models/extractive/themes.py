"""Findings grouped by the words they share; description comes first, as in Lingo (Osiński and Weiss 2005).

Phrases that several findings hold are candidate titles; the one that gathers most findings not yet placed wins, and so
on. So a title is true of every finding chosen for it. What is left joins the group it is most like, or a last group.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from threadloom.models.extractive.cues import OPEN
from threadloom.models.extractive.lexicon import VERBS
from threadloom.models.extractive.plan import headline
from threadloom.models.extractive.statement import Statement
from threadloom.models.extractive.text import FILLER_STEMS, is_named, lower_first, overlap, terms, weights, words

MAX_NAMED = 3
MAX_LABEL_WORDS = 4
ALIKE = 0.35
"""Weighted share of a finding's terms from which it joins a group."""
REST = "Other findings"
OPEN_ENDS = "Limits and open questions"


@dataclass
class Theme:
    """A title and its findings."""

    title: str
    members: list[Statement] = field(default_factory=list)


def themes(statements: Sequence[Statement], question: str, topic: str) -> list[Theme]:
    """Every statement in exactly one theme; at most five, titles distinct. `topic` names a group without a name."""
    if len(statements) < 5:
        return [Theme(_fallback(topic), list(statements))] if statements else []
    told = [one for one in statements if not OPEN.search(one.text)] or list(statements)
    open_ = [one for one in statements if one not in told]
    groups, left = _named(told, set(terms(question)))
    rest = _joined(groups, left)
    if rest:
        groups.append(Theme(REST if groups else _fallback(topic), rest))
    return [*groups, Theme(OPEN_ENDS, open_)] if open_ else groups


def _fallback(topic: str) -> str:
    title = headline(topic)
    return title if len(title.split()) > 1 else f"Findings on {lower_first(title) or 'the question'}"


def _named(statements: Sequence[Statement], asked: set[str]) -> tuple[list[Theme], list[Statement]]:
    """Themes with a title that all their members hold, and the statements none took."""
    labels = _labels(statements)
    left = list(statements)
    groups: list[Theme] = []
    used: set[str] = set()
    while len(groups) < MAX_NAMED:
        free = [(label, held) for label, held in labels.items() if not set(held.stems) & used]
        scored = [(_worth(label, held, left, len(statements), asked), label) for label, held in free]
        best, label = min(scored, key=lambda item: (-item[0], item[1]), default=(0.0, ""))
        if best <= 0:
            break
        stems = set(labels[label].stems)
        members = [one for one in left if stems <= set(one.stems)]
        groups.append(Theme(_title(label, members), members))
        used |= stems
        left = [one for one in left if one not in members]
    return groups, left


@dataclass(frozen=True)
class _Label:
    stems: tuple[str, ...]
    support: frozenset[str]
    spelt: int


def _labels(statements: Sequence[Statement]) -> dict[str, _Label]:
    """Candidate titles in their best spelling: phrase endings of one to four words that several findings hold."""
    spellings: dict[tuple[str, ...], Counter[str]] = {}
    for one in statements:
        for phrase in one.phrases:
            for label in _endings(phrase):
                spellings.setdefault(tuple(terms(label)), Counter())[label] += 1
    found = {}
    for stems, spelt in sorted(spellings.items()):
        support = frozenset(one.id for one in statements if set(stems) <= set(one.stems))
        if len(support) >= 2:
            label = min(spelt, key=lambda text: (-len(words(text)), not text.endswith("s"), -spelt[text], text))
            if len(words(label)) == 1 and not is_named(label.replace("-", "")) and not _is_noun(label, statements):
                continue
            found[label] = _Label(stems, support, sum(spelt.values()))
    return found


def _inside_name(pair: list[str]) -> bool:
    """Whether two words are parts of one name ("New Jersey")."""
    return pair[0].istitle() and pair[1].istitle()


def _is_noun(word: str, statements: Sequence[Statement]) -> bool:
    """Whether a word stands where nouns do, after a determiner, preposition or adjective, and is no common verb."""
    before = re.compile(
        r"\b(?:the|an?|of|in|for|on|by|with|from|between|against|per|and|or|its|their|\w+(?:al|ic|ive|ous|ary|"
        rf"ent|ant))\s+{re.escape(word)}\b",
        re.IGNORECASE,
    )
    spaced = word.replace("-", " ")
    if spaced != word:
        return any(spaced.lower() in one.text.lower() for one in statements)
    return word.lower() not in VERBS and any(before.search(one.text) for one in statements)


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
        and not end.endswith("ed")
    ]


def _worth(label: str, held: _Label, left: list[Statement], total: int, asked: set[str]) -> float:
    """How well a label would gather what is left: several findings, of several papers, by a specific name."""
    gained = [one for one in left if one.id in held.support]
    if len(gained) < 2:
        return 0.0
    value = min(len(gained), max(2, total // 2)) * (1.0 - len(held.support) / total / 2)
    value *= 1.5 if len(held.stems) > 1 else 0.6
    value *= 1.25 if any(is_named(word) for word in words(label)) else 1.0
    value *= 1.25 if len({one.paper for one in gained}) > 1 else 0.8
    return value * (0.45 if set(held.stems) <= asked else 1.0) * (1.0 if held.spelt > 1 else 0.6)


def _title(label: str, members: Sequence[Statement]) -> str:
    """The label as a title; a single word gets company from what else all members share, or is "Findings on …"."""
    if len(words(label)) == 1 and not is_named(label.replace("-", "")):
        label = label.replace("-", " ")  # "minimum-wage increase" is about the minimum wage
    if len(words(label)) > 1:
        return headline(label)
    return _paired(label, members) or _longer(label, members) or f"Findings on {lower_first(label)}"


def _paired(label: str, members: Sequence[Statement]) -> str:
    """The label and another noun phrase whose terms all members have."""
    common = set.intersection(*(set(one.stems) for one in members)) - set(terms(label)) - FILLER_STEMS
    ends = [end for one in members for phrase in one.phrases for end in _endings(phrase) if set(terms(end)) <= common]
    partners = Counter(end for end in ends if is_named(end) or _is_noun(end, members))
    if not partners:
        return ""
    return headline(f"{label} and {min(partners, key=lambda text: (-len(words(text)), -partners[text], text))}")


def _longer(label: str, members: Sequence[Statement]) -> str:
    """The phrase that most often ends in the label; for a name once is enough."""
    last = terms(label)
    phrases = [phrase for one in members for phrase in one.phrases if terms(phrase)[-1:] == last]
    longer = Counter(phrase for phrase in phrases if 1 < len(words(phrase)) <= MAX_LABEL_WORDS)
    if not longer or (max(longer.values()) == 1 and not is_named(label)):
        return ""
    return headline(min(longer, key=lambda text: (-longer[text], text)))


def _joined(groups: list[Theme], left: list[Statement]) -> list[Statement]:
    """Put each statement into the group it is most like; returns those like none."""
    weight = weights(one.concepts for group in groups for one in group.members)
    rest = []
    for one in left:
        likeness = [
            (max(overlap(one.concepts, member.concepts, weight) for member in group.members), -at)
            for at, group in enumerate(groups)
            if not any(is_named(word) for word in words(group.title))  # such a title would be wrong of it
        ]
        best, at = max(likeness, default=(0.0, 0))
        if best >= ALIKE:
            groups[-at].members.append(one)
        else:
            rest.append(one)
    return rest
