"""What the documentation shows is true: its code runs, its commands exist, its links lead somewhere."""

import re
from pathlib import Path

import pytest
import typer

from tests.programs import Program
from threadloom.cli.app import app

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
CODE = [
    pytest.param(code, id=f"{page.name}-{number}")
    for page in PAGES
    for number, code in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL), 1)
]


@pytest.mark.parametrize("code", CODE)
def test_code_runs_as_printed(code: str, program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THREADLOOM_HOME", str(tmp_path))
    monkeypatch.setenv("THREADLOOM_DISABLED", "europepmc,crossref,arxiv,openalex")
    done = program("-c", code, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip()


def commands(group: object, prefix: str) -> list[str]:
    found = []
    for name, command in group.commands.items():  # type: ignore[attr-defined]  # a click group
        path = f"{prefix} {name}"
        found += commands(command, path) if hasattr(command, "commands") else [path]
    return found


def test_every_command_is_documented() -> None:
    text = (ROOT / "docs" / "command-line.md").read_text()
    assert [path for path in commands(typer.main.get_command(app), "threadloom") if path not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []
