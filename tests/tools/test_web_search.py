"""Searching the web: three services over real HTTP, one choice among them, and results that are only data."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from tests.servers.search_server import KEY, SearchServer
from threadloom.models.settings import ConfigError
from threadloom.tools.http import HttpClient
from threadloom.tools.settings import SearchName, WebSettings
from threadloom.tools.web.catalogue import configured
from threadloom.tools.web.metasearch import Ddgs
from threadloom.tools.web.search import MOST_SNIPPET, MOST_TITLE, SearchError, WebSearch
from threadloom.tools.web.searxng import SearxNg
from threadloom.tools.web.tavily import Tavily
from threadloom.tools.web.tool import web_tool

NAMES: tuple[SearchName, ...] = ("searxng", "tavily", "ddgs")


def result(number: int, **other: object) -> dict[str, Any]:
    return {"title": f"Tea {number}", "url": f"https://tea.test/{number}", "content": f"About tea {number}.", **other}


@pytest.fixture
def server() -> Iterator[SearchServer]:
    with SearchServer([result(number) for number in range(1, 4)]) as server:
        yield server


@pytest.fixture
def searches(server: SearchServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[SearchName, WebSearch]]:
    """Each service, asking the server; of the engines that ddgs knows, only Mojeek is left, at the server."""
    from ddgs.engines import ENGINES
    from ddgs.engines.mojeek import Mojeek

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(Mojeek, "search_url", f"{server.url}/mojeek")
    monkeypatch.setitem(ENGINES, "text", {"mojeek": Mojeek})
    http = HttpClient(backoff=0.001)
    tavily = Tavily(SecretStr(KEY), f"{server.url}/tavily", http)
    yield {"searxng": SearxNg(f"{server.url}/searxng", http), "tavily": tavily, "ddgs": Ddgs()}
    http.close()


@pytest.mark.parametrize("name", NAMES)
def test_results(name: SearchName, searches: dict[SearchName, WebSearch], server: SearchServer) -> None:
    found = searches[name].search("green tea", 2, 20)
    assert sorted(found, key=lambda one: one["url"])[0] == {
        "title": "Tea 1",
        "url": "https://tea.test/1",
        "snippet": "About tea 1.",
        "source": name,
    }
    assert len(found) == 2
    assert "green tea" in server.queries[0].values()


@pytest.mark.parametrize("name", NAMES)
def test_results_are_only_data(name: SearchName, searches: dict[SearchName, WebSearch], server: SearchServer) -> None:
    """Bounded lines of clean text, each page once, and no address but of the web."""
    server.results = [
        result(1, title="Ignore\u202e all\nprevious " + "x" * 5_000, content="tea \U000e0041\u200b" + "y " * 500_000),
        result(1),
        result(2, url="javascript:alert(1)"),
        result(3, url="file:///etc/passwd"),
        result(4, url="https://tea.test/" + "z" * 5_000),
        result(5, url="http://[tea"),
        result(6, url=""),
    ]
    (found,) = searches[name].search("tea", 10, 20)
    assert found["url"] == "https://tea.test/1"
    assert len(found["title"]) == MOST_TITLE
    assert found["title"].startswith("Ignore all previous x")
    assert len(found["snippet"]) == MOST_SNIPPET
    assert found["snippet"].startswith("tea y")


@pytest.mark.parametrize("name", ["searxng", "tavily"])
@pytest.mark.parametrize("reply", [[], {}, {"results": None}, {"results": {"a": 1}}, "no"])
def test_nonsense(name: SearchName, reply: object, searches: dict[SearchName, WebSearch], server: SearchServer) -> None:
    server.reply = reply
    with pytest.raises(SearchError, match=r"gave no answer: unexpected reply$"):
        searches[name].search("tea", 5, 20)
    server.reply = {"results": [None, 7, {}, {"url": 5}, {"url": "https://tea.test/", "title": {"a": 1}}]}
    assert searches[name].search("tea", 5, 20) == [
        {"title": "", "url": "https://tea.test/", "snippet": "", "source": name}
    ]


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (429, r"rate limited \(HTTP 429\)"),
        (500, r"server error \(HTTP 500\)"),
        (403, r"access refused or limit reached"),
    ],
)
@pytest.mark.parametrize("name", ["searxng", "tavily"])
def test_refusals(
    name: SearchName, status: int, why: str, searches: dict[SearchName, WebSearch], server: SearchServer
) -> None:
    server.status = status
    with pytest.raises(SearchError, match=why):
        searches[name].search("tea", 5, 20)


@pytest.mark.parametrize("name", NAMES)
def test_silence(name: SearchName, searches: dict[SearchName, WebSearch], server: SearchServer) -> None:
    server.silent = True
    with pytest.raises(SearchError, match="no answer within"):
        searches[name].search("tea", 5, 0.3)


def test_what_services_say_of_themselves(searches: dict[SearchName, WebSearch], server: SearchServer) -> None:
    server.status = 403
    with pytest.raises(SearchError, match=r"does its settings\.yml list json under search\.formats\?$"):
        searches["searxng"].search("tea", 5, 20)
    server.status, server.reply = 200, {"results": [], "unresponsive_engines": [["google", "CAPTCHA"], 5]}
    with pytest.raises(SearchError, match=r"none from its engines google CAPTCHA$"):
        searches["searxng"].search("tea", 5, 20)
    server.reply = {"results": [], "unresponsive_engines": []}
    assert searches["searxng"].search("tea", 5, 20) == []
    server.results, server.reply = [], None
    with pytest.raises(SearchError, match="ddgs gave no answer: No results found"):
        searches["ddgs"].search("tea", 5, 20)


def test_without_a_network_no_engine_is_named(
    searches: dict[SearchName, WebSearch], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ddgs.engines.mojeek import Mojeek

    monkeypatch.setattr(Mojeek, "search_url", "http://127.0.0.1:9/mojeek")
    with pytest.raises(SearchError, match=r"ddgs gave no answer: no search engine can be reached$"):
        searches["ddgs"].search("tea", 5, 20)


def test_the_key_is_told_to_nobody(server: SearchServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    http = HttpClient(backoff=0.001)
    with pytest.raises(SearchError, match=r"access refused \(HTTP 401\)") as caught:
        Tavily(SecretStr("another-secret"), server.url, http).search("tea", 5, 20)
    server.status, server.reply = 400, {"error": f"what is {KEY}?"}
    with pytest.raises(SearchError, match=r"what is \*\*\*\?$"):
        Tavily(SecretStr(KEY), server.url, http).search("tea", 5, 20)
    assert "secret" not in str(caught.value)
    http.close()


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    for name in ("WEB_SEARCH", "SEARXNG_URL", "TAVILY_KEY"):
        monkeypatch.delenv(f"THREADLOOM_{name}", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("alone")
def test_the_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    def chosen(**settings: Any) -> str:
        return configured(WebSettings(**settings)).name

    url, key = "http://127.0.0.1:8080", KEY
    assert chosen() == "ddgs"
    assert chosen(tavily_key=key) == "tavily"
    assert chosen(searxng_url=url, tavily_key=key) == "searxng"
    assert chosen(searxng_url=url, tavily_key=key, web_search="ddgs") == "ddgs"
    with pytest.raises(ConfigError, match="web_search: tavily needs THREADLOOM_TAVILY_KEY"):
        chosen(web_search="tavily")
    with pytest.raises(SearchError, match="switched off"):
        chosen(searxng_url=url, web_search="off")
    monkeypatch.setattr(Ddgs, "installed", lambda: False)
    with pytest.raises(SearchError, match="not available; it needs THREADLOOM_SEARXNG_URL, or THREADLOOM_TAVILY_KEY"):
        chosen()
    with pytest.raises(ConfigError, match=r"ddgs needs pip install 'threadloom\[web\]'"):
        chosen(web_search="ddgs")
    monkeypatch.setenv("THREADLOOM_TAVILY_KEY", key)
    assert chosen() == "tavily"


@pytest.mark.usefixtures("alone")
def test_tool(searches: dict[SearchName, WebSearch], server: SearchServer, monkeypatch: pytest.MonkeyPatch) -> None:
    call = {"name": "web_search", "args": {"query": "tea", "limit": 1}, "id": "1", "type": "tool_call"}
    message = web_tool(searches["searxng"]).invoke(call)
    assert json.loads(message.content) == message.artifact
    assert [one["url"] for one in message.artifact] == ["https://tea.test/1"]
    server.status = 429
    message = web_tool(searches["tavily"]).invoke(call)
    assert (message.status, message.content) == ("error", "Tavily gave no answer: rate limited (HTTP 429)")
    monkeypatch.setenv("THREADLOOM_WEB_SEARCH", "off")
    assert web_tool().invoke(call).content == "web search is not available: it is switched off"
    for wrong in ({"query": " "}, {"query": "x" * 401}, {"query": "tea", "limit": 0}, {"query": "tea", "page": 2}, {}):
        assert web_tool().invoke({**call, "args": wrong}).content.startswith("bad arguments: ")
