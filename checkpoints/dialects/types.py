"""Column types that behave alike on every database."""

from typing import Any

from sqlalchemy import Dialect, LargeBinary, String, Text
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.types import TypeDecorator, TypeEngine

from threadloom.checkpoints.errors import InvalidRequestError

# Any number of bytes; without a length MySQL would take 64 KiB.
Bytes = LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")


def escaped(text: str) -> str:
    """A name as PostgreSQL can hold it."""
    return text.replace("\1", "\1\2").replace("\0", "\1\1") if "\0" in text or "\1" in text else text


class Name(TypeDecorator[str]):
    """Text of any characters, compared and sorted byte by byte.

    SQLite does so by itself, and PostgreSQL in the collation C. MySQL's collations ignore case, accents or trailing
    spaces, and those that do not are called otherwise in MariaDB: it stores the bytes. PostgreSQL's text holds no NUL,
    so there NUL and the character after it are written as two characters each, in an order that sorts the same.

    Args:
        length: bytes that MySQL reserves for it in keys, which have 3,072 in all; more are refused there.
    """

    impl = String
    cache_ok = True

    def __init__(self, length: int = 128) -> None:
        super().__init__(length)
        self.length = length

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The database's own type."""
        match dialect.name:
            case "sqlite":
                return dialect.type_descriptor(Text())
            case "postgresql":
                return dialect.type_descriptor(postgresql.TEXT(collation="C"))
            case "mysql" | "mariadb":
                return dialect.type_descriptor(mysql.VARBINARY(self.length))
        return dialect.type_descriptor(String(self.length))

    def process_bind_param(self, value: str | None, dialect: Dialect) -> Any:
        """From Python to the database."""
        if value is None or dialect.name == "sqlite":
            return value
        if dialect.name == "postgresql":
            return escaped(value)
        data = value.encode()
        if len(data) > self.length:
            raise InvalidRequestError(
                f"{value[:40]!r}… is too long for a key: {len(data)} bytes, at most {self.length}"
            )
        return data if dialect.name in ("mysql", "mariadb") else value

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        """From the database to Python."""
        if isinstance(value, bytes):
            return value.decode()
        if dialect.name == "postgresql" and value is not None and "\1" in value:
            return str(value.replace("\1\1", "\0").replace("\1\2", "\1"))
        return value  # type: ignore[no-any-return]  # a string or None
