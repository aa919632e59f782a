"""What a thread did, from the command line: timeline, diff, fork, export and import, the path on a picture, lists."""

import json
import sqlite3
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, event

from tests.cli.conftest import Cli
from tests.cli.test_commands import chat
from threadloom.checkpoints import SQLSaver
from threadloom.threads import Wanted, describe, listing

QUESTION = "Which trials tested mRNA vaccines?"
DB = "sqlite:///threadloom.db"


@pytest.fixture
def ran(cli: Cli) -> Cli:
    assert cli("run", "react", QUESTION, "--thread", "one", "--json").code == 0
    return cli


def steps_of(cli: Cli, thread: str, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(cli("timeline", thread, "--json", *words).out)["steps"]
    return found


def test_timeline_shows_nodes_tokens_and_older_pages(ran: Cli) -> None:
    steps = steps_of(ran, "one")
    assert [task["node"] for step in steps for task in step["tasks"]][1:4] == ["begin", "model", "tool"]
    assert sum(step["tokens"]["input"] for step in steps) > 100
    text = ran("timeline", "one").out
    assert all(node in text for node in ("begin", "model", "tool"))
    assert all(len(line) <= 80 for line in text.splitlines())
    for step in steps:  # each with as much of its checkpoint's id as --at takes
        short = f"…{step['checkpoint_id'][-8:]}"
        assert short in text
        assert json.loads(ran("show", "one", "--at", short, "--json").out)["checkpoint"] == step["checkpoint_id"]
    page = ran("timeline", "one", "--limit", "2")
    older = page.err.split("--before ")[1].split()[0]
    assert steps_of(ran, "one", "--before", older) == steps[:-2]
    assert ran("timeline", "one", "--before", "gone").code == 2


def test_fork_stands_where_the_original_stood_and_diff_shows_what_an_edit_changed(ran: Cli) -> None:
    at = next(
        step["parent_id"] for step in steps_of(ran, "one") if step["tasks"] and step["tasks"][0]["node"] == "model"
    )
    question = json.dumps([{"role": "user", "content": "How do CRISPR guides find their target?"}])
    ended = ran("fork", "one", "--at", at, "--set", f"messages={question}", "--thread", "two", "--run", "--json")
    assert (ended.code, json.loads(ended.out)["status"]) == (0, "done")
    found = json.loads(ran("diff", "one", "two", "--json").out)
    assert found["common_checkpoint"] == at
    assert ["messages", 1] in [change["path"] for change in found["state"]]
    assert all(len(line) < 500 for line in ran("diff", "one", "two").out.splitlines())
    assert "The same state by the same path." in ran("diff", "one", "--from", at, "--to", at).out
    assert json.loads(ran("fork", "one", "--at", at, "--json").out)["forked_from"] == at
    in_place = json.loads(ran("fork", "one", "--at", at, "--in-place", "--json").out)
    assert in_place["thread_id"] == "one"
    assert json.loads(ran("show", "one", "--at", in_place["checkpoint_id"], "--json").out)["next"] == ["model"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["fork", "one", "--at", "gone"], "no checkpoint of this thread is 'gone'"),
        (["fork", "one", "--at", "", "--set", "x"], "--set 'x': write it as KEY=JSON"),
        (["fork", "one", "--at", "", "--set", "x=y"], "is not JSON"),
        (["fork", "one", "--at", "x", "--thread", "y", "--in-place"], "leave one out"),
        (["fork", "one", "--at", "1", "--thread", "one"], "give the fork another name: --thread NEW"),
        (["fork", "one"], "Missing option '--at'; `threadloom fork --help` says what there is"),
        (["runs", "--limit", "x"], "Invalid value for '--limit'"),
        (["bogus"], "No such command 'bogus'; `threadloom --help` says what there is"),
        (["resume", "one", "--answer", "yes"], "is finished"),
        (["diff", "one", "one"], "these are one thread"),
        (["threads", "--status", "odd"], "it is one of done, waiting"),
        (["threads", "--since", "soon"], "write it like 90m"),
        (["threads", "--before", "x"], "is no cursor"),
        (["export", "one", "."], "is there already"),
        (["export", "nobody", "x"], "no thread 'nobody'"),
        (["import", "nothing"], "nothing cannot be read: No such file"),
        (["import", "threadloom.db"], "it is no thread that `threadloom export` wrote"),
        (["graph", "debate", "--thread", "one"], "thread one is of the graph react, not of debate"),
    ],
)
def test_what_makes_no_sense_is_one_line(ran: Cli, words: list[str], says: str) -> None:
    ended = ran(*words)
    assert (ended.code, ended.out, says in ended.err) == (2, "", True), ended.err
    assert len(ended.err.strip().splitlines()) == 1


