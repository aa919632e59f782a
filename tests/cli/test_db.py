"""`threadloom db …` on a database with a finished run."""

import io
import json
import sqlite3
from pathlib import Path

import pytest

from tests.checkpoints.older import do, store_first
from tests.cli.conftest import Cli
from threadloom.checkpoints import SQLSaver
from threadloom.checkpoints.tables import SCHEMA_VERSION

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
    assert (found["database"], found["schema_version"], found["threads"]) == ("sqlite", SCHEMA_VERSION, 1)
    assert f"checkpoints: {found['checkpoints']}" in ran("db", "check").out


def test_upgrade_creates_and_converts(cli: Cli) -> None:
    assert f"Created the tables, version {SCHEMA_VERSION}" in cli("db", "upgrade", "--db", "sqlite:///new.db").out
    assert "Nothing to do" in cli("db", "upgrade", "--db", "sqlite:///new.db").out
    with SQLSaver(DB) as saver:
        do(saver, store_first)
    ended = cli("threads")
    assert (ended.code, len(ended.err.strip().splitlines())) == (1, 1)
    assert "`threadloom db upgrade`" in ended.err
    assert json.loads(cli("db", "upgrade", "--json").out) == {"before": 1, "after": SCHEMA_VERSION}
    assert "paused" in cli("threads").out


def test_check_of_what_is_no_database_fails_in_one_line(cli: Cli, tmp_path: Path) -> None:
    assert cli("db", "check").code == 2
    (tmp_path / "threadloom.db").write_text("this is not a database, " * 99)
    ended = cli("db", "check", "--json")
    assert (ended.code, len(ended.err.strip().splitlines())) == (1, 1)
    assert json.loads(ended.out)["status"] == "failed"


def test_sizes_lists_threads_and_the_channels_of_one(ran: Cli) -> None:
    [listed] = json.loads(ran("db", "sizes", "--json").out)
    assert listed["total"] == sum(listed[key] for key in ("checkpoints", "values", "writes", "elements", "runs"))
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
    foreseen = json.loads(ran("db", "prune", "first", "--dry-run", "--json").out)
    assert "Would go: " in ran("db", "prune", "--all", "--dry-run").out
    assert json.loads(ran("db", "sizes", "--json").out) == before
    done = json.loads(ran("db", "prune", "first", "--yes", "--json").out)
    assert (foreseen["dry_run"], done) == (True, foreseen | {"dry_run": False})
    after = json.loads(ran("db", "sizes", "--json").out)
    assert before[0]["total"] - after[0]["total"] == done["threads"][0]["bytes"] > 0
    assert json.loads(ran("show", "first-run", "--json").out)["status"] == "done"
    ran("db", "prune", "--all", "--delete", "--older-than", "1d", "--yes")
    assert json.loads(ran("db", "sizes", "--json").out) == after
    assert "Gone: " in ran("db", "prune", "first-run", "--delete", "--yes").out
    assert json.loads(ran("db", "sizes", "--json").out) == []
    assert "Nothing is stored" in ran("db", "sizes").err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "say which threads"),
        (["first-run", "--all"], "not both"),
        (["--all", "--delete", "--keep", "2"], "leave out --keep"),
        (["--all", "--older-than", "soon"], "write it like 90m"),
        (["nothing", "--yes"], "nothing"),
    ],
)
def test_prune_refuses_what_makes_no_sense(ran: Cli, arguments: list[str], words: str) -> None:
    ended = ran("db", "prune", *arguments)
    assert (ended.code, words in ended.err) == (2, True), ended.err


@pytest.mark.parametrize(("answer", "left"), [("y\n", 0), ("n\n", 1)])
def test_prune_asks_at_a_terminal(ran: Cli, monkeypatch: pytest.MonkeyPatch, answer: str, left: int) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    ended = ran("db", "prune", "first-run", "--delete")
    assert ended.code == 0
    assert "of 1 threads, " in ended.err
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


