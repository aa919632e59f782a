"""What can be set about tools: tables of `threadloom.toml`, `[sources]` for papers and `[web]`, or the environment."""

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from threadloom.models.settings import LoomSettings
from threadloom.state.papers import SourceName


def _names(value: object) -> object:
    return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


Url = Annotated[str, Field(pattern=r"^https?://[^\s/]\S*$")]


class SourceSettings(LoomSettings):
    """Keys, addresses and limits of the sources, e.g. `THREADLOOM_CONTACT`, `THREADLOOM_SOURCE_URLS__ARXIV`."""

    table: ClassVar[str] = "sources"

    contact: str = Field(default="", pattern=r"^([^\s@();]+@[^\s@();]+)?$")
    """Mail address the databases may write to; Crossref and NCBI serve a caller who gives one more readily."""
    openalex_key: SecretStr | None = None
    """Free at openalex.org; without one OpenAlex answers about a hundred searches a day for all users of an address."""
    semanticscholar: bool = False
    """Ask Semantic Scholar without a key too: a pool shared by everybody, which often answers 429."""
    semanticscholar_key: SecretStr | None = None
    pubmed: bool = False
    """Ask PubMed too; most of it is in Europe PMC."""
    pubmed_key: SecretStr | None = None
    disabled: Annotated[tuple[SourceName, ...], NoDecode, BeforeValidator(_names)] = ()
    """Never ask these; separated by commas in the environment."""
    source_urls: dict[SourceName, Url] = Field(default_factory=dict)
    """Base addresses to use instead of the public ones: a mirror, or a server in a test."""
    deadline: float = Field(default=20.0, gt=0, le=600)
    """Seconds the search of one source may take."""


SearchName = Literal["searxng", "tavily", "ddgs"]
Hosts = Annotated[tuple[Annotated[str, Field(pattern=r"^[^\s/@?#]+$")], ...], NoDecode, BeforeValidator(_names)]


class WebSettings(LoomSettings):
    """Who searches the web, and which pages may be read, e.g. `THREADLOOM_SEARXNG_URL`."""

    table: ClassVar[str] = "web"

    web_search: SearchName | Literal["off"] | None = None
    """By default the first that is configured: a SearxNG address, a Tavily key, else ddgs if it is installed."""
    searxng_url: Url | None = None
    """A SearxNG server whose settings.yml lists json under search.formats."""
    tavily_key: SecretStr | None = None
    tavily_url: Url = "https://api.tavily.com"
    private_hosts: Hosts = ()
    """`host` or `host:port` of private addresses that pages may be read from; with commas in the environment."""
    only_hosts: Hosts = ()
    """If there are any, pages are read from these and from `private_hosts` alone."""


def load_source_settings() -> SourceSettings:
    """What environment and file say now. Raises ConfigError."""
    return SourceSettings()
