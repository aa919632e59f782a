"""A database as two tools: `describe_<name>` tells what there is, `query_<name>` runs one SELECT."""

import re

from langchain_core.tools import BaseTool
from pydantic import Field

from threadloom.tools.answer import Arguments, shown, tool_of
from threadloom.tools.database.reader import Database, Rows
from threadloom.tools.database.schema import MOST_TABLES, describe

MOST_CHARACTERS = 15_000
"""Of rows in one answer; the artifact has all that were fetched."""


class Description(Arguments):
    """What to describe."""

    tables: list[str] = Field(
        default=[],
        max_length=MOST_TABLES,
        description="Names of tables to describe, as an earlier description gave them; none for all",
    )


class Query(Arguments):
    """What to ask."""

    sql: str = Field(min_length=1, max_length=10_000, description="One SELECT statement")
    limit: int = Field(default=50, ge=1, le=200, description="How many rows at most")


def database_tools(database: Database, name: str = "database", about: str = "") -> list[BaseTool]:
    """The two tools of a database. `name` ends theirs; `about` tells a model what is in it, in a sentence.

    Raises ValueError if the name does not fit into a tool's.
    """
    if not re.fullmatch(r"[a-z0-9_]{1,40}", name):
        raise ValueError(f"the name of a database is up to 40 of a-z, 0-9 and _, not {name!r}")

    def description(tables: list[str]) -> tuple[str, str]:
        told = describe(database, tables)
        return told, told

    def query(sql: str, limit: int = 50) -> tuple[str, Rows]:
        rows = database.query(sql, limit)
        return _table(rows), rows

    kind = database.dialect.engine.dialect.name
    return [
        tool_of(
            description,
            name=f"describe_{name}",
            description=f"Tables, columns, keys and a few rows of a {kind} database. {about}".strip(),
            arguments=Description,
        ),
        tool_of(
            query,
            name=f"query_{name}",
            description=f"Run one SELECT (SQL of {kind}), get its rows. Describe the database first. {about}".strip(),
            arguments=Query,
        ),
    ]


def _table(rows: Rows) -> str:
    """Column names and rows as lines of JSON, as many as fit, and a note if that is not all."""
    lines, left = [shown(rows["columns"])], MOST_CHARACTERS
    for row in rows["rows"]:
        line = shown(row)
        left -= len(line) + 1
        if left < 0:
            break
        lines.append(line)
    count = len(lines) - 1
    if count < len(rows["rows"]) or rows["more"]:
        lines.append(
            f"[only {count} rows shown, there are more: use WHERE, aggregate, select fewer columns, or OFFSET]"
        )
    return "\n".join(lines) if count or rows["more"] else lines[0] + "\n[no rows]"
