"""The library as a LangChain retriever."""

from typing import Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import Field

from threadloom.state.papers import Paper
from threadloom.tools.fulltext import search_words
from threadloom.tools.library.catalogue import Library


class LibraryRetriever(BaseRetriever):
    """Finds papers of the library as documents: the text of each, and all else that is known of it as metadata."""

    library: Any = Field(default_factory=Library, exclude=True)
    k: int = 4
    """How many documents at most; `invoke(..., k=…)` overrides it."""

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,  # noqa: ARG002  # the base class passes it
        k: int | None = None,
    ) -> list[Document]:
        papers: list[Paper] = self.library.search(search_words(query), self.k if k is None else k)
        return [_document(paper) for paper in papers]


def _document(paper: Paper) -> Document:
    metadata = {key: value for key, value in paper.items() if key not in ("abstract", "found")}
    return Document(id=paper["id"], page_content=paper["abstract"], metadata=metadata)
