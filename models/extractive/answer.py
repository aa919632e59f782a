"""Free text from material: the sentences that answer best, in their own words and order."""

import re
from collections.abc import Sequence

from threadloom.models.extractive import cues, numbers
from threadloom.models.extractive.advice import advice
from threadloom.models.extractive.findings import manner
from threadloom.models.extractive.lead import gist
from threadloom.models.extractive.material import FAILED, Element, Material
from threadloom.models.extractive.sums import has_sum
from threadloom.models.extractive.text import concepts, overlap, sentences, squeeze, weights, words

NO_MATERIAL = "No material was given to answer from, and no language model is there that knows anything by itself."
NOTHING_ON_IT = "What was found says nothing on this."
NOTHING = (NO_MATERIAL, NOTHING_ON_IT)
"""How answers begin that there is none."""
MAX_SENTENCES = 4
SHORT = 60
"""Words up to which results of tools are passed on whole."""
SHARED = 2
"""Concepts of a question that a sentence must have, if the question has more than that: one word may be chance."""
FEW = 2
"""Concepts of a question all of which an answer has."""
TOPIC = 2
"""Sentences with a concept from which that is what a text is about."""
NEAR_BEST = 0.5
"""Share of the best sentence's score that another needs."""
_OWN = re.compile(r"\b(?:I|my|we|our)\b")
"""Who speaks of themselves asks for advice, and advice speaks to its reader."""
_YOUR = re.compile(r"\b(?:you|your)\b", re.IGNORECASE)
_JOINED = re.compile(r",|\b(?:and|or|versus|vs|with)\b", re.IGNORECASE)
_NAME = re.compile(r"(?=[\w-]{4})[\w-]+[A-Z][\w-]*")
_HOW_MANY = re.compile(r"\bhow (?:many|much)\b", re.IGNORECASE)
_VALUE = re.compile(r"(?:- )?([^\n=]{1,200} = -?\d[\d,]*(?:\.\d+)?\.)(?=\s|$)\s*")
_VALUES = re.compile(rf"(?:{_VALUE.pattern})+")


def answer(material: Material) -> str:
    """One to four sentences of the material that bear on the question, or one honest line."""
    given = [text for text in material.texts() if text.strip()]
    texts = [text for text in given if not text.startswith(NOTHING)]
    if not texts:  # a search that found nothing was made
        return NOTHING_ON_IT if given or material.results else NO_MATERIAL
    if (
        set(texts) <= set(material.results)
        and sum(len(words(text)) for text in texts) <= SHORT
        and not any(map(cues.instructs, texts))
        and (not material.searched or _to_the_point(gist(material.question), texts, texts))
    ):
        return " ".join(map(squeeze, texts))
    worked_out, receipts = values(texts), [one for one in material.results if cues.RECEIPT.fullmatch(one)]
    texts = [one for one in texts if one not in receipts and not _VALUES.fullmatch(one)]
    if worked_out and not concepts(gist(material.question)):  # nothing else is asked
        return " ".join([*worked_out, *receipts])
    own, found = _OWN.search(gist(material.question)), list[str]()
    if set(texts) <= set(material.results) and (own or _speaks(texts)):
        found = advice(material.question, [Element("result", one, {}) for one in texts])
    if not found and not own:
        searched = bool(material.results or material.of("document"))  # others found the rest for this very question
        asked = [material.question, *(one.text for one in material.of("goal"))]
        found = next(filter(None, (_bearing(gist(one), texts, searched=searched) for one in asked)), [])
    if not found and not worked_out:
        found = _done(material)
    return " ".join([*worked_out, *found, *receipts]) or NOTHING_ON_IT


def _bearing(question: str, texts: Sequence[str], *, searched: bool) -> list[str]:
    """The sentences that bear on a question; none where what was searched for is about something else."""
    found = best_sentences(question, texts, MAX_SENTENCES, SHARED)
    if not searched:
        return found
    found = _of_its_names(question, found, texts)
    return found if _to_the_point(question, found, texts) else []


def _of_its_names(question: str, found: Sequence[str], texts: Sequence[str]) -> list[str]:
    """The sentences of texts that have one of the question's names ("CRISPR", "mRNA"); all if it has none.

    Cells and diseases are in many papers: without the name they are about something else. US and UK are no such names,
    since they are spelled out.
    """
    names = {term for word in words(question) if _NAME.fullmatch(word) for term in concepts(word)}
    if not names or question.isupper():
        return list(found)
    parts = [squeeze(part) for text in texts for part in text.split("\n\n")]
    of_them = [part for part in parts if names & set(concepts(part))]
    return [one for one in found if any(one in part for part in of_them)]


