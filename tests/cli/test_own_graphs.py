"""Runs of a graph of the user's from the command line: every command that needs the graph takes it by --graph."""

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict

from tests.cli.conftest import Cli
from threadloom import effect
from threadloom.catalogue import also, own
from threadloom.cli import question
from threadloom.loading import load_graph
from threadloom.runs import lease
from threadloom.runs.errors import EffectUnknownError
from threadloom.runs.fingerprint import fingerprint
from threadloom.runs.runner import Runner
from threadloom.threads import describe

FILE = """
import os
import signal

from langgraph.graph import START, StateGraph
from langgraph.types import RetryPolicy, interrupt
from typing_extensions import TypedDict

from threadloom import effect
from threadloom.checkpoints import SQLSaver


class State(TypedDict, total=False):
    notes: list[str]
    usage: str
    stopped: int
    agreed: str


def note(state):
    return {"notes": ["one"], "usage": "none", "stopped": 3}


def ask(state):
    return {"agreed": interrupt("Buy tea?")}


graph = StateGraph(State).add_node("note", note).add_node("ask", ask)
graph.add_edge(START, "note").add_edge("note", "ask")
failures = []


def fail(state):
    if len(failures) < 3:
        failures.append(1)
        raise ConnectionError(f"line {len(failures)} is dead")
    return {"agreed": "yes"}


shaky = StateGraph(State).add_edge(START, "fail")
shaky.add_node("fail", fail, retry_policy=RetryPolicy(initial_interval=0, jitter=False, max_attempts=4))


def pay(state):
    return {"agreed": effect("charge 7", lambda: os.kill(os.getpid(), signal.SIGKILL))}


if __name__ == "__main__":
    alone = StateGraph(State).add_node("pay", pay).add_edge(START, "pay")
    config = {"configurable": {"thread_id": "alone"}}
    with SQLSaver("sqlite:///threadloom.db") as saver:
        graph = alone.compile(checkpointer=saver)
        graph.invoke(None if saver.get_tuple(config) else {}, config, durability="sync")
"""
NAMES = {"orders": "graph", "shaky": "shaky"}
GRAPH = ("--graph", "orders=mine.py:graph")
SCHEMA: Any = {"type": "integer"}


@pytest.fixture
def runner(cli: Cli, tmp_path: Path) -> Any:
    """A program with a run that waits in thread t."""
    (tmp_path / "mine.py").write_text(FILE)
    graphs = {name: load_graph(f"mine.py:{attribute}").graph for name, attribute in NAMES.items()}
    with Runner("sqlite:///threadloom.db", graphs, owner="elsewhere/1") as made:
        assert made.start("orders", {}, thread_id="t").wait(60).status == "waiting"
        yield made


@pytest.mark.usefixtures("runner")
def test_a_run_of_a_graph_of_ones_own_is_shown_answered_and_ends(cli: Cli) -> None:
    for command in ("resume", "show", "fork"):
        told = cli(command, "t", *(["--at", ""] if command == "fork" else []))
        assert "is of graph orders: --graph orders=module:attribute says where that is" in told.out + told.err
        assert told.code == (0 if command == "show" else 2)
    asked = cli("show", "t", *GRAPH)
    assert (asked.code, "Buy tea?" in asked.out) == (0, True)
    [line] = [line for line in asked.err.splitlines() if "--answer" in line]
    words = shlex.split(line)
    assert words[1:5] == ["resume", "t", *GRAPH]
    waiting = json.loads(cli("resume", "t", *GRAPH, "--json").out)
    assert (waiting["status"], waiting["graph"], waiting["tokens"]["input"]) == ("waiting", "orders", 0)
    done = cli("resume", "t", "--answer", '"yes"', "--by", "ann", *GRAPH)
    assert (done.code, '"agreed": "yes"' in done.out) == (0, True), done.err
    shown = json.loads(cli("show", "t", *GRAPH, "--json").out)
    assert (shown["status"], shown["state"]["notes"], shown["answer"]) == ("done", ["one"], "")
    assert cli("resume", "t", *GRAPH).code == 2


@pytest.mark.usefixtures("runner")
def test_a_fork_of_a_graph_of_ones_own_goes_on(cli: Cli) -> None:
    at = json.loads(cli("show", "t", *GRAPH, "--json").out)["checkpoints"][0]["id"]
    forked = cli("fork", "t", "--at", at, "--set", "stopped=4", "--thread", "u", "--run", *GRAPH, "--json")
    assert (forked.code, json.loads(forked.out)["state"]["stopped"]) == (3, 4), forked.err
    assert json.loads(cli("show", "t", "--at", at, *GRAPH, "--json").out)["next"] == ["ask"]
    assert "note" in cli("graph", "mine.py:graph").out


@pytest.mark.usefixtures("runner")
def test_a_fork_without_a_run_comes_to_its_end(cli: Cli) -> None:
    """It was unfinished for ever, since it has no `finished_at`, and its answer was not told."""
    assert cli("fork", "t", "--at", "1", "--thread", "u", *GRAPH).code == 0
    assert cli("resume", "u", *GRAPH).code == 3
    ended = cli("resume", "u", "--answer", '"yes"', *GRAPH, "--json")
    assert (ended.code, json.loads(ended.out)["state"]["agreed"]) == (0, "yes"), ended.out
    assert "is finished" in cli("resume", "u", *GRAPH).err


