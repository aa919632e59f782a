"""A source of papers as a LangChain tool: a model searches it, and gets titles and abstracts to read."""

from langchain_core.tools import BaseTool, ToolException
from pydantic import ConfigDict, Field

from threadloom.state.papers import Paper
from threadloom.tools.answer import Arguments, shown, tool_of
from threadloom.tools.papers.source import PaperQuery, PaperSource, PartialAnswerError, SourceError
from threadloom.tools.text import clipped

ABSTRACT = 1_500
"""Characters of an abstract that a model is shown; the artifact has all of it."""


class PaperSearch(Arguments):
    """Arguments of every search tool."""

    model_config = ConfigDict(str_strip_whitespace=True)

    query: str = Field(min_length=1, max_length=500, description="What to look for: a few key words")
    year_from: int | None = Field(default=None, ge=1000, le=3000, description="First year of publication")
    year_to: int | None = Field(default=None, ge=1000, le=3000, description="Last year of publication")
    limit: int = Field(default=5, ge=1, le=25, description="How many papers at most")


def paper_tool(source: PaperSource, deadline: float) -> BaseTool:
    """`search_<source>`: JSON for the model, `list[Paper]` as the artifact; failures and limits are text it can read.

    `deadline` is how many seconds one search may take.
    """

    def search(
        query: str, year_from: int | None = None, year_to: int | None = None, limit: int = 5
    ) -> tuple[str, list[Paper]]:
        wanted = PaperQuery(query, year_from=year_from, year_to=year_to, limit=limit)
        limits = ""
        try:
            papers = source.search(wanted, deadline)
        except PartialAnswerError as error:
            papers, limits = error.papers, f"\nNote: {error}"
        except SourceError as error:
            raise ToolException(f"{source.label} gave no answer: {error}") from error
        return shown([_brief(paper) for paper in papers]) + limits, papers

    return tool_of(
        search,
        name=f"search_{source.name}",
        description=f"Search {source.label} for scholarly papers; returns titles, authors, years and abstracts.",
        arguments=PaperSearch,
    )


def _brief(paper: Paper) -> dict[str, object]:
    names = [author["family"] for author in paper["authors"]]
    return {
        "id": paper["id"],
        "title": paper["title"],
        "authors": names if len(names) <= 3 else [names[0], "et al."],
        "year": paper["year"],
        "venue": paper["venue"],
        "abstract": clipped(paper["abstract"], ABSTRACT),
    }
