"""Renews the leases of the runs that are under way in this process, and hears what others want of them."""

import threading
import time
from typing import Protocol

from threadloom.checkpoints.engine import Database
from threadloom.checkpoints.errors import CheckpointError, ClosedError
from threadloom.checkpoints.session import Session
from threadloom.runs import lease
from threadloom.runs.record import Record, Records

LONGEST = 1.0  # seconds between two beats: that long others wait until they are heard
IDLE = 10  # beats without a run after which the thread ends: starting one takes as long as three super-steps


class Beating(Protocol):
    """A run under way."""

    @property
    def fence(self) -> int:
        """Of its lease."""
        ...

    @property
    def thread_id(self) -> str:
        """Where it runs."""
        ...

    @property
    def run_id(self) -> str:
        """Which one."""
        ...

    def news(self) -> Record | None:
        """Its record, if there is more to be kept than there was."""
        ...

    def lose(self) -> None:
        """The lease is lost: stop, and store nothing."""
        ...

    def hear(self, wanted: str) -> None:
        """Somebody wants it to pause or to end."""
        ...


class Heartbeat:
    """One thread for all runs of a Runner, beside whatever keeps the event loops busy.

    Args:
        database: where the leases are.
        records: the runs there.
        length: of a lease, in ms.
    """

    def __init__(self, database: Database, records: Records, length: int) -> None:
        self._database, self._records, self._length = database, records, length
        self._runs: dict[str, tuple[Beating, float]] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def add(self, run: Beating) -> None:
        """Renew its lease from now on."""
        with self._changed:
            self._runs[run.run_id] = run, time.monotonic()
            if self._thread is None:
                self._thread = threading.Thread(target=self._beat, name="threadloom-heartbeat", daemon=True)
                self._thread.start()

    def remove(self, run: Beating) -> None:
        """It has ended."""
        with self._changed:
            if run.run_id in self._runs and self._runs[run.run_id][0] is run:  # or it has been resumed since
                del self._runs[run.run_id]

    def close(self) -> None:
        """End the thread; the runs have ended."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _beat(self) -> None:
        pause, idle = min(LONGEST, self._length / 3000), 0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed, pause)
                runs = list(self._runs.values())
                idle = 0 if runs else idle + 1
                if self._closed or idle > IDLE:
                    self._thread = None
                    return
            for run, renewed in runs:
                self._renew(run, renewed)

    def _renew(self, run: Beating, renewed: float) -> None:
        began = time.monotonic()
        try:
            kept, wanted = self._database.write(self._renewed, run)
        except ClosedError:
            kept, wanted = False, None
        except CheckpointError:  # the database is away: as long as the lease lasts it may come back
            kept, wanted = time.monotonic() - renewed < self._length / 1000, None
        else:
            with self._changed:
                if run.run_id in self._runs and self._runs[run.run_id][0] is run:
                    self._runs[run.run_id] = run, began
        if not kept:
            run.lose()
        elif wanted:
            run.hear(wanted)

    def _renewed(self, session: Session, run: Beating) -> tuple[bool, str | None]:
        if not lease.renew(session, run.thread_id, run.fence, self._length):
            return False, None
        if record := run.news():
            self._records.note(session, record)
        return True, self._records.wanted(session, run.run_id)
