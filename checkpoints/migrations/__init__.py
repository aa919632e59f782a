"""The steps by which the tables came to be what they are, one file each, in Alembic's operations.

A step that was released is never changed. Each can be repeated after it was interrupted: MariaDB and MySQL cannot roll
back what changes a table.
"""

from collections.abc import Callable
from importlib import import_module
from typing import NamedTuple

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, inspect

STEPS = ("m0001_first_tables", "m0002_deflated_checkpoints", "m0003_runs", "m0004_calls")


class Names:
    """What the tables of a store are called, and where they are.

    Args:
        connection: to the database.
        schema, prefix: as for `Tables`.
    """

    def __init__(self, connection: Connection, schema: str | None, prefix: str) -> None:
        self.schema = schema
        self._connection, self._prefix = connection, prefix

    def of(self, name: str) -> str:
        """The full name of a table or index."""
        return f"{self._prefix}threadloom_{name}"

    def has(self, name: str) -> bool:
        """Whether there is a table."""
        return inspect(self._connection).has_table(self.of(name), schema=self.schema)

    def columns(self, name: str) -> set[str]:
        """The names of a table's columns."""
        return {column["name"] for column in inspect(self._connection).get_columns(self.of(name), schema=self.schema)}

    def has_index(self, table: str, name: str) -> bool:
        """Whether a table has an index."""
        indexes = inspect(self._connection).get_indexes(self.of(table), schema=self.schema)
        return any(index["name"] == self.of(name) for index in indexes)


class Step(NamedTuple):
    """The `upgrade` of a file here, and the number that the schema has afterwards."""

    number: int
    upgrade: Callable[[Operations, Names], None]


def steps_after(version: int) -> list[Step]:
    """The steps that a database of this version lacks; 0 is an empty one."""
    modules = [import_module(f"{__name__}.{name}") for name in STEPS]
    return [Step(number, module.upgrade) for number, module in enumerate(modules, 1) if number > version]


def operations(connection: Connection) -> Operations:
    """Alembic's operations on a connection."""
    return Operations(MigrationContext.configure(connection))
