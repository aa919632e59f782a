"""Rows of a database that have to do with a question, picked by words alone: what there is without a language model."""

from typing import NamedTuple

from threadloom.models.extractive import joins
from threadloom.models.extractive.rows import also, amounts, pick
from threadloom.tools.answer import shown
from threadloom.tools.database.reader import Database, Rows
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
    """Of the tables whose names, columns or values share most words with the question the rows that fit best.

    Where it names no values, the first ones. Raises DatabaseReadError.
    """
    wanted = set(stems(question))
    tables = joins.bodies(describe(database, _there(wanted, database)))
    chosen = _tables(wanted, tables)
    more = [one for name in chosen for one in also(question, name, tables)]
    return [_picked(one, question, database, tables) for one in list(dict.fromkeys([*chosen, *more]))[:MOST_ASKED]]


def listed(rows: Rows, note: str = "[there are more rows]") -> str:
    """A line a row, each value with its column."""
    lines = [
        ", ".join(f"{name}: {shown(cell)}" for name, cell in zip(rows["columns"], row, strict=True))
        for row in rows["rows"]
    ]
    return "\n".join([*lines, *([note] if rows["more"] else [])]) or "The query found no rows."


def _there(wanted: set[str], database: Database) -> list[str]:
    """All tables; of too many to look into those whose names decide."""
    there = names(database)
    return sorted(there, key=lambda name: -_shared(wanted, name))[:MOST_TABLES] if len(there) > MOST_TABLES else there


def _tables(wanted: set[str], tables: dict[str, str]) -> list[str]:
    score = {name: _shared(wanted, f"{name} {body}") for name, body in tables.items()}
    bar = max(1.0, NEAR_BEST * max(score.values(), default=0))
    return sorted((name for name in score if score[name] >= bar), key=lambda name: -score[name])[:MOST_ASKED]


def _picked(table: str, question: str, database: Database, tables: dict[str, str]) -> Picked:
    sql = joins.select(table, tables, database.dialect.engine.dialect.identifier_preparer.quote_identifier)
    found = database.query(sql, MOST_READ)
    chosen, remark = pick(question, found["columns"], found["rows"], table)
    near = [found["rows"][at] for at in chosen]
    more = found["more"] or len(near) > MOST_SHOWN
    note = f"[there are more rows; {len(found['rows'])} were looked at]"
    kept = Rows(columns=found["columns"], rows=near[:MOST_SHOWN], more=more)
    lines = [remark, *amounts(question, found["columns"], near), listed(kept, note) if near else ""]
    head = f"{table}, {len(near)} of {len(found['rows'])} rows:"
    return Picked(table, sql, "\n".join([head, *filter(None, lines)]))


def _shared(wanted: set[str], text: str) -> int:
    return len(wanted & set(stems(text.replace("_", " "))))
