"""What can be set about tools: tables `[sources]`, `[web]`, `[tools]` of `threadloom.toml`, or the environment."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator
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


class McpSettings(BaseModel):
    """An MCP server: a `command` with its arguments, or a `url`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    command: tuple[str, ...] = ()
    url: Url | None = None
    env: dict[str, SecretStr] = Field(default_factory=dict)
    """Added to the few harmless variables that a command gets."""
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    """Sent with every request to a url."""
    reads: tuple[str, ...] = ()
    """Tools, by the server's names, that only read; the others wait for a person."""

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if bool(self.command) == bool(self.url):
            raise ValueError("give either command or url")
        return self


class ToolSettings(LoomSettings):
    """What tools work with, e.g. `THREADLOOM_READ_DATABASE`, `THREADLOOM_CALENDARS__WORK`."""

    table: ClassVar[str] = "tools"

    read_database: SecretStr | None = None
    """SQLAlchemy URL of a database that tools may read."""
    calendars: dict[str, str] = Field(default_factory=dict)
    """By name, .ics files or addresses (https, webcal)."""
    timezone: str = "UTC"
    """In which times of calendars are given and days begin, as in "Europe/Berlin"."""
    mail_from: str | None = None
    """Who writes, as in "Ann Example <ann@example.org>"; without it there are no mail tools."""
    drafts: Path = Path("drafts")
    """Folder for drafts of mails."""
    notes: Path = Path("notes")
    """Folder in which goals are pursued: what is found out is written there."""
    mail_server: SecretStr | None = None
    """smtp://user:password@host:587; without it mails are only drafted."""
    mcp: dict[str, McpSettings] = Field(default_factory=dict)
    """MCP servers by the name that begins their tools' names."""


def load_source_settings() -> SourceSettings:
    """What environment and file say now. Raises ConfigError."""
    return SourceSettings()
