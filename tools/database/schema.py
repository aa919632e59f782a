"""What there is in a database, in words for a model: tables, columns, keys and a few rows, bounded."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Inspector, inspect

from threadloom.tools.answer import shown
from threadloom.tools.database.errors import DatabaseReadError
from threadloom.tools.database.reader import Database, fetched
from threadloom.tools.text import clipped, text

MOST_TABLES = 10
"""That are described in one answer; of more, the names are listed."""
MOST_NAMES = 300
MOST_COLUMNS = 60
SAMPLE, SAMPLE_CELL = 3, 60
"""Rows that are shown of a table, and characters of each value."""
SAMPLE_SECONDS = 2.0


@dataclass(frozen=True)
class Relation:
    """A table or view."""

    schema: str | None
    name: str
    kind: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


def describe(database: Database, tables: Sequence[str] = ()) -> str:
    """The tables called so, or all of them; too many to describe are listed by name. Raises DatabaseReadError."""
    with database.dialect.reading(database.seconds) as connection:
        inspector = inspect(connection)
        found = _relations(database, inspector)
        wanted = _named(found, tables) if tables else found
        if len(wanted) > MOST_TABLES:
            return _listed(wanted)
        described = [(relation, _columns(inspector, relation)) for relation in wanted]
    parts = [f"{columns}\n{_sample(database, relation)}" for relation, columns in described]
    return "\n\n".join(parts) or "The database has no tables."


def names(database: Database) -> list[str]:
    """Of all tables and views that may be read. Raises DatabaseReadError."""
    with database.dialect.reading(database.seconds) as connection:
        return [str(relation) for relation in _relations(database, inspect(connection))]


def _relations(database: Database, inspector: Inspector) -> list[Relation]:
    return [
        Relation(schema, name, kind)
        for schema in database.dialect.schemas(inspector)
        for kind, names in (("table", inspector.get_table_names(schema)), ("view", inspector.get_view_names(schema)))
        for name in names
    ]


def _named(found: Sequence[Relation], names: Sequence[str]) -> list[Relation]:
    by_name = {str(relation): relation for relation in found}
    missing = [name for name in names if name not in by_name]
    if missing:
        raise DatabaseReadError(f"no table {clipped(missing[0], 60)}; there are: {_names(found, 30)}")
    return [by_name[name] for name in dict.fromkeys(names)]


def _names(relations: Sequence[Relation], most: int) -> str:
    listed = ", ".join(clipped(text(str(relation)), 130) for relation in relations[:most])
    return listed + (f" and {len(relations) - most} more" if len(relations) > most else "")


def _listed(relations: Sequence[Relation]) -> str:
    return f"{len(relations)} tables; ask again with the names of up to {MOST_TABLES}: {_names(relations, MOST_NAMES)}"


def _columns(inspector: Inspector, relation: Relation) -> str:
    name, schema = relation.name, relation.schema
    columns = inspector.get_columns(name, schema)
    keys = set(inspector.get_pk_constraint(name, schema)["constrained_columns"] if relation.kind == "table" else ())
    links = _links(inspector, relation)
    lines = [f"{relation.kind} {clipped(text(str(relation)), 130)}"]
    for column in columns[:MOST_COLUMNS]:
        column_name = column["name"]
        notes = [" primary key"] * (column_name in keys) + [links.get(column_name, "")]
        nullable = "" if column.get("nullable", True) or column_name in keys else " not null"
        kind = clipped(text(str(column["type"])), 120)
        kind = "" if kind == "NULL" else f" {kind}"  # SQLite's columns may have no type
        lines.append(f"  {clipped(text(column_name), 100)}{kind}{nullable}{''.join(notes)}")
    if len(columns) > MOST_COLUMNS:
        lines.append(f"  … and {len(columns) - MOST_COLUMNS} more columns")
    return "\n".join(lines)


def _links(inspector: Inspector, relation: Relation) -> dict[str, str]:
    """By column, where a foreign key leads."""
    if relation.kind != "table":
        return {}
    return {
        column: f" -> {clipped(text(key['referred_table']), 100)}.{clipped(text(target), 100)}"
        for key in inspector.get_foreign_keys(relation.name, relation.schema)
        for column, target in zip(key["constrained_columns"], key["referred_columns"], strict=False)
    }


def _sample(database: Database, relation: Relation) -> str:
    """A few rows; a view that takes long or fails costs only its own sample."""
    try:
        with database.dialect.reading(min(SAMPLE_SECONDS, database.seconds)) as connection:
            rows = fetched(connection, _select(connection, relation), SAMPLE, SAMPLE_CELL)
    except DatabaseReadError as error:
        return f"  (no sample: {error})"
    if not rows["rows"]:
        return "  (no rows)"
    return "\n".join(f"  e.g. {shown(row[:MOST_COLUMNS])}" for row in rows["rows"])


def _select(connection: Connection, relation: Relation) -> str:
    quote = connection.dialect.identifier_preparer.quote_identifier
    table = ".".join(quote(part) for part in (relation.schema, relation.name) if part)
    return f"SELECT * FROM {table} LIMIT {SAMPLE}"  # noqa: S608 - quoted by SQLAlchemy's rules of this database