def test_verify_takes_new_names_of_classes(cli: Cli, tmp_path: Path) -> None:
    from tests.checkpoints.chain import config, put
    from tests.checkpoints.test_sizes import Invoice

    with SQLSaver(f"sqlite:///{tmp_path}/threadloom.db", allow=[Invoice]) as saver:
        put(saver, config(), {"bill": Invoice(1)})
    name = "tests.checkpoints.test_sizes:Invoice"
    assert cli("db", "verify", "--alias", f"{name}={name}").code == 0
    for wrong in (name, f"{name}=nowhere:Invoice", f"{name}=tests.checkpoints.test_sizes:Nothing"):
        ended = cli("db", "verify", "--alias", wrong)
        assert (ended.code, "write it as old.module:Old=new.module:New" in ended.err) == (2, True)


NEW, OLD = f"new={'1' * 64}", f"old={'2' * 64}"


def test_every_command_opens_an_encrypted_database(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = tmp_path / "keys"
    keys.write_text(f"# of last year\n{OLD}\n")
    monkeypatch.setenv("THREADLOOM_ENCRYPTION_KEYS_FILE", str(keys))
    question = "Do transformers need recurrence to translate well?"
    assert cli("run", "research", question, "--thread", "first-run", "--review", "--json").code == 3
    assert cli("resume", "first-run", "--answer", '{"drop": []}', "--json").code == 3
    assert b"recurrence" not in (tmp_path / "threadloom.db").read_bytes()
    assert "encrypted with: old" in cli("db", "check").out
    keys.write_text(f"{NEW}\n{OLD}")
    done = json.loads(cli("db", "rekey", "--json").out)
    assert (done["threads"], done["rows"] > 10) == (1, True)
    monkeypatch.delenv("THREADLOOM_ENCRYPTION_KEYS_FILE")
    monkeypatch.setenv("THREADLOOM_ENCRYPTION_KEYS", NEW)
    assert "Everything has the current key. Threads: 1, rows encrypted now: 0." in cli("db", "rekey").err
    assert json.loads(cli("db", "check", "--json").out)["keys"] == ["new"]
    assert cli("db", "verify").code == 0
    assert json.loads(cli("show", "first-run", "--json").out)["status"] == "waiting"
    assert question in cli("threads", "--json").out
    assert cli("resume", "first-run", "--answer", '{"approve": true}', "--json").code == 0


@pytest.mark.parametrize(
    ("variables", "words", "code"),
    [
        ({}, "with the key 'new', and no keys were given", 1),
        ({"KEYS": OLD}, "with the key 'new', and the keys here are old", 1),
        ({"KEYS": f"new={'3' * 64}"}, "the key 'new' is not the one of that id", 1),
        ({"KEYS": "1" * 64}, "write it as id=key", 2),
        ({"KEYS_FILE": "nowhere"}, "nowhere, cannot be read: No such file", 2),
        ({"KEYS": NEW, "KEYS_FILE": "nowhere"}, "are both given", 2),
    ],
)
def test_keys_that_do_not_fit_are_one_clear_line(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], words: str, code: int
) -> None:
    from tests.checkpoints.chain import config, put
    from threadloom.checkpoints import Encryption

    with SQLSaver(DB, encryption=Encryption.parse(NEW)) as saver:
        put(saver, config(), {"a": 1})
    for name, value in variables.items():
        monkeypatch.setenv(f"THREADLOOM_ENCRYPTION_{name}", value)
    ended = cli("show", "t")
    assert (ended.code, words in ended.err) == (code, True), ended.err
    assert len(ended.err.strip().splitlines()) == 1
    assert not any(secret * 64 in ended.err for secret in "123")


def test_plain_text_is_refused_until_rekey(ran: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    keyless = ran("db", "rekey")
    assert (keyless.code, "set THREADLOOM_ENCRYPTION_KEYS" in keyless.err) == (1, True)
    monkeypatch.setenv("THREADLOOM_ENCRYPTION_KEYS", NEW)
    refused = ran("show", "first-run")
    assert (refused.code, "threadloom db rekey" in refused.err) == (1, True)
    assert ran("db", "rekey").code == 0
    assert json.loads(ran("show", "first-run", "--json").out)["status"] == "done"
