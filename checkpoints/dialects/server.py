"""What PostgreSQL and MySQL have in common: drivers to choose from, a pool, and codes that say what went wrong."""

from importlib.util import find_spec
from typing import Any, ClassVar

from sqlalchemy import Engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from threadloom.checkpoints import errors
from threadloom.checkpoints.dialects.generic import Dialect
from threadloom.checkpoints.dialects.protocols import Session

Meaning = tuple[type[errors.CheckpointError], str]


class ServerDialect(Dialect):
    """A database behind a network.

    Connections are in autocommit mode, so that a statement alone is a transaction without a BEGIN and a COMMIT to wait
    for; where there are several statements, both are sent as such.
    """

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

    def engine_options(self, url: URL) -> dict[str, Any]:
        """A pool that leaves connections as they are: whoever has one ends its transaction."""
        return super().engine_options(url) | {"isolation_level": "AUTOCOMMIT", "pool_reset_on_return": None}

    def adopt_engine(self, engine: Engine) -> Engine:
        """A user's engine as it is, sharing its pool, in the mode where transactions begin explicitly."""
        return engine.execution_options(isolation_level="AUTOCOMMIT")

    def commit(self, session: Session) -> None:
        """End the transaction; what it changed is stored when this returns."""
        session.send("COMMIT")

    def roll_back(self, session: Session) -> None:
        """End the transaction; nothing of it is stored."""
        session.send("ROLLBACK")

    def code_of(self, exc: Exception) -> Any:
        """The code of a driver's error; None when it has none."""
        raise NotImplementedError

    def is_rolled_back(self, exc: DBAPIError) -> bool:
        """Whether it was a deadlock or a failure to serialise."""
        return self.code_of(exc) in self.rolled_back

    def meaning(self, exc: Exception) -> Meaning:
        """The kind of error, and what to say."""
        return self.meanings.get(self.code_of(exc)) or super().meaning(exc)
