"""The versions that a graph has had, by the digests of their fingerprints, and the way from one to another."""

from collections.abc import Sequence
from typing import Self

from threadloom.runs.errors import MigrationError
from threadloom.runs.migrations import Migration


class Migrations:
    """What became of a graph from version to version.

    Args:
        graph: its name, for messages.
    """

    def __init__(self, graph: str) -> None:
        self._graph = graph
        self._steps: dict[str, tuple[str, tuple[Migration, ...]]] = {}

    def step(self, before: str, after: str, migrations: Sequence[Migration] = ()) -> Self:
        """Say what became of the version with one digest in the next; returns itself, for the step after it.

        Raises MigrationError when the version has a next one already.
        """
        if before in self._steps:
            raise MigrationError(f"graph {self._graph}: there are two steps from version {before}")
        self._steps[before] = (after, tuple(migrations))
        return self

    def between(self, before: str, after: str) -> list[Migration]:
        """The migrations from one version to another, in order; raises MigrationError when no steps lead there."""
        found: list[Migration] = []
        at, seen = before, set[str]()
        while at != after:
            if at in seen or at not in self._steps:
                raise MigrationError(f"graph {self._graph}: no migrations lead from version {before} to {after}")
            seen.add(at)
            at, migrations = self._steps[at]
            found += migrations
        return found
