"""The examples run as they are, without a key."""

import os
from pathlib import Path

import pytest

from tests.programs import Program

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs(example: Path, program: Program, tmp_path: Path) -> None:
    keys = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "THREADLOOM_"))}
    env = keys | {"THREADLOOM_HOME": str(tmp_path), "THREADLOOM_DISABLED": "europepmc,crossref,arxiv,openalex"}
    done = program(str(example), cwd=tmp_path, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip()
