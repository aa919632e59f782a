"""An ordeal on a new database of a kind, in a program of its own."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests import services

ROOT = Path(__file__).parents[2]
DATABASES = ("sqlite", *services.SERVERS)


def tortured(kind: str, seed: int, runs: int, workers: int) -> dict[str, Any]:
    """The report; raises CalledProcessError if there is none."""
    with tempfile.TemporaryDirectory() as folder, _database(kind, folder) as url:
        program = [sys.executable, "-m", "tests.torture.ordeal", url, folder, *map(str, (seed, runs, workers))]
        done = subprocess.run(program, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@contextmanager
def _database(kind: str, folder: str) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{folder}/runs.db"
        return
    with services.database(kind) as url:
        yield url
