"""What PostgreSQL and MySQL have in common: drivers to choose from, a pool, and codes that say what went wrong."""

from importlib.util import find_spec
from typing import Any, ClassVar

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from threadloom.checkpoints import errors
from threadloom.checkpoints.dialects.generic import Dialect

Meaning = tuple[type[errors.CheckpointError], str]


class ServerDialect(Dialect):
    """A database behind a network."""

    lacks = ""
    # What the codes of the driver's errors mean, by code.
    meanings: ClassVar[dict[Any, Meaning]] = {}
    # Codes after which the server has undone the transaction and it can be repeated as a whole.
    rolled_back: ClassVar[frozenset[Any]] = frozenset()

    def with_driver(self, url: URL) -> URL:
        """The URL with its own driver, or the first one that is installed."""
        if "+" in url.drivername:
            return url
        installed = next((name for name in self.drivers if find_spec(name)), self.drivers[0])
        return url.set(drivername=f"{url.drivername}+{installed}")

    def code_of(self, exc: Exception) -> Any:
        """The code of a driver's error; None when it has none."""
        raise NotImplementedError

    def is_rolled_back(self, exc: DBAPIError) -> bool:
        """Whether it was a deadlock or a failure to serialise."""
        return self.code_of(exc) in self.rolled_back

    def meaning(self, exc: Exception) -> Meaning:
        """The kind of error, and what to say."""
        return self.meanings.get(self.code_of(exc)) or super().meaning(exc)
