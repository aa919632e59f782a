"""One finding of a report and what its words say: terms, phrases, whether something rose, fell or did not change."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

from threadloom.models.extractive.lexicon import IRREGULAR, NOUN_VERB_FORMS
from threadloom.models.extractive.text import (
    FILLER_STEMS,
    concepts,
    fold,
    is_filler,
    key_phrases,
    terms,
    words,
)

Direction = Literal["an increase", "a decrease", "no change"]
_UP = (
    r"increase[sd]?|rises?|rose|risen|raise[sd]?|grew|grown|grows|gained|improve[sd]?|enhance[sd]?|boost(?:s|ed)?|"
    r"doubled|tripled|higher|greater"
)
_DOWN = (
    r"reduce[sd]?|decrease[sd]?|lowered|lowers|decline[sd]?|falls?|fell|fallen|drop(?:s|ped)|halved|diminish(?:es|"
    r"ed)|cuts?|lower|fewer|smaller"
)
_NOUN = r"(?:reduction|decrease|decline|drop|fall|increase|rise|growth|improvement|gain)s? (?:in|of)"
_NONE = (
    r"(?:no|without) (?:\w+ ){0,2}?(?:effects?|differences?|changes?|associations?|evidence|reductions?|"
    r"increases?|loss(?:es)?) (?:on|in|of|between|for)|"
    r"(?:did|does|do|was|were|is|are|had|has|have) no(?:t)? (?:\w+ly )?(?:change|differ|affect|increase|reduce|"
    r"improve|lower|raise|decrease|decline|associated with|linked to|affected by)|"
    r"(?:stayed|remained|was|were) (?:\w+ ){0,2}?(?:unchanged|unaffected|stable|the same|constant)|unaffected"
)
_SAYS = re.compile(rf"\b(?:(?P<none>{_NONE})|(?P<noun>{_NOUN})|(?P<up>{_UP})|(?P<down>{_DOWN}))\b", re.IGNORECASE)
_BREAK = re.compile(
    r"[,;:()]|\b(?:in|on|at|by|for|from|to|of|with|among|between|than|after|before|during|when|while|whereas|"
    r"because|relative|compared|and|but|over|across)\b",
    re.IGNORECASE,
)
_NEGATION = re.compile(
    r"\b(?:no|not|never|without|neither|nor|cannot|fail(?:s|ed)?|lack(?:s|ed)?|absence)\b|n['’]t\b", re.IGNORECASE
)


class Change(NamedTuple):
    """What a sentence says rose, fell or stayed, and what else it is about (both as concepts)."""

    direction: Direction
    of: frozenset[str]
    about: frozenset[str]


@dataclass(frozen=True)
class Statement:
    """A finding with its paper."""

    id: str
    paper: str
    text: str

    @cached_property
    def concepts(self) -> frozenset[str]:
        """Its content terms, near-synonyms as one."""
        return frozenset(concepts(self.text))

    @cached_property
    def phrases(self) -> list[str]:
        """Its noun phrases, roughly: runs of content words that end at a verb."""
        return key_phrases(self.text, _ends_phrase)

    @cached_property
    def stems(self) -> list[str]:
        """All content stems in order."""
        return terms(self.text)

    @property
    def negated(self) -> bool:
        """Whether anything in it is negated."""
        return _NEGATION.search(self.text) is not None

    @cached_property
    def change(self) -> Change | None:
        """The one change it states; None if it states none or several that differ."""
        if _HEDGE.search(self.text):
            return None
        found = [change for match in _SAYS.finditer(self.text) if (change := self._read(match))]
        directions = {change.direction for change in found}
        if len(directions) != 1 or (self.negated and "no change" not in directions):
            return None
        of = frozenset(term for change in found for term in change.of)
        return Change(found[0].direction, of, self.concepts - of)

    def _read(self, match: re.Match[str]) -> Change | None:
        before, after = self.text[: match.start()], self.text[match.end() :]
        if match["none"]:
            direction: Direction = "no change"
        elif _NEGATION.search(" ".join(before.split()[-4:])):
            direction = "no change"
        elif match["noun"]:
            direction = "a decrease" if re.match(r"(?:red|dec|dro|fal)", match[0], re.IGNORECASE) else "an increase"
        else:
            direction = "an increase" if match["up"] else "a decrease"
        if _ADJECTIVE.fullmatch(match[0]) and not (_PREDICATE.search(before) or _COMPARED.match(after)):
            return None
        of = _subject_terms(_BREAK.split(after.strip())[0])
        if _NOUN_OR_VERB.fullmatch(match[0]) and (not of or (is_filler(words(after)[0]) and not _ARTICLE.match(after))):
            return None
        if not of and match["noun"] is None:
            of = _subject_terms(re.split(r"[,;:]", before)[-1])
        return Change(direction, of, frozenset()) if of else None


_NOUN_OR_VERB = re.compile(r"(?:increase|decline|rise|raise|drop|fall|decrease|cut|gain|boost)s?", re.IGNORECASE)
_ADJECTIVE = re.compile(r"higher|greater|lower|fewer|smaller", re.IGNORECASE)
_PREDICATE = re.compile(
    r"\b(?:is|are|was|were|had|have|has|showed?|shows|significantly|associated with)\s+(?:an? |also |much )?$",
    re.IGNORECASE,
)
_COMPARED = re.compile(r"\s+(?:in|than|among|for|with)\b", re.IGNORECASE)
_HEDGE = re.compile(r"\b(?:may|might|could|would|whether|unclear|uncertain|if)\b", re.IGNORECASE)
"""What a sentence with one of these says is not certain enough to be set against another."""
_ARTICLE = re.compile(r"\s+(?:the|an?|its|their|both|all)\b", re.IGNORECASE)


def _subject_terms(text: str) -> frozenset[str]:
    return frozenset(term for term in concepts(text) if term not in FILLER_STEMS)


def _ends_phrase(word: str) -> bool:
    low = fold(word)
    participle = (len(low) > 3 and low.endswith("ed") and "-" not in low) or low in IRREGULAR
    return (
        is_filler(word)
        or low in NOUN_VERB_FORMS
        or participle
        or low.endswith("ly")
        or low.replace(",", "").replace(".", "").isdigit()
    )
