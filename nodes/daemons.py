"""Threads for work that may never end: daemons, which are used again when it does, since starting one takes 0.1 ms."""

import os
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread

KEPT = 10.0  # seconds that a thread without work waits for more

Work = Callable[[], object]


class Daemons:
    """As many threads as there is work at once; nobody waits for them, not even the end of the process."""

    def __init__(self) -> None:
        self._idle: list[SimpleQueue[Work]] = []  # of each the queue from which it takes its work
        os.register_at_fork(after_in_child=self._idle.clear)  # its threads stay with the parent

    def do(self, work: Work) -> None:
        """Have it done at once, in a thread that does nothing else meanwhile; it handles its own errors."""
        try:
            queue = self._idle.pop()
        except IndexError:
            queue = SimpleQueue[Work]()
            Thread(target=self._serve, args=(queue,), name="threadloom-work", daemon=True).start()
        queue.put(work)

    def _serve(self, queue: SimpleQueue[Work]) -> None:
        while True:
            try:
                work = queue.get(timeout=KEPT)
            except Empty:
                try:
                    self._idle.remove(queue)
                except ValueError:  # somebody has just taken it, so there is work coming
                    continue
                return
            work()
            del work  # and what it holds, while there is nothing to do
            self._idle.append(queue)
