"""A short ordeal on every kind of database; `make torture` is the long one."""

import os
import random

import pytest

from tests.torture.databases import DATABASES, tortured

RUNS, WORKERS = 6, 2


@pytest.mark.slow
@pytest.mark.parametrize("kind", DATABASES)
def test_killed_and_frozen_workers_bring_all_runs_to_their_ends(kind: str) -> None:
    seed = 5 if "CI" in os.environ else random.randrange(10**6)
    report = tortured(kind, seed, RUNS, WORKERS)
    assert not any(report[wrong] for wrong in ("wrong ends", "never happened", "repeated unasked", "broken")), report
    assert report["idempotency keys"], report
    assert report.get("kills", 0) + report.get("freezes", 0) >= 1, report
