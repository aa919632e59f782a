"""Rows of a database that have to do with a question, picked by words alone: what there is without a language model."""

from collections.abc import Sequence
from typing import NamedTuple

from threadloom.tools.answer import shown
from threadloom.tools.database.reader import Cell, Database, Rows
from threadloom.tools.database.schema import MOST_TABLES, describe, names
from threadloom.tools.fulltext import stems

MOST_ASKED = 3
"""Tables of which rows are read."""
MOST_READ = 200
"""Rows of a table that are looked at."""
MOST_SHOWN = 20
NEAR_BEST = 0.5
"""Share of the best table's words that another needs."""


class Picked(NamedTuple):
    """What was found in one table."""

    table: str
    sql: str
    text: str


def by_words(question: str, database: Database) -> list[Picked]:
    """Of the tables whose names, columns or values share most words with the question the rows that do, best first.

    Where no row does, the first ones. Raises DatabaseReadError.
    """
    wanted = set(stems(question))
    return [_picked(table, wanted, database) for table in _tables(wanted, database)]


def listed(rows: Rows, note: str = "[there are more rows]") -> str:
    """A line a row, each value with its column."""
    lines = [
        ", ".join(f"{name}: {shown(cell)}" for name, cell in zip(rows["columns"], row, strict=True))
        for row in rows["rows"]
    ]
    return "\n".join([*lines, *([note] if rows["more"] else [])]) or "The query found no rows."


def _tables(wanted: set[str], database: Database) -> list[str]:
    there = names(database)
    if len(there) > MOST_TABLES:  # too many to look into: their names decide
        there = sorted(there, key=lambda name: -_shared(wanted, name))[:MOST_TABLES]
    score = {name: _shared(wanted, describe(database, [name])) for name in there}
    bar = max(1.0, NEAR_BEST * max(score.values(), default=0))
    return sorted((name for name in there if score[name] >= bar), key=lambda name: -score[name])[:MOST_ASKED]


def _picked(table: str, wanted: set[str], database: Database) -> Picked:
    quote = database.dialect.engine.dialect.identifier_preparer.quote_identifier
    sql = f"SELECT * FROM {'.'.join(map(quote, table.split('.')))}"  # noqa: S608 - quoted by SQLAlchemy's rules
    found = database.query(sql, MOST_READ)
    near = _near(found["rows"], wanted)
    more = found["more"] or len(near) > MOST_SHOWN
    note = f"[there are more rows; {len(found['rows'])} were looked at]"
    kept = Rows(columns=found["columns"], rows=near[:MOST_SHOWN], more=more)
    return Picked(table, sql, f"{table}:\n{listed(kept, note)}")


def _near(rows: Sequence[list[Cell]], wanted: set[str]) -> list[list[Cell]]:
    """Rows whose values share words with the question, those that share most first; all if none does."""
    score = [_shared(wanted, " ".join(map(str, row))) for row in rows]
    kept = [at for at in range(len(rows)) if score[at]] or list(range(len(rows)))
    return [rows[at] for at in sorted(kept, key=lambda at: -score[at])]


def _shared(wanted: set[str], text: str) -> int:
    return len(wanted & set(stems(text.replace("_", " "))))
