"""Verbs of questions: finding the main one, and its forms (regular verbs of the lexicon's list)."""

import re
from collections.abc import Callable

from threadloom.models.extractive.lead import ADVERBS
from threadloom.models.extractive.lexicon import DETERMINERS, PARTICIPLES, STOP_WORDS, VERBS


def split(rest: str, forms: Callable[[str], bool]) -> tuple[str, str, str] | None:
    """Subject, verb and object of the words after an auxiliary."""
    tokens = rest.split()
    at = _verb_at(tokens, forms)
    if at is None:
        return None
    subject = re.sub(rf"(?:\s{ADVERBS})+$", "", " ".join(tokens[:at]))
    return subject, tokens[at].lower().strip(","), re.sub(rf"^(?:{ADVERBS}\s)+", "", " ".join(tokens[at + 1 :]))


def _verb_at(tokens: list[str], forms: Callable[[str], bool]) -> int | None:
    """Index of the main verb: not first, not after a determiner or preposition, not a noun before another verb."""
    for index in range(1, len(tokens)):
        before, word = tokens[index - 1].lower(), tokens[index].lower().strip(",")
        if forms(word) and before not in DETERMINERS and not before.endswith(","):
            following = tokens[index + 1].lower() if index + 1 < len(tokens) else ""
            if not (forms(following) and following not in {"help", "use", "work", "rise", "fall", "drop", "change"}):
                return index
    return None


def guessed(rest: str) -> tuple[str, str, str] | None:
    """Subject, verb and object where the verb is not known: the word after the first plural noun is taken for it."""
    tokens = rest.split()
    for at, word in enumerate(tokens[1:], 1):
        if re.search(r"[^suiS]s$", tokens[at - 1]) and re.fullmatch(r"[a-z]+[^s\W]", word) and word not in STOP_WORDS:
            return " ".join(tokens[:at]), word, " ".join(tokens[at + 1 :])
    return None


def is_base(word: str) -> bool:
    """Whether a word is a known verb in base form."""
    return word in VERBS


def is_third(word: str) -> bool:
    """Whether a word is a known verb in base form or third person."""
    return word in VERBS or (word.endswith("s") and third(base(word)) == word)


def is_participle(word: str) -> bool:
    """Whether a word may be a participle."""
    return word in PARTICIPLES or (word.endswith("ed") and len(word) > 4)


def third(verb: str) -> str:
    """Third person singular of a regular verb."""
    if verb == "have":
        return "has"
    if re.search(r"(?:[sxz]|ch|sh|o)$", verb):
        return verb + "es"
    return re.sub(r"(?<=[^aeiou])y$", "ie", verb) + "s"


def base(verb: str) -> str:
    """Base form of a regular third person or participle; the word itself where the verb is not known."""
    stems = (verb, verb[:-1], verb[:-2], verb[:-3] + "y", verb[:-3])
    return next((stem for stem in stems if stem in VERBS), verb)


def gerund(verb: str) -> str:
    """The -ing form of a regular verb."""
    if verb.endswith("ie"):
        return verb[:-2] + "ying"
    if re.search(r"[^eoy]e$", verb):
        return verb[:-1] + "ing"
    doubled = re.fullmatch(r"[^aeiou]*[aeiou][bdgmnprt]", verb) and verb not in {"visit"}
    return verb + (verb[-1] if doubled else "") + "ing"
