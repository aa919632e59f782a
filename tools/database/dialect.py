"""What differs between databases: how to open one for reading only, and what may be asked of it."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, Inspector
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from threadloom.tools.database.errors import DatabaseReadError

CONNECT_SECONDS = 5


class Dialect(ABC):
    """A database that is read, and only read, whatever the SQL says."""

    engine: Engine

    @abstractmethod
    def prepare(self, connection: Connection, seconds: float) -> None:
        """Make what follows on this connection read-only, and each statement end after so many seconds."""

    @abstractmethod
    def allowed(self, sql: str, most: int) -> str:
        """The SQL to run for `sql`, of at most `most` rows where that can be said in SQL. Raises DatabaseReadError."""

    def schemas(self, inspector: Inspector) -> list[str | None]:  # noqa: ARG002 - for those that have several
        """Where its tables are; None is the schema that needs no name."""
        return [None]

    @abstractmethod
    def is_timeout(self, error: DBAPIError) -> bool:
        """Whether the statement was ended because it took too long."""

    def said(self, error: DBAPIError) -> str:
        """What the database says went wrong, in one line."""
        return first_line(error.orig)

    @contextmanager
    def reading(self, seconds: float) -> Iterator[Connection]:
        """A connection of its own, for reading. Raises DatabaseReadError for what goes wrong inside."""
        try:
            with self.engine.connect() as connection:
                self.prepare(connection, seconds)
                yield connection
        except DBAPIError as error:
            late = self.is_timeout(error)
            said = f"not within {seconds:.3g} s; ask for less" if late else self.said(error)
            raise DatabaseReadError(f"the database gave no answer: {said}") from error
        except SQLAlchemyError as error:
            raise DatabaseReadError(f"the database gave no answer: {first_line(error)}") from error


def first_line(error: BaseException | None) -> str:
    """What a driver says, without the hints below it; the number in front of it is for programs."""
    args: tuple[object, ...] = error.args if error else ()
    said = args[1] if len(args) > 1 and isinstance(args[0], int) else error
    return " ".join(str(said).partition("\n")[0].split())[:300]
