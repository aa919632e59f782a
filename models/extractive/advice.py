"""Sentences of help pages that answer a customer: chosen by their own words and by the title they stand under.

Help pages speak to their reader ("press Restore"), so only what speaks to a model is left out here.
"""

import re
from collections.abc import Sequence

from threadloom.models.extractive import calls, cues, numbers
from threadloom.models.extractive.lead import gist
from threadloom.models.extractive.material import Element
from threadloom.models.extractive.text import concepts, overlap, sentences, squeeze, weights, words

MOST = 3
TITLE = 0.5
"""How much a word in the title counts beside one in the sentence."""
NEAR_BEST = 0.85
"""Share of the best sentence's score that another needs."""
_BACK = re.compile(r"\b(?:after|before|beside|with) that\b|\bin that case\b|^(?:then|otherwise)\b", re.IGNORECASE)
"""Points back at the sentence before, without which it is no advice."""
_WRONG = {"wrong", "incorrect"}
FEW = 2
"""Concepts of a question all of which an answer and its title must have."""


def advice(question: str, documents: Sequence[Element]) -> list[str]:
    """At most three sentences, as they stand and in their order; none if none bears on the question.

    Of several questions each has as many of its own: what is nearest to all of them is nearest to the longest.
    """
    pool = list(
        dict.fromkeys(
            (squeeze(one), document.attributes.get("title", ""))
            for document in documents
            for one in sentences(document.text)
            if not cues.OVERRIDE.search(one) and len(words(one)) > 2
        )
    )
    asked = gist(question)
    chosen = set[int]().union(*(_nearest(one, pool) for one in [asked, *calls.questions(asked)]))
    return [pool[at][0] for at in sorted(chosen)]


def _nearest(question: str, pool: Sequence[tuple[str, str]]) -> set[int]:
    """Which sentences under which titles answer a question."""
    weight, asked = weights(_ideas(f"{title} {one}") for one, title in pool), _ideas(question)

    def nearness(sentence: str, title: str) -> float:
        if asked and set(asked) <= set(_ideas(title)) and numbers.gain(question, sentence):
            return 1.0  # "Opening hours" is what the figures under it are
        return overlap(asked, _ideas(sentence), weight) if _on_it(set(asked), sentence, title) else 0.0

    own = [nearness(one, title) for one, title in pool]
    # A title alone does not make a sentence an answer.
    scores = [
        score and score + TITLE * _headed(asked, title, weight) + numbers.gain(question, one)
        for score, (one, title) in zip(own, pool, strict=True)
    ]
    bar = NEAR_BEST * max(scores, default=0)
    near = sorted((-score, at) for at, score in enumerate(scores) if score and score >= bar)[:MOST]
    chosen = {at for _, at in near}
    return chosen | {at - 1 for at in chosen if at and _BACK.search(pool[at][0]) and pool[at - 1][1] == pool[at][1]}


def _ideas(text: str) -> list[str]:
    """Concepts; who says that something is wrong asks how it is corrected."""
    return ["correct" if one in _WRONG else one for one in concepts(text)]


def _headed(asked: Sequence[str], title: str, weight: dict[str, float]) -> float:
    """How much of the question a title has, and of its own heading the question: "Cancelling" is nearer to "cancel"
    than "A charge after you cancelled".
    """
    heading = _ideas(title.rpartition(": ")[2])
    return overlap(asked, _ideas(title), weight) * (1 + overlap(heading, asked, weight)) / 2


def _on_it(asked: set[str], sentence: str, title: str) -> bool:
    """Whether a sentence shares more than one word of several with the question, or one that its page is about.

    Of a few words every one counts: who wants to "free a seat" is not answered by the price of a seat. One alone may
    stand in any sentence, so it has to be in the title, if there is one.
    """
    shared, titled = asked & set(_ideas(sentence)), set(_ideas(title))
    if len(asked) == 1 and titled.isdisjoint(asked) and title:
        return False
    if len(asked) <= FEW:
        return bool(shared) and asked <= shared | titled
    return len(shared) > 1 or bool(shared & titled)
