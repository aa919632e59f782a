"""Which sources there are, and which of them the settings ask for."""

from functools import cache

from threadloom.state.papers import SourceName
from threadloom.tools.http import HttpClient
from threadloom.tools.papers.arxiv import Arxiv
from threadloom.tools.papers.crossref import Crossref
from threadloom.tools.papers.europepmc import EuropePmc
from threadloom.tools.papers.openalex import OpenAlex
from threadloom.tools.papers.pubmed import PubMed
from threadloom.tools.papers.remote import RemoteSource
from threadloom.tools.papers.semanticscholar import SemanticScholar
from threadloom.tools.papers.source import PaperSource
from threadloom.tools.settings import SourceSettings

REMOTE: tuple[type[RemoteSource], ...] = (EuropePmc, Crossref, Arxiv, OpenAlex, SemanticScholar, PubMed)
KNOWN: tuple[SourceName, ...] = ("library", *(source.name for source in REMOTE))
"""The names of all sources, in the order in which they are shown."""


def configured(settings: SourceSettings) -> list[PaperSource]:
    """The sources to ask, in the order of `KNOWN`: the library unless disabled, the rest as the settings say."""
    from threadloom.tools.library.source import LibrarySource

    off = set(settings.disabled)
    if not (settings.semanticscholar or settings.semanticscholar_key):
        off.add("semanticscholar")
    if not (settings.pubmed or settings.pubmed_key):
        off.add("pubmed")
    http = _client(settings.contact)
    remote = [source(settings, http) for source in REMOTE if source.name not in off]
    return [*([] if "library" in off else [LibrarySource()]), *remote]


@cache
def _client(contact: str) -> HttpClient:
    """One for the process: it holds the connections, and the turns that paced hosts give."""
    return HttpClient(contact)
