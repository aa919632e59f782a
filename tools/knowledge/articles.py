"""A knowledge base of help pages: a folder of Markdown files, each cut at its headings into passages that are searched.

The sample that comes along is about Larkfile, a service that does not exist, and is of our own writing.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.resources import as_file, files
from math import log
from pathlib import Path

from threadloom.models.extractive.text import FILLER_STEMS, overlap, sentences, terms, weights
from threadloom.state.routing import Passage
from threadloom.tools.fulltext import Document, FullTextIndex, search_words

MAX_BYTES = 2_000_000
"""Of one file; help pages are not that long."""
MAX_QUESTION = 5_000
"""Characters of a message that are searched for."""
ABOUT, TWO = 0.4, 2
"""Share of a sentence's words, the rare ones counting more, or number of them that make a passage be about it."""
_HEADING = re.compile(r"^(#{1,3})[ \t]+(.+?)[ \t]*#*$", re.MULTILINE)


class Knowledge:
    """Passages and their index, which never change. Safe to use from several threads at once."""

    def __init__(self, passages: Iterable[Passage]) -> None:
        self.passages: Sequence[Passage] = list(passages)
        self._terms = [frozenset(terms(f"{one['title']} {one['text']}")) for one in self.passages]
        self._weights = weights(self._terms)
        self._index = FullTextIndex(Document(one["title"], "", one["text"]) for one in self.passages)

    def search(self, question: str, limit: int) -> list[Passage]:
        """At most `limit` passages that are about some sentence of the question, best first; none if none is."""
        asked = [set(terms(one)) for one in sentences(question[:MAX_QUESTION])]
        hits = self._index.search(search_words(question[:MAX_QUESTION]), 4 * limit)
        return [self.passages[at] for at in hits if any(self._is_about(at, one) for one in asked)][:limit]

    def _is_about(self, at: int, asked: set[str]) -> bool:
        """Whether a passage has two of the words asked for, or enough of them; those in no passage are the rarest.

        Not so "please", "want" and the like, which say only that something is asked.
        """
        rarest, told = log(1 + len(self.passages)), asked - FILLER_STEMS or asked
        weight = {term: self._weights.get(term, rarest) for term in told}
        return len(asked & self._terms[at]) >= TWO or overlap(told, self._terms[at], weight) >= ABOUT


@cache
def sample() -> Knowledge:
    """The sample that comes with the package."""
    with as_file(files("threadloom.tools.knowledge") / "pages") as folder:
        return load_folder(folder)


def load_folder(folder: Path) -> Knowledge:
    """All `.md` files of a folder and below. Raises ValueError, one line, if one cannot be used or none is there.

    A file that a link leads to outside of the folder is not read.
    """
    root = folder.resolve()
    if not root.is_dir():
        raise ValueError(f"{folder}: there is no such folder")
    paths = [path for path in sorted(root.rglob("*.md")) if path.is_file() and path.resolve().is_relative_to(root)]
    passages = [passage for path in paths for passage in _passages(path, path.relative_to(root).as_posix())]
    if not passages:
        raise ValueError(f"{folder}: no Markdown file (.md) with text in it")
    return Knowledge(passages)


def _passages(path: Path, name: str) -> Iterator[Passage]:
    """The text under each heading, titled with the headings above it; what has no text is no passage."""
    titles: list[str] = []
    for number, (level, heading, body) in enumerate(_sections(_read(path), path.stem), 1):
        titles = [*titles[: level - 1], heading]
        if body:
            yield Passage(id=f"{name}#{number}", title=": ".join(titles), text=body)


def _sections(text: str, name: str) -> Iterator[tuple[int, str, str]]:
    """Level, heading and body of each section; what stands before the first heading is under the file's name."""
    marks = list(_HEADING.finditer(text))
    ends = [*(mark.start() for mark in marks), len(text)]
    if before := text[: ends[0]].strip():
        yield 1, name, before
    for mark, end in zip(marks, ends[1:], strict=True):
        yield len(mark[1]), mark[2], text[mark.end() : end].strip()


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"{path}: larger than {MAX_BYTES:,} bytes")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path}: is not UTF-8 text") from None