def _done(material: Material) -> list[str]:
    """The first sentences of what earlier steps gave, each of which was chosen for a question of its own."""
    done = [one.text for one in material.of("step") if one.attributes.get("status") == "done"]
    worked = [text for text in done if not FAILED.match(text)]
    return [one for text in worked for one in sentences(text) if _tells(one)][:MAX_SENTENCES]


def _speaks(texts: Sequence[str]) -> bool:
    """Whether at least half of what was found speaks to its reader, as help pages do and papers do not."""
    parts = [part for text in texts for part in text.split("\n\n")]
    return 2 * sum(_YOUR.search(part) is not None for part in parts) >= len(parts) > 0


def values(texts: Sequence[str]) -> list[str]:
    """What was worked out, each once: "3 * 4 = 12."; of texts that say more only what is plainly a sum."""
    found = [
        one
        for text in texts
        for part in ([text] if _VALUES.fullmatch(text) else filter(_is_worked_out, sentences(text)))
        for one in _VALUE.findall(part)
    ]
    return list(dict.fromkeys(found))


def _is_worked_out(sentence: str) -> bool:
    return _VALUES.fullmatch(sentence) is not None and has_sum(sentence.rpartition(" = ")[0])


def _to_the_point(question: str, found: Sequence[str], texts: Sequence[str]) -> bool:
    """Whether sentences have half of the concepts of a question; of few, one text has all; of one, is about it.

    Few are only together in one place: a capital and a France of two papers are not the capital of France, unless
    they are joined, as "AlphaFold and GPT-3". One alone may be there by chance, as in "in order to", so a text of some
    length has it in more than one sentence.
    """
    asked, said = set(concepts(question)), set(concepts(" ".join(found)))
    if len(asked) > FEW:
        return 2 * len(asked & said) >= len(asked)
    if _HOW_MANY.search(question) and not any(map(numbers.says, found)):
        return False
    parts = [[set(concepts(one)) for one in sentences(part)] for text in texts for part in text.split("\n\n")]
    if len(asked) > 1 and any(asked <= set[str]().union(*part) for part in parts):
        return True
    if len(asked) > 1 and not _JOINED.search(question):
        return False
    return bool(asked) and all(any(_is_about(one, part) for part in parts) for one in asked)


def _is_about(concept: str, part: Sequence[set[str]]) -> bool:
    """Whether the sentences of a text have a concept more than once, if they are not very few."""
    return sum(concept in one for one in part) >= min(TOPIC, max(1, len(part) - 1))


def _tells(sentence: str) -> bool:
    """Whether a sentence is neither an order, nor something that every answer has anyway, nor none at all."""
    beside = _is_worked_out(sentence) or any(
        one.fullmatch(sentence) for one in (cues.RECEIPT, cues.LISTED, cues.SIGNED)
    )
    return not beside and not cues.instructs(sentence)


def best_sentences(query: str, texts: Sequence[str], limit: int, shared: int = 1) -> list[str]:
    """At most `limit` different sentences of `texts` nearest to `query`, in their order; any if the query has no terms.

    They share that many concepts with a query that has more than so many.
    """
    pool = [cues.heading(squeeze(one))[1] for text in texts for one in sentences(text) if _tells(one)]
    bodies = [concepts(one) for one in pool]
    weight, asked = weights(bodies), concepts(query)
    scored, seen = [], set[str]()
    for at, (one, terms) in enumerate(zip(pool, bodies, strict=True)):
        near = overlap(asked, terms, weight)
        enough = len(set(asked) & set(terms)) >= (shared if len(set(asked)) > shared else 1)
        if (enough or not asked) and len(words(one)) > 1 and (bare := one.lstrip("-*• ")) not in seen:
            seen.add(bare)
            scored.append((-(near + 0.25 * manner(one) + numbers.gain(query, one)), at, one))
    bar = NEAR_BEST * min(scored, default=(0.0,))[0]
    near_best = [item for item in sorted(scored)[:limit] if item[0] <= bar]
    return [one for _, _, one in sorted(near_best, key=lambda item: item[1])]
