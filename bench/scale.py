"""How much work a run does: all of it, what fits into two minutes, or just enough for a test."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Sizes and repetitions of the kinds of work.

    Args:
        short, long: messages in a chat while its turns are timed.
        short_threads, long_threads: chats of either length, one after another.
        turns: timed turns in each chat.
        disk_turns: turns of the chats whose size on disk is taken, two messages each; empty: none.
        runs: repetitions of a run, an edit, a round of concurrent runs, a question for the state.
        concurrent: threads that run at the same time.
        cold: new processes that ask for the state.
        prune: checkpoints of the threads that are pruned.
        threads: how many there are to list a page of.
    """

    short: int = 20
    long: int = 1000
    short_threads: int = 20
    long_threads: int = 3
    turns: int = 20
    disk_turns: tuple[int, ...] = (500, 1000)
    runs: int = 10
    concurrent: int = 64
    cold: int = 5
    prune: tuple[int, ...] = (2_500, 10_000)
    threads: int = 100_000


FULL = Scale()
QUICK = Scale(short_threads=3, long_threads=1, disk_turns=(), runs=2, cold=1, prune=(200, 800), threads=2_000)
TINY = Scale(
    long=40,
    short_threads=1,
    turns=4,
    disk_turns=(5, 10),
    long_threads=1,
    runs=1,
    concurrent=2,
    prune=(5, 20),
    threads=50,
)
