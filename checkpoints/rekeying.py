"""Everything that is stored, encrypted with the current key: when keys are rotated, or when plain text shall end.

Page by page, each in a transaction of its own under the thread's lock, so that nobody waits for long and that an
interrupted one goes on where it was: what has the current key already is passed over. The oldest versions come first,
so that each page brings few elements that were not there before.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Table, delete

from threadloom.checkpoints import keyring
from threadloom.checkpoints.elements import enter_thread, renew_thread
from threadloom.checkpoints.encryption import Encryption
from threadloom.checkpoints.engine import Database
from threadloom.checkpoints.errors import InvalidRequestError
from threadloom.checkpoints.rewriting import Rewriting, page
from threadloom.checkpoints.session import Session
from threadloom.checkpoints.verify import next_name


class Rekeyed(NamedTuple):
    """How far it is: the thread that was finished last, how many threads, and how many rows were encrypted again."""

    thread_id: str
    threads: int
    rows: int


def rekey(database: Database, progress: Callable[[Rekeyed], None] | None = None) -> Rekeyed:
    """Encrypt all that has not the current key; `progress` is called after each thread. Returns the totals.

    Raises:
        InvalidRequestError: there is no key.
        EncryptionError: something was encrypted with a key that is not at hand, or was changed.
    """
    if (encryption := database.seals.encryption) is None:
        raise InvalidRequestError("this saver has no key to encrypt with: SQLSaver(..., encryption=Encryption(…))")
    database.open(convert=True)
    done = Rekeyed("", 0, 0)
    thread_id = None
    while (thread_id := database.read(next_name, "thread_id", None, thread_id)) is not None:
        done = Rekeyed(thread_id, done.threads + 1, done.rows + _Thread(database, encryption, thread_id).rekey())
        if progress:
            progress(done)
    database.write(keyring.drop_other_keys)
    return done


class _Thread:
    """One thread."""

    def __init__(self, database: Database, encryption: Encryption, thread_id: str) -> None:
        self._database, self._thread_id = database, thread_id
        self._rewriting = Rewriting(encryption, thread_id, thread_id, lenient=True)
        self._stored_in: tuple[int, int] | None = None  # in which epoch, and before which doubt, elements were stored

    def rekey(self) -> int:
        """Encrypt it; returns how many rows that took."""
        rows, done = 0, False
        while not done:
            rows += self._documents()
            last, done = self._write(self._finish)
            rows += last
        return rows

    def _documents(self) -> int:
        rows = 0
        for table in self._database.seals.documents:
            after: Sequence[Any] | None = None
            while True:
                count, after = self._write(self._rewrite, table, after)
                rows += count
                if after is None:
                    break
        return rows

    def _write(self, work: Callable[..., Any], *args: Any) -> Any:
        """A transaction in the thread that may be undone and done again: then its elements are not stored after all."""

        def enter(session: Session) -> tuple[Any, tuple[int, int]]:
            epoch, _ = enter_thread(session, self._thread_id, "own")
            here = epoch, self._database.doubts
            if self._stored_in != here:
                self._rewriting.forget()
            self._stored_in = None
            return work(session, *args), here

        result, self._stored_in = self._database.write(enter)
        return result

    def _rewrite(self, session: Session, table: Table, after: Sequence[Any] | None) -> tuple[int, Sequence[Any] | None]:
        rows, last = page(session, table, self._thread_id, after, session.seals.stale(table))
        session.insert_or_replace(table, self._rewriting.rewritten(session, table, rows))
        return len(rows), last

    def _finish(self, session: Session) -> tuple[int, bool]:
        """Delete elements of other keys, to which nothing refers once no document has another key.

        Returns how many rows others had stored with another key meanwhile, and whether all is done.
        """
        rows = 0
        for table in session.seals.documents:
            count, after = self._rewrite(session, table, None)
            rows += count
            if after is not None:
                return rows, False
        elements = session.tables.elements
        gone = elements.c.thread_id == self._thread_id, session.seals.stale(elements)
        if session.execute(delete(elements).where(*gone)).rowcount:
            renew_thread(session, self._thread_id)
        return rows, True