def test_a_thread_that_somebody_holds_is_not_forked_in_place(cli: Cli, runner: Runner) -> None:
    at = json.loads(cli("show", "t", *GRAPH, "--json").out)["checkpoints"][0]["id"]
    fence = runner.saver.database.write(lease.take, "t", "elsewhere/1", 60_000)
    assert isinstance(fence, int)
    refused = cli("fork", "t", "--at", at, "--in-place", *GRAPH)
    assert (refused.code, "'t' is held by elsewhere/1; try again when it is free" in refused.err) == (2, True)
    runner.saver.database.write(lease.release, "t", fence)
    waits = cli("fork", "t", "--at", at, "--in-place", *GRAPH)
    assert (waits.code, "is waiting; fork it into a new thread, or resume or cancel" in waits.err) == (2, True)
    assert cli("cancel", "t", *GRAPH).code == 0
    assert cli("fork", "t", "--at", at, "--in-place", *GRAPH).code == 0


def test_who_answers_while_another_goes_on_is_told_so(cli: Cli, runner: Runner) -> None:
    """In words for a terminal: it has no `busy`."""
    fence = runner.saver.database.write(lease.take, "t", "elsewhere/1", 60_000)
    assert isinstance(fence, int)
    refused = cli("resume", "t", "--answer", '"yes"', *GRAPH)
    assert (refused.code, "a run goes on there just now" in refused.err, "busy=" in refused.err) == (2, True, False)
    runner.saver.database.write(lease.release, "t", fence)
    assert cli("resume", "t", "--answer", '"yes"', *GRAPH).code == 0


