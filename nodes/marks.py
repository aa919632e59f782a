"""Marks such as [2] in a text: which document a sentence rests on, and the list of those that were cited."""

import re
from collections.abc import Sequence

from threadloom.models.extractive.text import sentences, squeeze
from threadloom.state.letter import Source

_MARK = re.compile(r"\s*\[(\d+(?:\s*[,;–-]\s*\d+)*)\]")


def unmarked(text: str) -> str:
    """The text without marks: those of a document mean its own references."""
    return _MARK.sub("", text)


def marked(text: str, documents: Sequence[Source]) -> str:
    """Every sentence that is a document's own, and has no mark behind it, gets one."""
    bodies, parts = [squeeze(unmarked(one["text"])) for one in documents], _parts(text)
    following = [*parts[1:], ""]
    return "".join(
        part if _MARK.match(after) else _with_mark(part, bodies) for part, after in zip(parts, following, strict=True)
    )


def cited(text: str, documents: Sequence[Source]) -> tuple[str, list[Source]]:
    """The text with its marks numbered in their order, without those that name no document; and what they name."""
    order: dict[int, int] = {}

    def renumbered(mark: re.Match[str]) -> str:
        named = [int(number) for number in re.findall(r"\d+", mark[1])]
        known = dict.fromkeys(number for number in named if 1 <= number <= len(documents))
        told = [str(order.setdefault(number, len(order) + 1)) for number in known]
        return f" [{', '.join(told)}]" if told else ""

    text = _MARK.sub(renumbered, text)
    return text, [documents[number - 1] for number in order]


def _parts(text: str) -> list[str]:
    """The sentences of a text, each with all that follows it."""
    starts = [0]
    for one in sentences(text)[1:]:
        at = text.find(one, starts[-1] + 1)
        starts += [at] if at > 0 else []
    return [text[start:end] for start, end in zip(starts, [*starts[1:], None], strict=True)]


def _with_mark(part: str, bodies: Sequence[str]) -> str:
    sentence = part.rstrip()
    wanted = squeeze(unmarked(sentence))
    number = next((number for number, body in enumerate(bodies, 1) if len(wanted) > 1 and wanted in body), 0)
    return f"{sentence} [{number}]{part[len(sentence) :]}" if number else part
