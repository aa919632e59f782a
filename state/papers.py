"""Papers, and what is said of them: where they were searched, why they were kept, what was found in them.

Records are TypedDicts of plain JSON values: they survive every checkpointer, Studio's editor and `--json` unchanged.
"""

from collections.abc import Mapping
from typing import Literal

from typing_extensions import TypedDict

SourceName = Literal["library", "europepmc", "crossref", "arxiv", "openalex", "semanticscholar", "pubmed"]
SOURCE_LABELS: Mapping[SourceName, str] = {
    "library": "Bundled library",
    "europepmc": "Europe PMC",
    "crossref": "Crossref",
    "arxiv": "arXiv",
    "openalex": "OpenAlex",
    "semanticscholar": "Semantic Scholar",
    "pubmed": "PubMed",
}
"""The names people know the sources by."""

TextOrigin = Literal["abstract", "library summary", "none"]


class Author(TypedDict):
    """One author; an organisation has its whole name in `family` and an empty `given`.

    A last author named "et al." (`MORE_AUTHORS`) stands for those that are not listed.
    """

    family: str
    given: str


MORE_AUTHORS = Author(family="et al.", given="")


class Paper(TypedDict):
    """One paper as a source described it. What the source did not say is None or empty, never guessed."""

    id: str
    """Stable key: `doi:…` (lower case), else `arxiv:…` (no version), else `pmid:…`, else `<source>:<its own id>`."""
    title: str
    authors: list[Author]
    year: int | None
    venue: str
    kind: str
    """CSL type: article-journal, paper-conference, article (preprint), book, chapter, report or thesis."""
    volume: str
    issue: str
    pages: str
    abstract: str
    """Plain text; no markup."""
    text_origin: TextOrigin
    """Whose words `abstract` holds."""
    keywords: list[str]
    doi: str | None
    arxiv_id: str | None
    pmid: str | None
    url: str
    citations: int | None
    found: dict[str, int]
    """Source name to the paper's rank in that source's answer, 1 is first."""


class SourceReport(TypedDict):
    """How one source answered one search."""

    source: str
    status: Literal["ok", "empty", "failed"]
    hits: int
    reason: str
    """Why it failed or what limits the answer; empty when there is nothing to say."""
    seconds: float


class Verdict(TypedDict):
    """Why a paper was kept for reading, or dropped."""

    paper_id: str
    kept: bool
    reason: str
    score: float
    """Fused score, higher is better; comparable within one run only."""
    ranks: dict[str, int]
    """Criterion (relevance, source, recency, citations) to the paper's rank in it, 1 is best."""


DROPPED = "dropped by the reviewer"
"""The verdict of a person, who need not give a reason."""


class Finding(TypedDict):
    """One claim and the words that carry it."""

    id: str
    paper_id: str
    text: str
    """The claim, as the report states it."""
    span: str
    """Verbatim part of the paper's retrieved text: `abstract[start:start + len(span)] == span`."""
    start: int
    origin: TextOrigin


class Extraction(TypedDict):
    """What reading one paper gave."""

    paper_id: str
    findings: list[Finding]
    dropped: list[str]
    """Claims left out because the words said to support them are not in the text."""
    note: str
    """What went wrong or was degraded; empty when nothing was."""


class Reference(TypedDict):
    """One numbered entry of the reference list."""

    number: int
    paper_id: str
    text: str
    """Formatted in the chosen style, as Markdown."""
