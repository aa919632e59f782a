"""Which version of the tables a database has, and bringing it to today's."""

from sqlalchemy import insert, inspect, select, update

from threadloom.checkpoints.errors import SchemaVersionError
from threadloom.checkpoints.session import Session
from threadloom.checkpoints.tables import SCHEMA_VERSION


def version(session: Session) -> int:
    """The version of the tables in this database; 0 when they are not all there yet."""
    table = session.tables.schema
    if not inspect(session.connection).has_table(table.name, schema=table.schema):
        return 0
    found: int | None = session.execute(select(table.c.version)).scalar_one_or_none()
    return found or 0


def upgrade(session: Session) -> int:
    """Bring the tables to today's version, unless another process just did; returns the version from which."""
    found, table = version(session), session.tables.schema
    if not found:
        table.metadata.create_all(session.connection, list(session.tables.every))
        _note(session, SCHEMA_VERSION)
    elif found < SCHEMA_VERSION:
        from threadloom.checkpoints import migrations  # Alembic is for those who need it

        names = migrations.Names(session.connection, table.schema, session.tables.prefix)
        for step in migrations.steps_after(found):
            step.upgrade(migrations.operations(session.connection), names)
            _note(session, step.number)
    return found


def _note(session: Session, number: int) -> None:
    # In one statement: MariaDB has committed all before, and who is killed between two would leave no version.
    if not session.execute(update(session.tables.schema).values(version=number)).rowcount:
        session.execute(insert(session.tables.schema).values(version=number))


def check(found: int, where: str) -> None:
    """Raise SchemaVersionError unless the tables are of today's version."""
    if found == SCHEMA_VERSION:
        return
    if found > SCHEMA_VERSION:
        writer, remedy = "a newer Threadloom", "upgrade threadloom to open it"
    elif found:
        writer, remedy = "an older Threadloom", "stop what uses it, back it up and run `threadloom db upgrade`"
    else:
        writer, remedy = "nobody", "run `threadloom db upgrade`, or `setup()`, to create the tables"
    raise SchemaVersionError(f"{where}: written by {writer} (schema {found}, this one has {SCHEMA_VERSION}); {remedy}")