def test_an_answer_of_another_shape_is_asked_again_at_the_terminal(
    runner: Runner, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Refused by the run, it took with it what had been typed for the questions before."""

    class Much(TypedDict, total=False):
        much: int

    built: Any = StateGraph(Much)
    built.add_node("ask", lambda _: {"much": interrupt("How much?", response_schema=SCHEMA)})
    runner._graphs["much"] = built.add_edge(START, "ask")
    runner.start("much", {}, thread_id="m").wait(60)
    with also([own("much", "mine.py:much", built)]):
        [asked] = describe(runner.saver, "m").pending
    typed = iter(("a lot", "5"))
    monkeypatch.setattr(question, "prompt", lambda *_: next(typed))
    assert (asked["schema"], question.ask(asked)) == (SCHEMA, 5)
    told = capsys.readouterr().err
    assert 'The answer fits {"type": "integer"}' in told
    assert "That does not fit: the answer: 'a lot' is not of type 'integer'" in told


@pytest.mark.usefixtures("runner")
def test_a_page_of_the_timeline_ends_at_a_checkpoint(cli: Cli) -> None:
    """The step that waits has none, and the page after it began at ''."""
    words, seen = ["timeline", "t", "--limit", "1"], list[Any]()
    while True:
        page = json.loads(cli(*words, "--json").out)
        seen = [*page["steps"], *seen]
        if not page["more"]:
            break
        [line] = [line for line in cli(*words).err.splitlines() if "There are older ones" in line]
        words = shlex.split(line.partition(": ")[2])[1:]
    assert seen == json.loads(cli("timeline", "t", "--json").out)["steps"]
    assert [step["status"] for step in seen] == ["done", "done", "done", "waiting"]


def test_attempts_are_in_the_timeline(cli: Cli, runner: Runner) -> None:
    """On a screen of 80 columns, too."""
    run = runner.start("shaky", {}, thread_id="s")
    assert run.wait(60).status == "done"
    shown = cli("timeline", "s").out
    assert max(map(len, shown.splitlines())) <= 80
    assert "tried 4 times: ConnectionError: line 3 is dead" in " ".join(shown.split())
    [step] = [step for step in json.loads(cli("timeline", "s", "--json").out)["steps"] if step["retries"]]
    [task] = step["tasks"]
    assert (task["tried"], task["retried"], task["error"]) == (4, True, "ConnectionError: line 3 is dead")


@pytest.mark.usefixtures("runner")
def test_what_a_killed_program_without_a_runner_may_have_done_is_settled(cli: Cli, tmp_path: Path) -> None:
    def ran() -> int:
        path = str(Path(__file__).parents[2])
        program, env = [sys.executable, "mine.py"], {**os.environ, "PYTHONPATH": path}
        return subprocess.run(program, cwd=tmp_path, env=env, capture_output=True, check=False).returncode

    assert (ran(), ran()) == (-signal.SIGKILL, 1)
    told = cli("effects", "alone")
    assert (told.code, max(map(len, told.out.splitlines())) <= 80) == (0, True)
    assert ("charge 7" in told.out, "begun" in told.out) == (True, True)
    [line] = [line for line in told.err.splitlines() if "--settle" in line]
    assert shlex.split(line)[1:] == ["effects", "alone", "--settle", "charge 7", "happened"]
    for words, says in (
        (("--settle", "charge 7", "maybe"), "one of happened, retry, give up"),
        (("--settle", "charge 8", "retry"), "no effect 'charge 8'"),
        (("--settle", "charge 7", "happened", "--value", "{"), "--value is not JSON"),
        (("--value", "1"), "go with --settle"),
    ):
        refused = cli("effects", "alone", *words)
        assert (refused.code, refused.out, says in refused.err, len(refused.err.splitlines())) == (2, "", True, 1)
    settled = json.loads(cli(*shlex.split(line)[1:], "--value", '"paid"', "--json").out)
    assert [(one["key"], one["state"], one["value"], one["node"], one["run_id"]) for one in settled] == [
        ("charge 7", "done", "paid", "pay", None)
    ]
    assert ran() == 0
    assert "Nothing was done" in cli("effects", "t").err
    assert cli("effects", "nobody").code == 2


@pytest.mark.usefixtures("runner")
def test_what_is_no_graph_is_one_line_on_every_command(cli: Cli) -> None:
    for command in (["resume", "t"], ["show", "t"], ["fork", "t", "--at", "x"], ["cancel", "t"], ["recover"]):
        for graph, says in (("mine.py:nothing", "no 'nothing'"), ("mine.py:FILE", "no 'FILE'"), ("nobody", "no graph")):
            told = cli(*command, "--graph", graph)
            assert (told.code, told.out, says in told.err, len(told.err.splitlines())) == (2, "", True, 1), told


RENAMED = FILE.replace('"ask"', '"approve"')


@pytest.fixture
def renamed(runner: Runner, tmp_path: Path) -> tuple[str, ...]:
    """What names the graph of the runner's after its node was renamed; first the handle of the old question."""
    [question] = runner.run(runner.runs(thread_id="t")[0].run_id).pending()
    (tmp_path / "renamed.py").write_text(RENAMED)
    return question.handle, "--graph", "orders=renamed.py:graph"


def test_an_answer_to_a_node_that_is_gone_is_told_which_and_what_to_do(
    cli: Cli, runner: Runner, renamed: tuple[str, ...]
) -> None:
    handle, *graph = renamed
    for words in (("--handle", handle, "--answer", '"yes"'), ("--answer", '"yes"'), ()):
        refused = cli("resume", "t", *words, *graph)
        told = " ".join(refused.err.split())
        assert (refused.code, "node ask is gone" in told) == (2, True), told
        assert "`threadloom check`" in told
        assert "migrations" in told
    assert runner.runs(thread_id="t")[0].status == "waiting"
    assert cli("resume", "t", "--handle", handle, "--answer", '"yes"', *GRAPH).code == 0


def test_migrations_beside_the_graph_are_applied(
    cli: Cli, runner: Runner, renamed: tuple[str, ...], tmp_path: Path
) -> None:
    handle = renamed[0]
    versions = [fingerprint(load_graph(place).graph).digest for place in ("mine.py:graph", "renamed.py:graph")]
    steps = f"step({versions[0]!r}, {versions[1]!r}, [RenamedNode('ask', 'approve')])"
    imports = "from threadloom.runs.lineage import Migrations\nfrom threadloom.runs.migrations import RenamedNode\n\n"
    (tmp_path / "orders.py").write_text(f"{imports}{RENAMED}\nmigrations = {{'graph': Migrations('graph').{steps}}}\n")
    assert cli("check", "renamed.py:graph").code == 1
    checked = json.loads(cli("check", "orders.py:graph", "--json").out)
    assert [(one["id"], one["resumes"]) for one in checked["threads"]] == [("t", True)]
    assert checked["threads"][0]["migrations"] == ["node ask renamed to approve"]
    assert "will be migrated" in cli("check", "orders.py:graph").out
    done = cli("resume", "t", "--handle", handle[:8], "--answer", '"yes"', "--graph", "orders=orders.py:graph")
    assert (done.code, '"agreed": "yes"' in done.out) == (0, True), done.err
    (tmp_path / "wrong.py").write_text(f"{RENAMED}\nmigrations = [1]\n")
    assert cli("check", "wrong.py:graph").code == 2
    assert runner.runs(thread_id="t")[0].status == "done"


class Charged(TypedDict, total=False):
    agreed: str


def test_the_question_about_an_effect_with_a_long_key_is_short_in_lists(cli: Cli, runner: Runner) -> None:
    key = "charge " + "x" * 300

    def charge(state: Any) -> Any:
        def lost() -> str:
            raise EffectUnknownError

        return {"agreed": effect(key, lost)}

    built = StateGraph(Charged).add_node("charge", charge).add_edge(START, "charge")
    with Runner("sqlite:///threadloom.db", {"c": built}) as other:
        assert other.start("c", {"agreed": ""}, thread_id="c").wait(60).status == "waiting"
    listed = cli("runs", "--graph", "c").out
    assert len(listed.splitlines()) <= 4, listed  # the heading, and a line or three
    [told] = json.loads(cli("runs", "--graph", "c", "--json").out)
    assert key in told["waits_for"]
