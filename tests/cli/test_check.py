"""`threadloom check`: which waiting threads would go on with the graph as it is today."""

import json
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli
from tests.runs.errand import GIVEN, Names, errand
from threadloom.checkpoints import SQLSaver
from threadloom.runs.runner import Runner

FILE = """
from tests.runs.errand import Names, errand

graph = errand(Names({changes}))
compiled = errand(Names({changes})).compile()
number = 3

def build():
    return graph
"""


def write(folder: Path, **changes: str) -> None:
    given = ", ".join(f"{key}={value!r}" for key, value in changes.items())
    (folder / "mine.py").write_text(FILE.format(changes=given))


def wait(folder: Path, *threads: str, **metadata: str) -> None:
    """Threads of the user's graph that wait for answers."""
    with SQLSaver(f"sqlite:///{folder / 'threadloom.db'}") as saver:
        for thread in threads:
            config: Any = {"configurable": {"thread_id": thread}, "metadata": metadata}
            errand(Names()).compile(checkpointer=saver).invoke(GIVEN, config)


def test_a_renamed_node_is_told_for_every_waiting_thread(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("threadloom.cli.check.PAGE", 2)
    wait(tmp_path, *"abcde")
    wait(tmp_path, "another", graph="research")
    write(tmp_path)
    same = cli("check", "mine.py:graph", "--json")
    assert same.code == 0
    assert [thread["id"] for thread in json.loads(same.out)["threads"]] == [*"edcba"]
    write(tmp_path, send="post")
    ended = cli("check", "mine.py:build", "--json")
    told = json.loads(ended.out)
    assert (ended.code, told["graph"]) == (1, "build")
    assert told["fingerprint"] != json.loads(same.out)["fingerprint"]
    first = told["threads"][0]
    assert (first["id"], first["resumes"], {*first["next"]}) == ("e", False, {"send", "ask", "beside", "sub"})
    assert first["problems"] == ["node send is gone, and the run is to go on there"]
    table = cli("check", "mine.py:compiled")
    assert table.code == 1
    assert all(len(line) <= 80 for line in table.out.splitlines())
    assert "node send is gone, and the run is to go on there" in " ".join(table.out.split())


def test_finished_threads_and_those_of_others_are_left_out(cli: Cli) -> None:
    cli("run", "react", "What is 2 + 3?", "--thread", "done", "--json")
    ended = cli("check", "react")
    assert (ended.code, ended.out) == (0, "")
    assert "No thread of this graph is unfinished." in ended.err


def test_threads_of_a_ready_graph_go_on(cli: Cli) -> None:
    cli("run", "research", "What does a black hole look like?", "--thread", "one", "--review", "--json")
    ended = cli("check", "research", "--json")
    assert ended.code == 0, ended.out
    assert [(thread["id"], thread["resumes"]) for thread in json.loads(ended.out)["threads"]] == [("one", True)]


def test_a_thread_that_cannot_be_read_does_not_end_the_check(cli: Cli, tmp_path: Path) -> None:
    wait(tmp_path, "good", "bad")
    write(tmp_path)
    with sqlite3.connect(tmp_path / "threadloom.db") as connection:
        connection.execute("UPDATE threadloom_values SET data = x'c1' WHERE thread_id = 'bad'")
    connection.close()
    told = json.loads(cli("check", "mine.py:graph", "--json").out)["threads"]
    assert [(thread["id"], thread["resumes"]) for thread in told] == [("bad", False), ("good", True)]


@pytest.mark.parametrize(
    ("graph", "reason"),
    [
        ("reserch", "did you mean research"),
        ("mine.py:nothing", "there is no 'nothing' in mine.py"),
        ("mine.py:number", "mine.py:number is no graph of LangGraph's but of type int"),
        ("nowhere.py:graph", "nowhere.py cannot be imported (FileNotFoundError"),
        ("no.where:graph", "no.where cannot be imported (ModuleNotFoundError"),
    ],
)
def test_what_is_no_graph_is_told_in_a_line(cli: Cli, tmp_path: Path, graph: str, reason: str) -> None:
    write(tmp_path)
    ended = cli("check", graph)
    assert ended.code == 2
    assert reason in " ".join(ended.err.split())


def test_what_is_known_of_a_runs_graph_is_compared(cli: Cli, tmp_path: Path) -> None:
    """A run by its graph's name; what is different is told also where it does not matter."""
    write(tmp_path, first="begin")
    with Runner(
        f"sqlite:///{tmp_path / 'threadloom.db'}", {"graph": errand(Names()), "other": errand(Names())}
    ) as runner:
        for name in ("graph", "other"):
            runner.start(name, GIVEN, thread_id=name).wait()
        [record] = runner.runs(thread_id="graph")
        runner.saver.database.write(runner.records.note, replace(record, details={}))
    told = {thread["id"]: thread for thread in json.loads(cli("check", "mine.py:graph", "--json").out)["threads"]}
    assert [told[name]["resumes"] for name in ("graph", "other")] == [True, True]
    assert told["graph"]["differences"] == []
    assert {"node begin added", "node first removed"} <= {*told["other"]["differences"]}
