"""Processes killed and frozen in the middle of runs, and others that go on; on every kind of database."""

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest

from tests.programs import Program

FEW = 6  # kills of a trip


def lives(program: Program, url: str, folder: Path, scenarios: str, *how: str) -> list[Any]:
    """What became of each."""
    done = program("-m", "tests.runs.lives", url, str(folder), scenarios, *how)
    assert (done.stderr, done.returncode) == ("", 0)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_frozen_poisoned_half_undone_or_started_twice(program: Program, new_url: str, tmp_path: Path) -> None:
    frozen, poisoned, undone, twice = lives(program, new_url, tmp_path, "frozen,poisoned,undone,twice")
    assert frozen == {
        "status": "done",
        "state": {"name": "x", "receipt": "paid", "end": "end"},
        "woken": 7,  # by losing its lease
        "told": ["pay"],
        "unchanged": True,
    }
    assert (poisoned["status"], poisoned["killed"]) == ("failed", 6)
    assert poisoned["error"].startswith("recovered 5 times at checkpoint 1")
    assert undone == {
        "status": "cancelled",
        "error": "effect 'b' was not undone: undoing it was begun before; whether it was undone is unknown; "
        "effect 'c' was not undone: c is not refunded",
        "told": ["undone d", "undone b", "undone a"],
    }
    assert twice == {"codes": [0, 0], "runs": 1, "paid": 1}


def check(kills: list[Any]) -> None:
    """Every effect happened once, and every trip ended as if nothing had happened."""
    for kill in kills:
        state = {"name": kill["state"]["name"], "receipt": "pay done", "answer": "yes", "note": "note done"}
        assert kill["state"] == {**state, "end": "yes note done"}, kill
        assert kill["told"] == ["note", "pay"], kill


@pytest.mark.slow
def test_a_run_killed_somewhere_does_everything_once(program: Program, new_url: str, tmp_path: Path) -> None:
    first = "0" if "CI" in os.environ else str(random.randrange(1000))
    kills = lives(program, new_url, tmp_path, "anywhere", str(FEW), first)
    check(kills)
    assert sum(kill["killed"] for kill in kills) >= FEW - 1


@pytest.mark.crash
def test_a_run_killed_anywhere_does_everything_once(program: Program, new_url: str, tmp_path: Path) -> None:
    kills = lives(program, new_url, tmp_path, "anywhere", "0", "0")
    check(kills)
    assert any(kill["asked"] for kill in kills)
