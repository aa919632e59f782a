"""What a saver remembers between calls: immutable bytes by digest, and which of them each thread has stored.

Bytes that are named by their digest never go stale, so nothing here needs to be invalidated; it only needs an end.
"""

import threading
from collections import OrderedDict
from collections.abc import Collection, Hashable, Set
from typing import Any, NamedTuple

OVERHEAD = 400  # bytes that Python spends on an entry besides its contents, roughly
BYTES_PER_DIGEST = 128  # of a digest in a set, roughly
ENTRY = 4  # digests that an entry of a thread counts for


class Cache:
    """A bounded mapping that forgets what was not used for long; safe in any number of threads.

    Two generations: what is used moves to the young one; when that has taken half of the room it becomes the old one,
    and the old one is forgotten. A hit is one or two look-ups in a dict, without a lock or a list to keep in order.

    Args:
        limit: bytes to stay below, roughly; 0 remembers nothing for longer than a moment.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._young: dict[Hashable, tuple[Any, int]] = {}
        self._old: dict[Hashable, tuple[Any, int]] = {}
        self._used = 0

    def get(self, key: Hashable) -> Any:
        """The value, or None."""
        if (found := self._young.get(key)) is not None:
            return found[0]
        if (found := self._old.get(key)) is not None:
            self.put(key, *found)
            return found[0]
        return None

    def put(self, key: Hashable, value: Any, size: int) -> None:
        """Remember a value of so many bytes."""
        # Two threads may count at once and lose one of the sizes: the limit is a rough one.
        self._used += size + OVERHEAD
        if 2 * self._used > self._limit:
            self._old, self._young, self._used = self._young, {}, size + OVERHEAD
        self._young[key] = (value, size)


class Knowledge(NamedTuple):
    """What a saver knows about a thread when it plans to store something.

    Args:
        epoch: the one in which it was learnt; None when nothing is known.
        digests: elements that are stored as long as this is the epoch, with all that is below them.
        faith: what `Ledger.holds` asks for.
    """

    epoch: int | None
    digests: Set[bytes]
    faith: object


class Ledger:
    """The digests that are known to be stored in each thread, under the epoch in which they were seen there.

    Whoever deletes anything of a thread gives it a new epoch in the same transaction, and whoever stores something
    compares epochs in the transaction that stores it: what was learnt in another epoch counts for nothing.
    """

    def __init__(self, limit: int) -> None:
        self._most = limit // BYTES_PER_DIGEST
        self._threads: OrderedDict[str, tuple[int, set[bytes]]] = OrderedDict()
        self._count = 0
        self._faith = object()
        self._lock = threading.Lock()

    def of(self, thread_id: str) -> Knowledge:
        """What is known about a thread; the digests may become more while they are looked at."""
        epoch, digests = self._threads.get(thread_id, (None, frozenset[bytes]()))
        return Knowledge(epoch, digests, self._faith)

    def holds(self, knowledge: Knowledge) -> bool:
        """Whether nothing was forgotten since; always true of what says nothing."""
        return knowledge.epoch is None or knowledge.faith is self._faith

    def forget(self) -> None:
        """Take nothing for stored any more."""
        with self._lock:
            self._threads.clear()
            self._count, self._faith = 0, object()

    def drop(self, thread_id: str) -> None:
        """Take nothing of a thread for stored any more."""
        with self._lock:
            _, known = self._threads.pop(thread_id, (0, set[bytes]()))
            self._count -= len(known)

    def learn(self, thread_id: str, epoch: int, digests: Collection[bytes] = ()) -> None:
        """Note what a committed transaction stored or saw in this epoch."""
        with self._lock:
            learnt_in, known = self._threads.pop(thread_id, (epoch, set[bytes]()))
            self._count -= len(known)
            if learnt_in != epoch:
                known = set()
            known.update(digests)
            self._threads[thread_id] = (epoch, known)
            self._count += len(known)
            while len(self._threads) > 1 and self._count + ENTRY * len(self._threads) > self._most:
                _, (_, forgotten) = self._threads.popitem(last=False)
                self._count -= len(forgotten)
