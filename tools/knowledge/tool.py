"""A knowledge base as a LangChain tool: `search_help`."""

from collections.abc import Callable

from langchain_core.tools import BaseTool
from pydantic import Field

from threadloom.state.routing import Passage
from threadloom.tools.answer import Arguments, shown, tool_of
from threadloom.tools.knowledge.articles import Knowledge

PASSAGES = 4


class HelpSearch(Arguments):
    """Arguments of `search_help`."""

    question: str = Field(min_length=1, max_length=2_000, description="What to find out, in a sentence or key words")


def help_tool(knowledge: Callable[[], Knowledge], about: str) -> BaseTool:
    """Passages as JSON for the model, and as the artifact. `about` tells it what the pages are about.

    The knowledge base is opened when it is first asked.
    """

    def search(question: str) -> tuple[str, list[Passage]]:
        found = knowledge().search(question, PASSAGES)
        told = [{"id": one["id"], "title": one["title"], "text": one["text"]} for one in found]
        return shown(told) if told else "", found  # nothing is nothing: words of ours would read like a page

    return tool_of(search, name="search_help", description=f"Search the help pages on {about}.", arguments=HelpSearch)
