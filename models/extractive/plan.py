"""A research plan from a free-form question: topic, search terms, narrower questions, years."""

import re
from typing import Any

from threadloom.models.extractive.lead import core
from threadloom.models.extractive.lexicon import FILLER_NOUNS
from threadloom.models.extractive.question import parse
from threadloom.models.extractive.reading import Question
from threadloom.models.extractive.text import (
    capitalise,
    fold,
    is_filler,
    is_named,
    key_phrases,
    squeeze,
    terms,
    words,
)
from threadloom.models.extractive.years import years

MAX_TERMS = 8
MAX_TERM_WORDS = 4

ON_BOTH = (
    "How large is {effect}, and how was it measured?",
    "Under what conditions does {effect} differ?",
    "What limits the evidence on {x} and {y}?",
)
ON_TOPIC = (
    "What results are reported on {topic}, and how were they measured?",
    "Under what conditions do results on {topic} differ?",
    "What limits the evidence on {topic}?",
)
TEMPLATES = {
    "comparison": (
        "What is reported on {x}?",
        "What is reported on {y}?",
        "What do direct comparisons of {x} and {y} show?",
        "Under what conditions does the difference between {x} and {y} change?",
    ),
    "mechanism": (
        "What mechanisms are proposed for {topic}?",
        "What observations or experiments test explanations of {topic}?",
        "What remains unexplained about {topic}?",
    ),
    "overview": (
        "What are the main results on {topic}?",
        "What methods are used to study {topic}?",
        "What problems or limits are reported for {topic}?",
    ),
    "history": (
        "What events or observations led to {topic}?",
        "What methods established {topic}?",
        "How have views on {topic} changed since?",
    ),
    "measure": (
        "What values are reported for {topic}?",
        "What methods were used to measure {topic}?",
        "How uncertain are the values reported for {topic}?",
    ),
    "policy": (
        "What effects of {topic} are reported?",
        "What costs or risks of {topic} are reported?",
        "What alternatives to {topic} have been studied?",
        "What limits the evidence on {topic}?",
    ),
    "unread": (
        "What do studies find on “{topic}”?",
        "What methods do studies of “{topic}” use?",
        "What do studies of “{topic}” leave open?",
    ),
}
"""Narrower questions by kind; every one is grammatical for singular and plural, with and without article."""


def plan(question: str, today: int | None = None) -> dict[str, Any]:
    """A plan with the fields of `PlanDraft`; `today` is the current year."""
    limits = years(squeeze(question), today)
    asked = parse(core(limits.rest) or squeeze(question))
    return {
        "topic": _bare(asked.topic),
        "sub_questions": sub_questions(asked),
        "key_terms": key_terms(asked, question),
        "year_from": limits.first,
        "year_to": limits.last,
    }


def _bare(phrase: str) -> str:
    """Without its leading article."""
    return re.sub(r"^(?:the|an?)\s(?=\S)", "", phrase, flags=re.IGNORECASE)


def sub_questions(asked: Question) -> list[str]:
    """Two to four narrower questions by the kind of question."""
    names = {"topic": asked.topic, "x": asked.subject, "y": asked.object}
    names = {name: _inside(phrase) for name, phrase in names.items()} | {"claim": asked.claim}
    names["effect"] = _PLURAL_EFFECT.sub(r"the \1effect ", names["topic"])
    if _ABOUT_SUBJECT.match(asked.topic):
        names["topic"] = names["x"]
    made = [squeeze(template.format(**names)) for template in _templates(asked)]
    return [_LINK_SIZE.sub("How strong", text) for text in made]


_PLURAL_EFFECT = re.compile(r"^the (\w+ )?(?:effects|impacts|consequences|benefits) ")
_ABOUT_SUBJECT = re.compile(
    r"the [\w ]*(?:causes?|drivers?|mechanisms?|reasons?|determinants|limits|measurement|estimation|determination|"
    r"calculation) (?:of|for)\b"
)
"""Topics such as "the causes of X": what is asked narrower is asked of X."""
_LINK_SIZE = re.compile(r"^How large(?= is the (?:[\w-]+ )?(?:link|relat|associat|correlat|connect|interact))")


def _templates(asked: Question) -> tuple[str, ...]:
    if asked.kind != "effect":
        return TEMPLATES[asked.kind]
    if asked.subject and asked.object and asked.topic.startswith("the "):
        chosen = ON_BOTH
    elif asked.subject and asked.subject == asked.topic:
        chosen = ("How large are the reported effects of {topic}?", *ON_TOPIC[1:])
    else:
        chosen = ON_TOPIC
    return ("What is the evidence that {claim}?", *chosen) if asked.claim else chosen


def _inside(phrase: str) -> str:
    """A noun phrase for the middle of a sentence: a plain capitalised article or first word goes lower case."""
    first = phrase.partition(" ")[0]
    plain = first.istitle() and (fold(first) in FILLER_NOUNS or is_filler(first))
    return phrase[:1].lower() + phrase[1:] if plain else phrase


def key_terms(asked: Question, question: str) -> list[str]:
    """Content phrases of a question, at most eight: multi-word and named terms first, otherwise in order."""
    found = (
        _candidates(asked.text, asked) or _candidates(question, asked) or ([_bare(asked.topic)] if asked.topic else [])
    )
    ranked = sorted(enumerate(found), key=lambda item: (-_specific(item[1]), item[0]))
    kept: list[str] = []
    for _, phrase in ranked:
        if not any(set(terms(phrase)) <= set(terms(other)) for other in kept if terms(phrase)):
            kept.append(phrase)
    return kept[:MAX_TERMS]


_LIGHT = re.compile(
    r"^(?:giving|getting|taking|having|doing|making|putting|paying|using|some|others)\s|\s(?:when|if)$", re.IGNORECASE
)
"""Words that begin or end a run of content words but add nothing to a search."""
_PLACEHOLDER = re.compile(r"^(?:[\w-]+ )?(?:ones|others|them|doubling|halving)$", re.IGNORECASE)
"""A word that stands for a thing named elsewhere, with or without an adjective."""


def _candidates(text: str, asked: Question) -> list[str]:
    runs = key_phrases(text, lambda word: is_filler(word) or fold(word) in asked.verbs)
    bare = [_LIGHT.sub("", run) for run in runs if not _PLACEHOLDER.match(run)]
    return [part for run in bare for part in _parts(run) if not _stray(part) and not _asked_how(part, text)]


def _asked_how(phrase: str, text: str) -> bool:
    """Whether a phrase is the adjective that the question asks after: "how deep"."""
    return re.search(rf"\bhow {re.escape(phrase)}\b", text, re.IGNORECASE) is not None


def _stray(phrase: str) -> bool:
    """A single word that names no subject: filler by its stem, or one letter."""
    return len(phrase) < 2 or (len(words(phrase)) == 1 and fold(phrase) in FILLER_NOUNS)


def _parts(run: str) -> list[str]:
    """A run of more than four words as its first part and its last two words."""
    tokens = run.split(" ")
    return [run] if len(tokens) <= MAX_TERM_WORDS else [" ".join(tokens[:-2][:MAX_TERM_WORDS]), " ".join(tokens[-2:])]


def _specific(phrase: str) -> int:
    return (len(words(phrase)) > 1) + any(is_named(word) for word in words(phrase))


def headline(phrase: str) -> str:
    """A phrase as a title: no article, first letter in upper case."""
    return capitalise(_bare(squeeze(phrase)))
