"""A listing of checkpoints that reads no further ahead than it has been read."""

from typing import Any

from langgraph.checkpoint.base import CheckpointTuple
from langgraph.checkpoint.serde.base import SerializerProtocol
from sqlalchemy import Row

from threadloom.checkpoints import records, storage
from threadloom.checkpoints.engine import Database

LARGEST_BATCH = 64  # checkpoints


class Listing:
    """Batches of 1, 2, 4, … checkpoints, each read in a transaction of its own, so that none waits for the caller.

    Doubling keeps what is read in vain below what was wanted, and the number of statements logarithmic.
    """

    def __init__(
        self, database: Database, serde: SerializerProtocol, wanted: records.Filter, limit: int | None
    ) -> None:
        self._database, self._serde, self._wanted = database, serde, wanted
        self._left = limit
        self._size = 1
        self._after: Row[Any] | None = None
        self._more = limit is None or limit > 0

    def next_batch(self) -> list[CheckpointTuple]:
        """The next checkpoints; an empty list at the end."""
        found: list[records.Stored] = []
        while self._more and not found:
            found, self._after = self._database.read(
                storage.load_page, self._wanted, self._after, size=self._size, matches=self._matches, most=self._left
            )
            self._size = min(2 * self._size, LARGEST_BATCH)
            self._left = None if self._left is None else self._left - len(found)
            self._more = self._after is not None and self._left != 0
        return [records.tuple_of(self._serde, stored) for stored in found]

    def _matches(self, row: Row[Any]) -> bool:
        if not self._wanted.metadata:
            return True
        metadata = records.metadata_of(self._serde, row)
        return all(metadata.get(key) == value for key, value in self._wanted.metadata.items())
