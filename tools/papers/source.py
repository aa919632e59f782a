"""What every source of papers is: something that answers a query with papers, best first, before a deadline.

The bundled library and the remote databases are all `PaperSource`s, so that graphs, tools and `threadloom doctor`
treat them alike.
"""

import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from threadloom.state.papers import SOURCE_LABELS, Paper, SourceName, SourceReport


@dataclass(frozen=True)
class PaperQuery:
    """What to look for."""

    text: str
    """The question in plain words."""
    terms: tuple[str, ...] = ()
    """Key terms or phrases, the most specific first; without any, `text` is searched for."""
    year_from: int | None = None
    year_to: int | None = None
    """First and last year of publication, inclusive; None leaves that end open."""
    limit: int = 25
    """How many papers at most."""


class SourceError(Exception):
    """The source gave no answer; the message is one line that says why and can be shown as it is."""


class PartialAnswerError(SourceError):
    """The source gave `papers` but not all it should have; the message is one line that says why."""

    def __init__(self, message: str, papers: list[Paper]) -> None:
        super().__init__(message)
        self.papers = papers


class PaperSource(ABC):
    """A place to search for papers. Safe to use from several threads at once."""

    name: ClassVar[SourceName]
    """The key of `Paper.found`, of settings and of reports."""

    @property
    def label(self) -> str:
        """The name people know it by."""
        return SOURCE_LABELS[self.name]

    @abstractmethod
    def search(self, query: PaperQuery, deadline: float) -> list[Paper]:
        """At most `query.limit` papers, best first, each with `found == {name: rank}`; an empty list if there are none.

        `deadline` is in seconds from now and bounds the whole search. Raises PartialAnswerError with what was found if
        something limits the answer, SourceError if nothing was found and that is not because nothing matches.
        """

    def reachable(self, deadline: float) -> SourceReport:
        """Ask for one paper, within `deadline` seconds: does this source answer, how fast, and if not, why not?"""
        started = time.monotonic()
        report = SourceReport(source=self.name, status="empty", hits=0, reason="", seconds=0.0)
        try:
            report["hits"] = len(self.search(PaperQuery("climate", ("climate",), limit=1), deadline))
        except PartialAnswerError as error:
            report["hits"], report["reason"] = len(error.papers), str(error)
        except SourceError as error:
            report["status"], report["reason"] = "failed", str(error)
        if report["hits"]:
            report["status"] = "ok"
        report["seconds"] = round(time.monotonic() - started, 3)
        return report
