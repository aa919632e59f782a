"""The examples run as they are, without a key."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs(example: Path, tmp_path: Path) -> None:
    keys = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "THREADLOOM_"))}
    env = keys | {"THREADLOOM_HOME": str(tmp_path), "THREADLOOM_DISABLED": "europepmc,crossref,arxiv,openalex"}
    done = subprocess.run(
        [sys.executable, str(example)], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip()