def test_a_thread_goes_through_a_file_into_another_database(ran: Cli, tmp_path: Path) -> None:
    done = json.loads(ran("export", "one", "one.thread", "--json").out)
    again = json.loads(ran("import", "one.thread", "--thread", "copy", "--json").out)
    assert (again["status"], again["checkpoints"]) == ("imported", done["checkpoints"])
    there = ran("import", "one.thread")
    assert (there.code, "--thread NEW" in there.err) == (2, True)
    assert ran("import", "one.thread", "--db", "sqlite:///other.db").code == 0
    assert json.loads(ran("show", "one", "--json", "--db", "sqlite:///other.db").out)["status"] == "done"
    (tmp_path / "cut").write_bytes((tmp_path / "one.thread").read_bytes()[:-9])
    assert "cut or edited" in ran("import", "cut", "--db", "sqlite:///new.db").err
    assert not (tmp_path / "new.db").exists()


def test_import_names_the_classes_that_it_needs(cli: Cli, tmp_path: Path) -> None:
    from tests.checkpoints.chain import config, put
    from tests.checkpoints.test_sizes import Invoice

    with SQLSaver("sqlite://", allow=[Invoice]) as saver:
        put(saver, config(), {"bill": Invoice(1)})
        saver.export_thread("t", tmp_path / "t.thread")
    ended = cli("import", "t.thread")
    assert (ended.code, "--allow tests.checkpoints.test_sizes:Invoice" in ended.err) == (1, True)
    assert cli("import", "t.thread", "--allow", "tests.checkpoints.test_sizes:Invoice").code == 0


def test_the_path_is_marked_on_every_kind_of_picture(ran: Cli, tmp_path: Path) -> None:
    drawn = ran("graph", "react", "--thread", "one").out
    assert "model × 2" in drawn
    [visited] = [line for line in drawn.splitlines() if line.strip().startswith("class ")]
    assert set(visited.split()[1].split(",")) == {"begin", "model", "tool"}
    assert "model × 2" in ran("graph", "react", "--thread", "one", "--format", "ascii").out
    for name, words in (("plain.png", []), ("path.png", ["--thread", "one"])):
        assert ran("graph", "react", "--format", "png", "--out", name, *words).code == 0
    assert (tmp_path / "plain.png").read_bytes() != (tmp_path / "path.png").read_bytes()


def test_threads_are_chosen_and_paged_and_told_as_one_by_one(ran: Cli, tmp_path: Path) -> None:
    ran("run", "research", "Do transformers need recurrence?", "--thread", "Two", "--review", "--json")
    ran("fork", "one", "--at", steps_of(ran, "one")[3]["checkpoint_id"], "--thread", "three", "--json")
    chat(tmp_path / "threadloom.db")
    last = steps_of(ran, "one")[-1]["checkpoint_id"]  # its end is still noted in the fork, which has work to do
    ran("fork", "one", "--at", last, "--set", "notes={}", "--as-node", "begin", "--thread", "four", "--json")

    def ids(*words: str) -> list[str]:
        return [thread["id"] for thread in json.loads(ran("threads", "--json", *words).out)]

    assert ids() == ["four", "hello", "three", "Two", "one"]
    assert ids("--status", "unfinished") == ["four", "three"]
    assert ids("--status", "waiting") == ["Two"]
    assert ids("--graph", "react") == ["four", "three", "one"]
    assert ids("--text", "TRANSFORMERS") == ["Two"]
    assert ids("--text", "two") == ["Two"]
    assert (ids("--since", "1d"), ids("--until", "1d")) == (ids(), [])
    found: list[str] = []
    page = json.loads(ran("threads", "--limit", "1", "--json").out)
    while page:
        found += [thread["id"] for thread in page]
        page = json.loads(ran("threads", "--limit", "3", "--before", page[-1]["cursor"], "--json").out)
    assert found == ids()
    assert "--before" in ran("threads", "--limit", "2").err
    assert "No threads like that" in ran("threads", "--status", "failed").err
    with SQLSaver(DB) as saver:
        for thread, _ in listing(saver, Wanted()):
            told = describe(saver, thread.id)
            assert (thread.status, thread.graph, thread.question) == (told.status, told.graph, told.question)
            assert thread.updated == told.updated


def test_a_page_of_threads_takes_as_many_statements_as_one_thread(ran: Cli) -> None:
    for number in range(9):
        ran("run", "react", f"What is {number} + {number}?", "--thread", f"sum-{number}", "--json")
    engine = create_engine(DB)
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda _c, _cur, statement, *_: asked.append(statement))

    def statements(count: int) -> int:
        asked.clear()
        assert len(list(islice(listing(saver, Wanted(text="sum-")), count))) == count
        return len(asked)

    with SQLSaver(engine, cache_bytes=0) as saver:
        assert saver.threads(limit=1)
        assert statements(9) == statements(1) < 15
    engine.dispose()


