"""A note made of material: the sentences nearest to what is asked, as a list, with the sources they are from."""

from threadloom.models.extractive.answer import best_sentences
from threadloom.models.extractive.material import Material
from threadloom.models.extractive.text import concepts, fold

MOST = 8


def note(material: Material) -> str:
    """Markdown; empty if no sentence fits. Looks for what the goal asks too, since a task names only its own part."""
    wanted = " ".join([material.question, *(one.text for one in material.of("goal"))])
    sources = [one.text for one in material.of("source") if concepts(one.text) & concepts(wanted)]
    found = [one for one in best_sentences(wanted, material.texts(), MOST) if not _is_title(one, sources)]
    if not found:
        return ""
    listed = ["", "Sources:", "", *(f"- {one}" for one in sources)] if sources else []
    return "\n".join([*(f"- {one}" for one in found), *listed, "", "(extractive, no language model)", ""])


def _is_title(sentence: str, sources: list[str]) -> bool:
    return any(fold(source).startswith(fold(sentence).rstrip(".")) for source in sources)
