"""Wherever a run is killed, the resumed one ends as if nothing had happened.

A few kills in every part of every kind of run; `make crash` tries them all.
"""

import json
import os
import random
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from tests import services
from tests.checkpoints.test_sharing import unsound
from tests.programs import Program
from threadloom.checkpoints import SQLSaver

FEW = 3  # kills in every part of a run
DURABILITIES = ["sync", "async", "exit"]
SAMPLED = {"sync": ["sync", "exit"], "async": ["async"]}
# Drivers that are asynchronous only take the same way but for connections and transactions of their own.
DRIVERS = [
    *((driver, side) for driver in ("sqlite", "postgresql+psycopg", "mysql+pymysql") for side in ("sync", "async")),
    *(("postgresql+asyncpg", "async"), ("mysql+asyncmy", "async")),
]
RESEARCH = ["research", "research-second", "research-review"]


@contextmanager
def _database(driver: str, folder: Path) -> Iterator[str]:
    """The URL of a new database."""
    if driver == "sqlite":
        yield f"sqlite:///{folder / 'runs.db'}"
        return
    with services.database("mariadb" if driver.startswith("mysql") else "postgresql") as url:
        yield make_url(url).set(drivername=driver).render_as_string(hide_password=False)


def _printed(program: Program, folder: Path, *command: str) -> str:
    """What a program of this folder prints."""
    done = program("-m", *command, env=os.environ | {"THREADLOOM_HOME": str(folder)})
    assert (done.stderr, done.returncode) == ("", 0)
    return done.stdout


def _kills(program: Program, folder: Path, *arguments: str, most: int) -> list[dict[str, Any]]:
    """Run the matrix; what became of every kill, all of which ended as they should."""
    # On a laptop other boundaries each time, the same ones in CI.
    first = "0" if "CI" in os.environ else str(random.randrange(1000))
    printed = _printed(program, folder, "tests.crash.matrix", *arguments, str(most), first)
    kills: list[dict[str, Any]] = [json.loads(line) for line in printed.splitlines()]
    assert [kill for kill in kills if kill["different"]] == []
    return [kill for kill in kills if kill["killed"]]


def _check(url: str) -> None:
    """Nothing in the database is missing or damaged."""
    with SQLSaver(url) as saver:
        assert saver._database.read(unsound)["missing"] == 0
        assert [problem for problem in saver.verify() if "no use" not in str(problem)] == []
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.parametrize(("driver", "side"), DRIVERS)
def test_a_run_killed_somewhere_ends_as_an_undisturbed_one(
    driver: str, side: str, program: Program, tmp_path: Path
) -> None:
    with _database(driver, tmp_path) as url:
        for durability in SAMPLED[side]:
            assert len(_kills(program, tmp_path, url, "voyage", side, durability, most=FEW)) >= FEW
        _check(url)


@pytest.mark.crash
@pytest.mark.parametrize("durability", DURABILITIES)
@pytest.mark.parametrize(("driver", "side"), DRIVERS)
def test_a_run_killed_anywhere_ends_as_an_undisturbed_one(
    driver: str, side: str, durability: str, program: Program, tmp_path: Path
) -> None:
    with _database(driver, tmp_path) as url:
        kills = _kills(program, tmp_path, url, "voyage", side, durability, most=0)
        _check(url)
    around = {f"{moment} {what}" for moment in ("before", "after") for what in ("put", "put_writes", "COMMIT")}
    assert {kill["boundary"] for kill in kills} == {*around, "INSERT", "UPDATE"}


@pytest.mark.slow
@pytest.mark.parametrize("workload", RESEARCH)
def test_research_killed_somewhere_ends_as_undisturbed(workload: str, program: Program, tmp_path: Path) -> None:
    assert _kills(program, tmp_path, f"sqlite:///{tmp_path}/runs.db", workload, "sync", "sync", most=2)


@pytest.mark.crash
@pytest.mark.parametrize("workload", RESEARCH)
def test_research_killed_anywhere_ends_as_undisturbed(workload: str, program: Program, tmp_path: Path) -> None:
    assert len(_kills(program, tmp_path, f"sqlite:///{tmp_path}/runs.db", workload, "sync", "sync", most=0)) >= 30


@pytest.mark.slow
@pytest.mark.parametrize("driver", ["sqlite", "postgresql+psycopg", "mysql+pymysql"])
def test_a_process_killed_while_it_creates_the_tables_hinders_nobody(
    driver: str, program: Program, tmp_path: Path
) -> None:
    with _database(driver, tmp_path) as url:
        assert int(_printed(program, tmp_path, "tests.crash.setting_up", url)) >= 8  # tables and indexes