def test_a_thread_that_cannot_be_read_keeps_no_other_from_being_listed(ran: Cli) -> None:
    ran("run", "react", "What is 2 + 3?", "--thread", "bad", "--json")
    with closing(sqlite3.connect("threadloom.db")) as database, database:
        database.execute("DELETE FROM threadloom_elements WHERE thread_id = 'bad'")
    listed = json.loads(ran("threads", "--json").out)
    assert [(thread["id"], thread["status"]) for thread in listed] == [("bad", "unreadable"), ("one", "done")]
    assert "is missing" in listed[0]["error"]
    shown = ran("threads")
    assert (shown.code, "unreadable" in shown.out, "db verify" in shown.out + shown.err) == (0, True, True)
    assert [t["id"] for t in json.loads(ran("threads", "--status", "unreadable", "--json").out)] == ["bad"]
    with closing(sqlite3.connect("threadloom.db")) as database, database:
        database.execute("UPDATE threadloom_checkpoints SET body = x'90' WHERE thread_id = 'bad'")
    assert [t["status"] for t in json.loads(ran("threads", "--json").out)] == ["unreadable", "done"]


@pytest.mark.parametrize("damage", ["substr(body, 1, length(body) - 3)", "x'90'"])
def test_a_thread_whose_seal_is_broken_keeps_no_other_from_being_listed(
    ran: Cli, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    """No thread of an encrypted database was listed, nor any run checked."""
    monkeypatch.setenv("THREADLOOM_ENCRYPTION_KEYS", f"k={'07' * 32}")
    ran("db", "rekey", "--json")
    ran("run", "react", "What is 2 + 3?", "--thread", "bad", "--json")
    with closing(sqlite3.connect("threadloom.db")) as database, database:
        database.execute(f"UPDATE threadloom_checkpoints SET body = {damage} WHERE thread_id = 'bad'")
    listed = json.loads(ran("threads", "--json").out)
    assert [(thread["id"], thread["status"]) for thread in listed] == [("bad", "unreadable"), ("one", "done")]
    assert "bad" in listed[0]["error"]
    checked = json.loads(ran("check", "react", "--json").out)["threads"]
    assert [verdict["id"] for verdict in checked] == ["bad"]


def test_half_of_an_import_is_listed_as_what_it_is(ran: Cli) -> None:
    with closing(sqlite3.connect("threadloom.db")) as database, database:
        for table in ("threads", "checkpoints"):
            database.execute(f"UPDATE threadloom_{table} SET thread_id = 'importing-x'")
    assert "half of an import" in ran("threads").out


def test_a_thread_that_is_deleted_while_it_is_listed_is_left_out(ran: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was listed as one of a graph that is not here."""
    ran("run", "react", "What is 2 + 3?", "--thread", "gone", "--json")
    with SQLSaver(DB) as saver:
        threads = saver.threads

        def meanwhile(**which: Any) -> Any:
            page = threads(**which)
            saver.delete_thread("gone")
            return page

        monkeypatch.setattr(saver, "threads", meanwhile)
        assert [thread.id for thread, _ in listing(saver, Wanted())] == ["one"]


def test_a_fork_replays_what_models_answered(ran: Cli) -> None:
    at = next(
        step["parent_id"] for step in steps_of(ran, "one") if step["tasks"] and step["tasks"][0]["node"] == "model"
    )
    ended = ran("fork", "one", "--at", at, "--thread", "same", "--replay", "--json")
    same, before = json.loads(ended.out), json.loads(ran("show", "one", "--json").out)
    assert (ended.code, same["status"], same["answer"]) == (0, "done", before["answer"])
    assert same["calls"]["asked"] == 0 < same["calls"]["replayed"]
    assert same["tokens"] == {"input": 0, "output": 0}
    assert sum(step["replayed"] for step in steps_of(ran, "same")) == same["calls"]["replayed"]
    assert "replayed" in ran("timeline", "same").out
    assert "extractive (replayed)" in ran("usage", "sam", "--by", "model").out
    question = json.dumps([{"role": "user", "content": "How do CRISPR guides find their target?"}])
    ended = ran("fork", "one", "--at", at, "--set", f"messages={question}", "--thread", "new", "--replay")
    assert (ended.code, "replayed 0, asked 2" in ended.err) == (0, True), ended.err
    ran("fork", "one", "--at", at, "--in-place", "--replay")
    assert json.loads(ran("runs", "--json", "--limit", "1").out)[0]["thread_id"] == "one"
