"""The library: the bundled papers and the user's own, searched together.

Users' papers live in `library.db` in the folder `$THREADLOOM_HOME`, by default `$XDG_DATA_HOME/threadloom` or
`~/.local/share/threadloom`.
"""

import json
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path

from threadloom.state.papers import Paper
from threadloom.tools.fulltext import Document, FullTextIndex
from threadloom.tools.library.additions import Additions
from threadloom.tools.library.entry import to_paper
from threadloom.tools.library.readers import read_entries


@dataclass
class AddReport:
    """What adding files did: titles of the papers, and one line for each entry or file that could not be used."""

    added: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


class Library:
    """The bundled papers and, with `own`, those of one user. Safe to use from several threads and processes at once."""

    def __init__(self, home: Path | None = None, *, own: bool = True) -> None:
        self._additions = Additions((home or user_folder()) / "library.db")
        self._own = own
        self._lock = threading.Lock()
        self._indexed: tuple[object, list[Paper], FullTextIndex] | None = None

    def entries(self) -> list[Paper]:
        """All papers. One that the user added replaces the bundled one with its id, unless it has no text.

        Raises ValueError, one line, if the user's papers cannot be read; so does `search`.
        """
        return self._current()[0]

    def search(self, terms: Sequence[str], limit: int) -> list[Paper]:
        """Papers that hold any of `terms` (words or phrases), best first."""
        papers, index = self._current()
        return [papers[position] for position in index.search(terms, limit)]

    def add(self, *paths: Path) -> AddReport:
        """Add the papers of `.bib`, `.json` (ours or CSL-JSON) and `.md` files.

        Files and entries that cannot be used are reported and cost none of the others. Raises ValueError, one line, if
        the user's library cannot be written.
        """
        report = AddReport()
        papers = [paper for path in paths for paper in _usable(path, report)]
        for paper, before in self._additions.put(papers):
            same = report.unchanged if paper == before else report.updated
            (same if before else report.added).append(paper["title"])
        return report

    def _current(self) -> tuple[list[Paper], FullTextIndex]:
        with self._lock:
            stamp = self._additions.stamp()
            if self._indexed is None or self._indexed[0] != stamp:
                papers = _united(bundled(), self._additions.papers() if self._own else ())
                self._indexed = stamp, papers, FullTextIndex(map(_document, papers))
            return self._indexed[1], self._indexed[2]


@cache
def bundled() -> tuple[Paper, ...]:
    """The papers that come with the package; their text is ours, their facts were checked when they were put in."""
    folder = files("threadloom.tools.library") / "papers"
    names = sorted(item.name for item in folder.iterdir() if item.name.endswith(".json")) if folder.is_dir() else []
    entries = [entry for name in names for entry in json.loads((folder / name).read_text(encoding="utf-8"))]
    return tuple(to_paper(entry, "library summary") for entry in entries)


def user_folder() -> Path:
    """Where this user's own papers are kept."""
    if home := os.environ.get("THREADLOOM_HOME"):
        return Path(home).expanduser()
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "threadloom"


def _usable(path: Path, report: AddReport) -> Iterator[Paper]:
    """The file's papers; what cannot be used goes into the report."""
    try:
        entries = list(read_entries(path))
    except ValueError as error:
        report.skipped.append(str(error))
        return
    for where, entry in entries:
        try:
            yield to_paper(_checked(entry), "abstract")
        except ValueError as error:
            report.skipped.append(f"{path.name}, {where}: {error}")


def _checked(entry: dict[str, object] | ValueError) -> dict[str, object]:
    if isinstance(entry, ValueError):
        raise entry
    return entry


def _united(ours: Sequence[Paper], theirs: Sequence[Paper]) -> list[Paper]:
    papers = {paper["id"]: paper for paper in ours}
    papers |= {paper["id"]: paper for paper in theirs if paper["abstract"] or paper["id"] not in papers}
    return list(papers.values())


def _document(paper: Paper) -> Document:
    return Document(paper["title"], ", ".join(paper["keywords"]), paper["abstract"])
