"""The library as one of the sources of papers: always there, with or without a network."""

from typing import ClassVar

from threadloom.state.papers import Paper, SourceName
from threadloom.tools.fulltext import search_words
from threadloom.tools.library.catalogue import Library
from threadloom.tools.papers.source import PaperQuery, PaperSource, SourceError


class LibrarySource(PaperSource):
    """Searches the bundled papers and the user's own."""

    name: ClassVar[SourceName] = "library"
    label: ClassVar[str] = "Bundled library"

    def __init__(self, library: Library | None = None) -> None:
        self._library = library or Library()

    def search(self, query: PaperQuery, deadline: float) -> list[Paper]:  # noqa: ARG002  # takes milliseconds
        """See `PaperSource.search`."""
        try:
            hits = self._library.search((*query.terms, *search_words(query.text)), len(self._library.entries()))
        except ValueError as error:
            raise SourceError(str(error)) from error
        fitting = [paper for paper in hits if _in_years(paper, query)][: query.limit]
        return [{**paper, "found": {self.name: rank}} for rank, paper in enumerate(fitting, 1)]


def _in_years(paper: Paper, query: PaperQuery) -> bool:
    year = paper["year"]
    return year is None or (query.year_from or year) <= year <= (query.year_to or year)
