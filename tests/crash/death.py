"""Where a process can be killed: around calls that store, before statements that change something, around their commit.

Before a statement is the same moment as after the one before it, as far as the database can tell; so is after one
that only reads.
"""

import os
import re
import signal
import threading
import weakref
from collections import Counter
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Engine, event

from threadloom.checkpoints import SQLSaver
from threadloom.checkpoints.engine import Database
from threadloom.checkpoints.session import Session

# What a statement does, also one that begins with WITH.
CHANGES = re.compile(r"\b(INSERT|(?<!FOR )UPDATE|DELETE|CREATE|ALTER|DROP)\b")


class Death:
    """Counts the boundaries that this process passes, once armed, and kills it at the n-th, of all or of one name.

    Args:
        last_words: called with the name of the boundary just before.

    Attributes:
        names: how many of each name it has passed.
    """

    def __init__(self, last_words: Callable[[str], object]) -> None:
        self._last_words = last_words
        self._at, self._name = -1, ""
        self.names: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._writing: weakref.WeakSet[Connection] = weakref.WeakSet()

    @property
    def passed(self) -> int:
        """How many boundaries it has passed."""
        return self.names.total()

    def arm(self, at: int, name: str = "") -> None:
        """Start to count, all boundaries or those of the name; 0 never kills."""
        self.names, self._at, self._name = Counter(), at, name

    def boundary(self, name: str) -> None:
        """Pass a boundary, or die there; two threads pass one after the other, so that nobody goes on meanwhile."""
        with self._lock:
            self.names[name] += 1
            if self._name in ("", name) and self._at == (self.names[name] if self._name else self.passed):
                self._last_words(name)
                os.kill(os.getpid(), signal.SIGKILL)

    def watch_calls(self) -> None:
        """Boundaries before and after every `put` and `put_writes`, on either side."""
        for name in ("put", "put_writes"):
            setattr(SQLSaver, name, self._around(name, getattr(SQLSaver, name)))
            setattr(SQLSaver, f"a{name}", self._awaited(name, getattr(SQLSaver, f"a{name}")))

    def watch_statements(self) -> None:
        """Boundaries before every statement that changes something, and before and after it is committed."""
        event.listen(Engine, "before_cursor_execute", lambda *given: self._before_statement(given[0], given[2]))
        send, commit = Session._sent, Database._commit

        def sent(session: Session, method: str, text: str, *parameters: Any) -> Any:
            self._before_statement(session.connection, text)
            return send(session, method, text, *parameters)

        def committed(database: Database, session: Session, mode: str) -> None:
            wrote = session.connection in self._writing
            self._writing.discard(session.connection)
            (self._around("COMMIT", commit) if wrote else commit)(database, session, mode)

        Session._sent, Database._commit = sent, committed  # type: ignore[method-assign,assignment]

    def _before_statement(self, connection: Connection, statement: str) -> None:
        if found := CHANGES.search(statement):
            self._writing.add(connection)
            self.boundary(found[0])

    def _around(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def surrounded(*args: Any, **kwargs: Any) -> Any:
            self.boundary(f"before {name}")
            result = call(*args, **kwargs)
            self.boundary(f"after {name}")
            return result

        return surrounded

    def _awaited(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        async def surrounded(*args: Any, **kwargs: Any) -> Any:
            self.boundary(f"before {name}")
            result = await call(*args, **kwargs)
            self.boundary(f"after {name}")
            return result

        return surrounded
