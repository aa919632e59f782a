"""`threadloom db import`: from an official saver's file, as a person or a script calls it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.base import BaseCheckpointSaver

from tests.checkpoints.chain import config, put
from tests.checkpoints.officials import official
from tests.checkpoints.test_sizes import Invoice
from tests.cli.conftest import Cli
from threadloom.checkpoints import SQLSaver
from threadloom.checkpoints.importing import PREFIX

INVOICE = f"{Invoice.__module__}:{Invoice.__name__}"


@pytest.fixture
def source(cli: Cli, tmp_path: Path) -> Iterator[BaseCheckpointSaver[Any]]:
    """Three threads, one of them with a class that is not allowed."""
    with official("sqlite", tmp_path) as (saver, _):
        for thread in ("alpha", "alphabet"):
            put(saver, put(saver, config(thread), {"a": [1]}), {"a": [2]})
        put(saver, config("beta"), {"bill": Invoice(1)})
        yield saver


def stored(cli: Cli) -> list[str]:
    return sorted(thread["id"] for thread in json.loads(cli("threads", "--json").out))


def test_what_can_come_comes_and_the_rest_is_named_with_its_remedy(source: Any, cli: Cli) -> None:
    ended = cli("db", "import", "official.sqlite")
    assert ended.code == 1
    assert "threads imported: 2, there already: 0, left out: 1" in ended.out
    [line] = [line for line in ended.out.splitlines() if line.startswith("unrestorable")]
    assert all(word in line for word in ("thread beta", "channel bill", "Invoice", "is not in the allow-list"))
    assert f"--allow {INVOICE}" in ended.err
    assert stored(cli) == ["alpha", "alphabet"]
    again = cli("db", "import", "official.sqlite", "--allow", INVOICE)
    assert (again.code, again.out) == (0, "threads imported: 1, there already: 2, left out: 0\n")
    assert cli("db", "verify", "--allow", INVOICE).code == 0


def test_json_is_one_document(source: Any, cli: Cli) -> None:
    ended = cli("db", "import", "official.sqlite", "--json")
    found = json.loads(ended.out)
    assert (ended.code, found["imported"], found["present"], found["failed"], found["dry_run"]) == (1, 2, 0, 1, False)
    by_id = {thread["thread_id"]: thread for thread in found["threads"]}
    assert (by_id["alpha"]["status"], by_id["alpha"]["checkpoints"]) == ("imported", 2)
    assert by_id["beta"]["problems"][0]["type_name"] == INVOICE.replace(":", ".")


def test_threads_are_chosen_by_id_or_its_beginning(source: Any, cli: Cli) -> None:
    assert cli("db", "import", "official.sqlite", "--thread", "alphab").code == 0
    assert stored(cli) == ["alphabet"]
    assert cli("db", "import", "official.sqlite", "--thread", "alpha", "--thread", "alphabet").code == 0
    assert stored(cli) == ["alpha", "alphabet"]
    for text, words in (("alp", "fits 2 threads"), ("no", "no thread 'no' in"), ("", "no thread ''")):
        ended = cli("db", "import", "official.sqlite", "--thread", text)
        assert (ended.code, words in ended.err) == (2, True)


def test_a_dry_run_makes_no_database(source: Any, cli: Cli, tmp_path: Path) -> None:
    ended = cli("db", "import", "official.sqlite", "--dry-run")
    assert (ended.code, "threads could be imported: 2" in ended.out) == (1, True)
    assert not (tmp_path / "threadloom.db").exists()


@pytest.mark.parametrize("words", [("none.sqlite",), ("mysql://h/d",), ("official.sqlite", "--allow", "Invoice")])
def test_bad_usage_is_one_line_and_does_nothing(source: Any, cli: Cli, tmp_path: Path, words: tuple[str, ...]) -> None:
    ended = cli("db", "import", *words)
    assert (ended.code, len(ended.err.strip().splitlines())) == (2, 1)
    assert not (tmp_path / "threadloom.db").exists() or stored(cli) == []


def test_ctrl_c_keeps_what_is_whole(source: Any, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    put_checkpoint, calls = SQLSaver.put, iter(range(9))

    def interrupted(*args: Any) -> Any:
        if next(calls) == 3:
            raise KeyboardInterrupt
        return put_checkpoint(*args)

    monkeypatch.setattr(SQLSaver, "put", interrupted)
    ended = cli("db", "import", "official.sqlite")
    assert (ended.code, "Stopped; threads imported: 1" in ended.err) == (130, True)
    assert stored(cli) == ["alpha"]


def test_half_a_thread_is_not_shown_as_ours(cli: Cli, tmp_path: Path) -> None:
    with SQLSaver(f"sqlite:///{tmp_path}/threadloom.db") as saver:
        put(saver, config(f"{PREFIX}1"), {"finished_at": "now"}, graph="research")
    [listed] = json.loads(cli("threads", "--json").out)
    assert listed["status"] == "foreign"
    assert cli("resume", PREFIX).code != 0
