"""`threadloom db …` on a database with a finished run."""

import io
import json
import sqlite3
from pathlib import Path

import pytest

from tests.checkpoints.older import do, store_first
from tests.cli.conftest import Cli
from threadloom.checkpoints import SQLSaver

DB = "sqlite:///threadloom.db"


class Terminal(io.StringIO):
    """Standard input on which a person types."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def ran(cli: Cli) -> Cli:
    cli("run", "research", "Do transformers need recurrence to translate well?", "--thread", "first-run", "--json")
    return cli


def test_check_says_what_the_database_is(ran: Cli) -> None:
    found = json.loads(ran("db", "check", "--json").out)
    assert (found["database"], found["schema_version"], found["threads"]) == ("sqlite", 2, 1)
    assert f"checkpoints: {found['checkpoints']}" in ran("db", "check").out


def test_upgrade_creates_and_converts(cli: Cli) -> None:
    assert "Created the tables, version 2" in cli("db", "upgrade", "--db", "sqlite:///new.db").out
    assert "Nothing to do" in cli("db", "upgrade", "--db", "sqlite:///new.db").out
    with SQLSaver(DB) as saver:
        do(saver, store_first)
    ended = cli("threads")
    assert (ended.code, len(ended.err.strip().splitlines())) == (1, 1)
    assert "`threadloom db upgrade`" in ended.err
    assert json.loads(cli("db", "upgrade", "--json").out) == {"before": 1, "after": 2}
    assert "paused" in cli("threads").out


def test_check_of_what_is_no_database_fails_in_one_line(cli: Cli, tmp_path: Path) -> None:
    assert cli("db", "check").code == 2
    (tmp_path / "threadloom.db").write_text("this is not a database, " * 99)
    ended = cli("db", "check", "--json")
    assert (ended.code, len(ended.err.strip().splitlines())) == (1, 1)
    assert json.loads(ended.out)["status"] == "failed"


def test_sizes_lists_threads_and_the_channels_of_one(ran: Cli) -> None:
    [listed] = json.loads(ran("db", "sizes", "--json").out)
    assert listed["total"] == sum(listed[key] for key in ("checkpoints", "values", "writes", "elements"))
    one = json.loads(ran("db", "sizes", "first", "--json").out)
    assert "papers" in {channel["channel"] for channel in one["channels"]}
    assert one["total"] == listed["total"]
    assert "first-run" in ran("db", "sizes").out
    assert "papers" in ran("db", "sizes", "first-run").out
    assert ran("db", "sizes", "nothing").code == 2


def test_prune_refuses_without_a_terminal_and_gives_back_bytes(ran: Cli) -> None:
    before = json.loads(ran("db", "sizes", "--json").out)
    refused = ran("db", "prune", "first-run")
    assert (refused.code, "--yes" in refused.err) == (2, True)
    assert json.loads(ran("db", "sizes", "--json").out) == before
    [done] = json.loads(ran("db", "prune", "first", "--yes", "--json").out)
    assert done["before"] == before[0]["total"] > done["after"] > 0
    assert json.loads(ran("show", "first-run", "--json").out)["status"] == "done"
    assert "given back" in ran("db", "prune", "first-run", "--delete", "--yes").out
    assert json.loads(ran("db", "sizes", "--json").out) == []
    assert "Nothing is stored" in ran("db", "sizes").err


@pytest.mark.parametrize(("answer", "left"), [("y\n", 0), ("n\n", 1)])
def test_prune_asks_at_a_terminal(ran: Cli, monkeypatch: pytest.MonkeyPatch, answer: str, left: int) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    ended = ran("db", "prune", "first-run", "--delete")
    assert ended.code == 0
    assert "Delete first-run (" in ended.err
    assert len(json.loads(ran("db", "sizes", "--json").out)) == left


def test_verify_fails_when_something_could_not_be_restored(ran: Cli, tmp_path: Path) -> None:
    whole = ran("db", "verify")
    assert (whole.code, whole.out) == (0, "")
    assert json.loads(ran("db", "verify", "first", "--json").out) == []
    with sqlite3.connect(tmp_path / "threadloom.db") as connection:
        connection.execute("DELETE FROM threadloom_elements")
    connection.close()
    ended = ran("db", "verify")
    assert ended.code == 1
    assert ended.out.startswith("missing: thread first-run, checkpoint ")
    found = json.loads(ran("db", "verify", "--json").out)
    assert "papers" in {problem["channel"] for problem in found}


def test_verify_takes_classes_that_a_program_allows(cli: Cli, tmp_path: Path) -> None:
    from tests.checkpoints.chain import config, put
    from tests.checkpoints.test_sizes import Invoice

    with SQLSaver(f"sqlite:///{tmp_path}/threadloom.db", allow=[Invoice]) as saver:
        put(saver, config(), {"bill": Invoice(1)})
    ended = cli("db", "verify")
    assert (ended.code, "tests.checkpoints.test_sizes.Invoice" in ended.out) == (1, True)
    assert cli("db", "verify", "--allow", "tests.checkpoints.test_sizes:Invoice").code == 0
    assert cli("db", "verify", "--allow", "Invoice").code == 2
