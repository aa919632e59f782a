"""A listing of checkpoints that reads no further ahead than it has been read."""

from typing import Any

from langgraph.checkpoint.base import CheckpointTuple
from sqlalchemy import Row

from threadloom.checkpoints import loading, records
from threadloom.checkpoints.engine import Database
from threadloom.checkpoints.values import Codec

LARGEST_BATCH = 64  # checkpoints


class Listing:
    """Batches of 1, 2, 4, … checkpoints, each read in a transaction of its own, so that none waits for the caller.

    Doubling keeps what is read in vain below what was wanted, and the number of statements logarithmic.
    """

    def __init__(self, database: Database, codec: Codec, wanted: records.Filter, limit: int | None) -> None:
        self._database, self._codec, self._wanted = database, codec, wanted
        self._left = limit
        self._size = 1
        self._after: Row[Any] | None = None
        self._more = limit is None or limit > 0
        self._messages: dict[bytes, Any] = {}  # 50 snapshots of 1,000 messages would be 50,000 objects

    def next_batch(self) -> list[records.Stored]:
        """The next checkpoints, to be decoded one by one; an empty list at the end."""
        found: list[records.Stored] = []
        while self._more and not found:
            found, self._after = self._database.read(
                loading.load_page,
                self._wanted,
                self._after,
                self._codec.cache,
                size=self._size,
                matches=self._matches,
                most=self._left,
            )
            self._size = min(2 * self._size, LARGEST_BATCH)
            self._left = None if self._left is None else self._left - len(found)
            self._more = self._after is not None and self._left != 0
        self._messages = {}
        return found

    def decoded(self, stored: records.Stored) -> CheckpointTuple:
        """A checkpoint of the batch that was read last; not all at once, since each has large values of its own."""
        return records.tuple_of(self._codec, stored, self._messages)

    def _matches(self, row: Row[Any]) -> bool:
        if not self._wanted.metadata:
            return True
        metadata = records.metadata_of(self._codec, row)
        return all(metadata.get(key) == value for key, value in self._wanted.metadata.items())
