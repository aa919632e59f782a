"""What differs between databases, one file each; `dialect_named` chooses by name, at this one point.

Storage functions ask by way of their session: `insert_new(table, rows)` leaves existing rows as they are,
`insert_or_replace(table, rows)` overwrites them. What they do in one transaction may be repeated
after a deadlock or a lost connection, so they change nothing but the database.
"""

from threadloom.checkpoints.dialects.generic import Dialect
from threadloom.checkpoints.dialects.mysql import MySQL
from threadloom.checkpoints.dialects.postgresql import PostgreSQL
from threadloom.checkpoints.dialects.sqlite import SQLite

_BY_NAME: dict[str, Dialect] = {"sqlite": SQLite(), "postgresql": PostgreSQL(), "mysql": MySQL(), "mariadb": MySQL()}
_GENERIC = Dialect()


def dialect_named(name: str) -> Dialect:
    """The dialect with SQLAlchemy's name, which is the first part of a URL; the generic one when we know no better."""
    return _BY_NAME.get(name, _GENERIC)
