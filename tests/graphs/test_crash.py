"""Wherever a run is killed, the resumed one ends as if nothing had happened."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.parametrize("case", ["first", "second", "review"])
def test_a_run_killed_at_any_write_ends_as_an_undisturbed_one(case: str, tmp_path: Path) -> None:
    command = [sys.executable, str(Path(__file__).with_name("crash_matrix.py")), str(tmp_path), case]
    env = os.environ | {"THREADLOOM_HOME": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    kills = [json.loads(line) for line in done.stdout.splitlines()]
    assert sum(kill["died"] for kill in kills) >= 20
    assert [kill for kill in kills if kill["different"]] == []
