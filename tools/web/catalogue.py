"""Who searches the web: the one place where that is decided."""

from functools import cache

from threadloom.models.settings import ConfigError
from threadloom.tools.http import HttpClient
from threadloom.tools.settings import WebSettings
from threadloom.tools.web.metasearch import Ddgs
from threadloom.tools.web.search import SearchError, WebSearch
from threadloom.tools.web.searxng import SearxNg
from threadloom.tools.web.tavily import Tavily

_NEEDS = {
    "searxng": "THREADLOOM_SEARXNG_URL",
    "tavily": "THREADLOOM_TAVILY_KEY",
    "ddgs": "pip install 'threadloom[web]'",
}


def configured(settings: WebSettings) -> WebSearch:
    """The search that the settings name, else the first that is configured: SearxNG, Tavily, ddgs if it is installed.

    Raises SearchError, which says what to do, if there is none, and ConfigError if the one named lacks what it needs.
    """
    if settings.web_search == "off":
        raise SearchError("web search is not available: it is switched off")
    usable = _usable(settings)
    if settings.web_search is None:
        if not usable:
            raise SearchError(f"web search is not available; it needs {', or '.join(_NEEDS.values())}")
        return usable[0]
    for search in usable:
        if search.name == settings.web_search:
            return search
    raise ConfigError(f"settings: web.web_search: {settings.web_search} needs {_NEEDS[settings.web_search]}")


def _usable(settings: WebSettings) -> list[WebSearch]:
    searches: list[WebSearch] = []
    if settings.searxng_url:
        searches.append(SearxNg(settings.searxng_url, _client()))
    if settings.tavily_key:
        searches.append(Tavily(settings.tavily_key, settings.tavily_url, _client()))
    if Ddgs.installed():
        searches.append(Ddgs())
    return searches


@cache
def _client() -> HttpClient:
    """One for the process: it holds the connections."""
    return HttpClient()
