"""What a database tells of the runs in it; for that no graph is needed."""

from typing import Any

from threadloom.checkpoints import SQLSaver
from threadloom.runs import calls
from threadloom.runs.calls import Counts
from threadloom.runs.errors import RunError, UnknownRunError
from threadloom.runs.inquiry import Event, overdue, trail
from threadloom.runs.metering import FIELDS, usage_of
from threadloom.runs.record import Record, Records, Status
from threadloom.state.usage import Usage


class Register:
    """The runs of a store.

    Args:
        saver: the store.
    """

    def __init__(self, saver: SQLSaver) -> None:
        self.saver = saver
        self.records = Records(lambda: saver.codec)

    def record(self, run_id: str) -> Record:
        """What the database has of a run; raises UnknownRunError."""
        if (found := self.saver.database.read(self.records.find, run_id)) is None:
            raise UnknownRunError(f"there is no run {run_id!r} in this database")
        return found

    def runs(
        self,
        *,
        status: Status | None = None,
        graph: str | None = None,
        thread_id: str | None = None,
        limit: int | None = 20,
        before: Record | None = None,
    ) -> list[Record]:
        """Runs, those that were started last first; `before` is the last one of the page before."""
        found: list[Record] = []
        while limit is None or len(found) < limit:
            size = 500 if limit is None else limit - len(found)
            which: Any = {"status": status, "graph": graph, "thread_id": thread_id, "before": before}
            page = self.saver.database.read(self.records.page, size, **which)
            found += page
            if len(page) < size:
                break
            before = page[-1]
        return found

    def usage(self, by: str = "node", **which: Any) -> dict[str, Usage]:
        """Model calls, tokens and dollars of runs, by "day", "node", "model", "graph", "thread" or "run".

        `which` are the arguments of `runs`; all of them unless told otherwise. A run under way is in it up to its last
        heartbeat. A cost is None as soon as the price of one of its models is not known.
        """
        if by not in FIELDS:
            raise RunError(f"usage by {by!r} is not told; choose one of {', '.join(FIELDS)}")
        return usage_of(self.runs(**{"limit": None, **which}), by)

    def trail(self, run_id: str) -> list[Event]:
        """What became of a run's questions: who was asked, who said what, when and why; oldest first."""
        record = self.record(run_id)
        return self.saver.database.read(trail, self.saver.codec, record.thread_id, record.run_id)

    def calls(self, run_id: str) -> Counts:
        """How many answers of models a run was given from the record, and how many it asked for."""
        return self.saver.database.read(calls.count, self.record(run_id).thread_id, run_id)

    def is_overdue(self, run_id: str) -> bool:
        """Whether it waits for an answer to a question that has expired; `recover` or `resume` does what is due."""
        return run_id in self.saver.database.read(overdue)
