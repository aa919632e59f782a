"""Free text from material: the sentences that answer best, in their own words and order."""

from collections.abc import Sequence

from threadloom.models.extractive import cues
from threadloom.models.extractive.findings import manner
from threadloom.models.extractive.material import Material
from threadloom.models.extractive.text import concepts, overlap, sentences, squeeze, weights, words

NO_MATERIAL = "No material was given to answer from, and the extractive model knows nothing of its own."
NOTHING_ON_IT = "The material given says nothing on this."
MAX_SENTENCES = 4
SHORT = 60
"""Words up to which results of tools are passed on whole."""


def answer(material: Material) -> str:
    """One to four sentences of the material that bear on the question, or one honest line."""
    texts = [text for text in material.texts() if text.strip()]
    if not texts:
        return NO_MATERIAL
    if (
        texts == material.results
        and sum(len(words(text)) for text in texts) <= SHORT
        and not any(map(cues.instructs, texts))
    ):
        return " ".join(map(squeeze, texts))
    return " ".join(best_sentences(material.question, texts, MAX_SENTENCES)) or NOTHING_ON_IT


def best_sentences(query: str, texts: Sequence[str], limit: int) -> list[str]:
    """At most `limit` different sentences of `texts` nearest to `query`, in their order; any if it has no terms."""
    pool = [cues.heading(squeeze(one))[1] for text in texts for one in sentences(text) if not cues.instructs(one)]
    bodies = [concepts(one) for one in pool]
    weight, asked = weights(bodies), concepts(query)
    scored, seen = [], set[str]()
    for at, (one, terms) in enumerate(zip(pool, bodies, strict=True)):
        near = overlap(asked, terms, weight)
        if (near or not asked) and len(words(one)) > 1 and (bare := one.lstrip("-*• ")) not in seen:
            seen.add(bare)
            scored.append((-(near + 0.25 * manner(one)), at, one))
    return [one for _, _, one in sorted(sorted(scored)[:limit], key=lambda item: item[1])]
