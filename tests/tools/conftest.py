"""Sources of papers that ask a local server."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.servers.papers_server import PapersServer, Work
from threadloom.state.papers import SourceName
from threadloom.tools.http import HttpClient
from threadloom.tools.papers.catalogue import REMOTE
from threadloom.tools.papers.remote import RemoteSource
from threadloom.tools.settings import SourceSettings

SourceOf = Callable[..., RemoteSource]


@pytest.fixture(scope="session")
def running() -> Iterator[PapersServer]:
    with PapersServer() as server:
        yield server


@pytest.fixture
def server(running: PapersServer) -> PapersServer:
    """One for the session, as if new: to stop one takes longer than most tests."""
    running.reset()
    return running


@pytest.fixture(scope="session")
def http() -> Iterator[HttpClient]:
    """A client that hardly pauses between attempts."""
    client = HttpClient("librarian@example.org", backoff=0.001)
    yield client
    client.close()


@pytest.fixture
def source_of(server: PapersServer, http: HttpClient, monkeypatch: pytest.MonkeyPatch) -> SourceOf:
    """Make a source by its name that asks the server; settings may be given."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def make(name: str, **settings: Any) -> RemoteSource:
        urls: dict[SourceName, str] = {kind.name: f"{server.url}/{kind.name}" for kind in REMOTE}
        kind = next(kind for kind in REMOTE if kind.name == name)
        return kind(SourceSettings(source_urls=urls, **settings), http)

    return make


def works(count: int, first: int = 1) -> list[Work]:
    """Works with numbers from `first`, all different."""
    return [Work(n, f"Study {n} of tea", f"Tea number {n} was found to help.") for n in range(first, first + count)]
