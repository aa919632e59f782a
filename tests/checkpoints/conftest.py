"""Databases to test on: SQLite in a file and in memory, PostgreSQL, MariaDB."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests import services
from tests.checkpoints.chain import KEYS
from threadloom.checkpoints import Encryption, SQLSaver


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A new SQLite file."""
    return f"sqlite:///{tmp_path / 'runs.db'}"


@pytest.fixture(params=["file", *services.SERVERS])
def new_url(request: pytest.FixtureRequest, url: str) -> Iterator[str]:
    """A new database that several processes can open, without tables."""
    if request.param == "file":
        yield url
        return
    with services.database(request.param) as new:
        yield new


@pytest.fixture(params=list(services.SERVERS))
def server_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A new database on a server, without tables."""
    with services.database(request.param) as new:
        yield new


@pytest.fixture(scope="session", params=["file", "memory", *services.SERVERS])
def empty_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], str]]:
    """Gives the URL of an empty database of every kind, at each call; tables of a server are emptied, not made anew."""
    if request.param in services.SERVERS:
        with services.database(request.param) as url:
            yield lambda: services.emptied(request.param, url)
    elif request.param == "memory":
        yield lambda: "sqlite://"
    else:
        folder, number = tmp_path_factory.mktemp("databases"), count()
        yield lambda: f"sqlite:///{folder}/{next(number)}.db"


ENCRYPTED = pytest.param(KEYS, id="encrypted", marks=pytest.mark.thorough)


@pytest.fixture(scope="session", params=[pytest.param(None, id="plain"), ENCRYPTED])
def encryption(request: pytest.FixtureRequest) -> Any:
    """What savers are to encrypt with: nothing, or keys."""
    return request.param


@pytest.fixture
def saver(empty_url: Callable[[], str], encryption: Encryption | None) -> Iterator[SQLSaver]:
    """A saver on an empty database of every kind, of plain text and encrypted."""
    with SQLSaver(empty_url(), encryption=encryption) as saver:
        yield saver


@pytest.fixture
def plain_saver(empty_url: Callable[[], str]) -> Iterator[SQLSaver]:
    """A saver on an empty database of every kind, of plain text, for tests that change rows by hand."""
    with SQLSaver(empty_url()) as saver:
        yield saver
