"""The papers users add to the library: one SQLite file in their data folder.

SQLite rather than JSON, because its transactions make two processes that add at the same moment wait for each other.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from threadloom.state.papers import Paper

Change = tuple[Paper, Paper | None]
"""A paper as it is now, and as it was before (None: it is new)."""


class Additions:
    """The papers of one file, which is made when the first is added."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def papers(self) -> list[Paper]:
        """All papers, in the order in which they were first added. Raises ValueError if the file cannot be read."""
        if not self.path.exists():
            return []
        with self._open() as db:
            return [json.loads(record) for (record,) in db.execute("SELECT record FROM papers ORDER BY rowid")]

    def put(self, papers: Iterable[Paper]) -> list[Change]:
        """Add papers or replace those with the same id, all or none. Raises ValueError if that cannot be written."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(f"{self.path.parent}: {error.strerror or error}") from None
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            changes = [(paper, _put(db, paper)) for paper in papers]
            db.execute("COMMIT")
            return changes

    def stamp(self) -> object:
        """Changes whenever the papers do."""
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.path, timeout=30, isolation_level=None)) as db:
                db.execute("CREATE TABLE IF NOT EXISTS papers (id TEXT PRIMARY KEY, record TEXT NOT NULL)")
                yield db
        except sqlite3.Error as error:
            raise ValueError(f"{self.path}: {error}") from None


def _put(db: sqlite3.Connection, paper: Paper) -> Paper | None:
    row: Any = db.execute("SELECT record FROM papers WHERE id = ?", (paper["id"],)).fetchone()
    db.execute(
        "INSERT INTO papers (id, record) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET record = excluded.record",
        (paper["id"], json.dumps(paper)),
    )
    return json.loads(row[0]) if row else None
