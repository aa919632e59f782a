"""The library as one of the sources of papers: always there, with or without a network."""

from typing import ClassVar

from threadloom.state.papers import Paper, SourceName
from threadloom.tools.fulltext import search_words
from threadloom.tools.library.catalogue import Library
from threadloom.tools.papers.source import PaperQuery, PaperSource, PartialAnswerError


class LibrarySource(PaperSource):
    """Searches the bundled papers and the user's own."""

    name: ClassVar[SourceName] = "library"

    def __init__(self, library: Library | None = None) -> None:
        self._library = library or Library()

    def search(self, query: PaperQuery, deadline: float) -> list[Paper]:  # noqa: ARG002  # takes milliseconds
        """See `PaperSource.search`; when the user's papers cannot be read, the bundled ones are still searched."""
        try:
            return self._ranked(self._library, query)
        except ValueError as error:
            papers = self._ranked(Library(own=False), query)
            raise PartialAnswerError(f"only the bundled papers were searched: {error}", papers) from error

    def _ranked(self, library: Library, query: PaperQuery) -> list[Paper]:
        hits = library.search((*query.terms, *search_words(query.text)), len(library.entries()))
        fitting = [paper for paper in hits if _in_years(paper, query)][: query.limit]
        return [{**paper, "found": {self.name: rank}} for rank, paper in enumerate(fitting, 1)]


def _in_years(paper: Paper, query: PaperQuery) -> bool:
    year = paper["year"]
    return year is None or (query.year_from or year) <= year <= (query.year_to or year)
