"""Fixtures that tests share: two running OpenAI-protocol servers, fresh for every test.

They live as long as the session because a client for a new address costs 50 ms: it reads the certificate store twice.
"""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.programs import Program, Programs
from tests.servers.openai_server import OpenAIServer

# Consoles decide about colours when they are made; a test worker may well sit at a terminal.
os.environ["TERM"] = "dumb"

# Nothing is timed in tests. On a laptop property tests explore; what lands is decided by the same examples every time.
settings.register_profile("threadloom", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("threadloom")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow ones first: one that came last would be waited for alone."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def program() -> Iterator[Program]:
    """Runs a program to its end, in a process of its own."""
    with Programs() as programs:
        yield programs.run


@pytest.fixture(scope="session")
def _servers() -> Iterator[tuple[OpenAIServer, OpenAIServer]]:
    with OpenAIServer() as first, OpenAIServer() as second:
        yield first, second


@pytest.fixture
def server(_servers: tuple[OpenAIServer, OpenAIServer]) -> OpenAIServer:
    """A server that speaks the OpenAI protocol; it obliges until told otherwise."""
    _servers[0].reset()
    return _servers[0]


@pytest.fixture
def second(_servers: tuple[OpenAIServer, OpenAIServer]) -> OpenAIServer:
    """Another one, to fall back to."""
    _servers[1].reset()
    return _servers[1]
