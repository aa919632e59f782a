"""A note made of material: the sentences nearest to what is asked, as a list, with the sources they are from."""

from threadloom.models.extractive.answer import SHARED, best_sentences, values
from threadloom.models.extractive.calls import PATH
from threadloom.models.extractive.material import FAILED, Material
from threadloom.models.extractive.text import concepts, fold

MOST = 8


def note(material: Material) -> str | None:
    """Markdown; None where nothing fits a goal, so that there is no note to write; empty where there is no goal.

    Looks for what the goal asks too, since a task names only its own part.
    """
    wanted = PATH.sub("", " ".join([material.question, *(one.text for one in material.of("goal"))]))
    named = [one.text for one in material.of("source")]
    texts = [one for one in material.texts() if not FAILED.match(one)]
    near = best_sentences(wanted, texts, MOST, SHARED) or best_sentences(wanted, texts, MOST)
    found = [*values(texts), *(one for one in near if not _is_title(one, named))]
    found = list(dict.fromkeys(found))
    said = set(concepts(" ".join(found))).intersection(concepts(wanted))
    sources = [one for one in named if said.intersection(concepts(one))] or named
    if not found:
        return None if material.of("goal") else ""
    listed = ["", "Sources:", "", *(f"- {one}" for one in sources)] if sources else []
    return "\n".join([*(f"- {one}" for one in found), *listed, "", "(extractive, no language model)", ""])


def _is_title(sentence: str, sources: list[str]) -> bool:
    return any(fold(source).startswith(fold(sentence).rstrip(".")) for source in sources)
