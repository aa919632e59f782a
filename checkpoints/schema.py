"""Which version of the tables a database has, and making them."""

from sqlalchemy import insert, inspect, select

from threadloom.checkpoints.errors import SchemaVersionError
from threadloom.checkpoints.session import Session
from threadloom.checkpoints.tables import SCHEMA_VERSION


def version(session: Session) -> int | None:
    """The version of the tables in this database; None when they are not all there yet."""
    table = session.tables.schema
    if not inspect(session.connection).has_table(table.name, schema=table.schema):
        return None
    found: int | None = session.execute(select(table.c.version)).scalar_one_or_none()
    return found


def create(session: Session) -> int:
    """Create the tables unless another process just did; returns the version that is there now."""
    found = version(session)
    if found is None:
        table = session.tables.schema
        table.metadata.create_all(session.connection, list(session.tables.every))
        session.execute(insert(table).values(version=SCHEMA_VERSION))
    return found or SCHEMA_VERSION


def check(found: int, where: str) -> None:
    """Raise SchemaVersionError if a newer release wrote the database."""
    if found > SCHEMA_VERSION:
        raise SchemaVersionError(
            f"{where}: written by a newer Threadloom (schema {found}, this one knows {SCHEMA_VERSION}); "
            "upgrade threadloom to open it"
        )
