"""A saver on a file and one in memory."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from threadloom.checkpoints import SQLSaver


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'runs.db'}"


@pytest.fixture(params=["file", "memory"])
def saver(request: pytest.FixtureRequest, url: str) -> Iterator[SQLSaver]:
    with SQLSaver(url if request.param == "file" else "sqlite://") as saver:
        yield saver
