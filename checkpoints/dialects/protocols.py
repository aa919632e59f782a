"""What the dialects are given: a session to send statements by, and what is to be stored."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import Connection

if TYPE_CHECKING:
    from threadloom.checkpoints.seals import Seals
    from threadloom.checkpoints.tables import Tables

Rows = Sequence[Mapping[str, Any]]


class Session(Protocol):
    """An open connection; see `session.Session`."""

    connection: Connection
    tables: "Tables"
    seals: "Seals"

    def execute(self, statement: Any, parameters: Any = None) -> Any:
        """Any statement, through SQLAlchemy."""
        ...

    def rows(self, make: Callable[..., Any], values: Mapping[str, Any], *arguments: Any) -> list[Any]:
        """The rows of a prepared select."""
        ...

    def pipeline(self) -> AbstractContextManager[None]:
        """Send what is sent within it without waiting for answers."""
        ...

    def change(self, make: Callable[..., Any], rows: Rows, *arguments: Any) -> None:
        """Run a prepared statement once for each of the rows."""
        ...

    def send(self, text: str) -> None:
        """A statement without parameters or results, as it is."""
        ...

    def script(self, text: str) -> None:
        """`send` for sqlite3."""
        ...


class Knowledge(Protocol):
    """By what it was judged which elements are stored; see `cache.Knowledge`."""

    @property
    def epoch(self) -> int | None:
        """The epoch of the thread in which that is true."""
        ...


class Writes(Protocol):
    """Writes of a task, and their new elements; see `storage.Writes`."""

    @property
    def rows(self) -> Rows:
        """Their rows."""
        ...

    @property
    def knowledge(self) -> Knowledge:
        """What they were judged by."""
        ...

    @property
    def fence(self) -> int | None:
        """That of their lease."""
        ...

    @property
    def fresh(self) -> int:
        """The epoch of their thread if it is a new one."""
        ...

    def element_rows(self) -> Rows:
        """The rows of their elements."""
        ...


class Put(Protocol):
    """A checkpoint, its new values and their new elements; see `storage.Put`."""

    @property
    def row(self) -> Mapping[str, Any]:
        """Its row."""
        ...

    @property
    def values(self) -> Rows:
        """The rows of its values."""
        ...

    @property
    def knowledge(self) -> Knowledge:
        """What they were judged by."""
        ...

    @property
    def fence(self) -> int | None:
        """That of their lease."""
        ...

    @property
    def fresh(self) -> int:
        """The epoch of their thread if it is a new one."""
        ...

    @property
    def follows(self) -> bool:
        """Whether it has to follow the head."""
        ...

    @property
    def carries(self) -> bool:
        """Whether it needs its parent."""
        ...

    def element_rows(self) -> Rows:
        """The rows of its elements."""
        ...
