"""The command line, called in this process, in a folder of the test's own, with no network."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from threadloom.cli import main


class Ended(NamedTuple):
    code: int
    out: str
    err: str


Cli = Callable[..., Ended]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("THREADLOOM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("THREADLOOM_DISABLED", "europepmc,crossref,arxiv,openalex")

    def run(*words: str) -> Ended:
        monkeypatch.setattr("sys.argv", ["threadloom", *words])
        try:
            main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        printed = capsys.readouterr()
        return Ended(code, printed.out, printed.err)

    return run
