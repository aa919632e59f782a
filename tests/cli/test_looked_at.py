"""What a person at the terminal is told of runs, threads and refusals, where it was wrong once or said too little."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.cli.test_stop import until
from threadloom.loading import load_graph
from threadloom.runs.runner import Runner

FILE = """
import os
import signal
import sys

from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict

from threadloom import Runner, effect


class State(TypedDict, total=False):
    wish: str
    notes: list[str]
    agreed: str


def note(state):
    return {"notes": ["a long note " * 5] * 9}


def ask(state):
    return {"agreed": interrupt("Buy tea?")}


def pay(state):
    return {"agreed": effect("charge 7", lambda: os.kill(os.getpid(), signal.SIGKILL))}


orders = StateGraph(State).add_node("note", note).add_node("ask", ask)
orders.add_edge(START, "note").add_edge("note", "ask")
paying = StateGraph(State).add_node("pay", pay).add_edge(START, "pay")

if __name__ == "__main__":
    with Runner("sqlite:///threadloom.db", {"paying": paying}, lease=1) as runner:
        runner.start("paying", {"wish": "x"}, thread_id=sys.argv[1]).wait()
"""
ORDERS = ("--graph", "orders=mine.py:orders")


@pytest.fixture
def runner(cli: Cli, tmp_path: Path) -> Iterator[Runner]:
    """A program with a run that waits in thread t."""
    (tmp_path / "mine.py").write_text(FILE)
    graph = load_graph("mine.py:orders").graph
    with Runner("sqlite:///threadloom.db", {"orders": graph}) as made:
        assert made.start("orders", {"wish": "green tea"}, thread_id="t").wait(60).status == "waiting"
        yield made


@pytest.mark.parametrize("how", [(), ("--json",)])
def test_recovery_tells_of_a_run_that_waits_for_a_person_instead(cli: Cli, runner: Runner, how: tuple[str]) -> None:
    killed = subprocess.run([sys.executable, "mine.py", "paid"], check=False)
    assert killed.returncode == -9
    until(lambda: bool(runner.runs(status="lost")))
    told = cli("recover", "--graph", "paying=mine.py:paying", *how)
    assert "Nothing to go on with" not in told.err
    assert "thread paid: waits for an answer: " in told.err
    assert "resume paid --graph paying=mine.py:paying" in told.err
    if how:
        [one] = json.loads(told.out)
        assert (one["thread_id"], one["status"]) == ("paid", "waiting")
    shown = cli("show", "paid", "--graph", "paying=mine.py:paying")
    assert """--answer '"happened"'""" in shown.err


@pytest.mark.usefixtures("runner")
def test_a_thread_whose_graph_is_not_here_stands_where_its_run_does(cli: Cli) -> None:
    [listed] = json.loads(cli("threads", "--json").out)
    [run] = json.loads(cli("runs", "--json").out)
    assert (listed["status"], run["status"]) == ("waiting", "waiting")
    shown = cli("show", "t", "--json")
    assert [one["next"] for one in json.loads(shown.out)["checkpoints"]] == [["ask"], ["note"], ["__start__"]]
    assert cli("resume", "t", "--answer", '"yes"', *ORDERS).code == 0
    [done] = json.loads(cli("threads", "--json", "--status", "done").out)
    assert done["id"] == "t"
    ended = cli("show", "t", "--out", "answers")
    assert (ended.code, "thread t, done" in ended.out) == (0, True), ended.err


def test_a_cancelled_thread_is_not_said_to_resume(cli: Cli, runner: Runner) -> None:
    assert len(json.loads(cli("check", "mine.py:orders", "--json").out)["threads"]) == 1
    runner.cancel(runner.runs()[0].run_id)
    assert json.loads(cli("check", "mine.py:orders", "--json").out)["threads"] == []
    assert cli("resume", "t", *ORDERS).code == 2


def test_runs_that_are_done_are_told_apart(cli: Cli, runner: Runner) -> None:
    runner.start("orders", {"wish": "black tea"}, thread_id="u").wait(60)
    for thread in "tu":
        assert cli("resume", thread, "--answer", '"yes"', *ORDERS).code == 0
    assert [one["question"] for one in json.loads(cli("runs", "--json").out)] == ["black tea", "green tea"]
    lines = cli("runs").out.splitlines()
    assert [(line.split()[1], "green tea" in line) for line in lines[1:]] == [("u", False), ("t", True)]
    assert max(map(len, lines)) <= 80


def test_a_step_names_its_checkpoint(cli: Cli, runner: Runner) -> None:
    steps = {one["step"]: one["id"] for one in json.loads(cli("show", "t", "--json").out)["checkpoints"]}
    assert json.loads(cli("show", "t", "--at", "1", "--json").out)["checkpoint"] == steps[1]
    assert json.loads(cli("show", "t", "--at", "-1", "--json").out)["checkpoint"] == steps[-1]
    assert json.loads(cli("fork", "t", "--at", "0", *ORDERS, "--json").out)["forked_from"] == steps[0]
    runner.cancel(runner.runs()[0].run_id)
    assert cli("fork", "t", "--at", "0", "--in-place", *ORDERS).code == 0
    again = cli("fork", "t", "--at", "1", "--in-place", *ORDERS)
    assert (again.code, "'1' fits 2 checkpoints" in again.err) == (2, True), again.err


@pytest.mark.usefixtures("runner")
def test_a_long_value_of_a_difference_is_whole_in_json_and_cut_as_it_is_on_the_terminal(cli: Cli) -> None:
    assert '+ notes: ["a long note a long' in cli("diff", "t").out
    [notes] = [one for one in json.loads(cli("diff", "t", "--json").out)["state"] if one["path"] == ["notes"]]
    assert notes["after"] == ["a long note " * 5] * 9


@pytest.mark.usefixtures("runner")
def test_what_is_refused_is_not_said_to_have_failed(cli: Cli) -> None:
    assert cli("resume", "t", "--answer", '"yes"', *ORDERS).code == 0
    refused = cli("resume", "t", *ORDERS, "--json")
    told = json.loads(refused.out)
    assert (refused.code, told["status"], "is finished" in told["error"]) == (2, "refused", True)
    assert "threadloom: --to is missing" in cli("run", "sequential", "A mail").err


def test_help_fits_80_columns(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", 80)
    told = cli("run", "research", "--help").out
    for word in ("semanticscholar", "chicago", "harvard"):
        assert word in told
    for command in ("show", "diff", "check", "graph", "export", "import", "db prune", "db sizes", "library add"):
        [usage] = [line for line in cli(*command.split(), "--help").out.splitlines() if "Usage:" in line]
        words = usage.split("[OPTIONS]")[1]
        assert words == words.upper(), usage
        assert "[[" not in words, usage


BOOKED = """
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict

from threadloom import compensation, effect


class State(TypedDict, total=False):
    booked: str
    agreed: str


@compensation
def unbook(place):
    raise OSError("the hotel does not answer " + "x" * 5_000)


trip = StateGraph(State).add_node("book", lambda _: {"booked": effect("book", lambda: "a", compensate=unbook)})
trip.add_node("ask", lambda _: {"agreed": interrupt("Go?")})
trip.add_edge(START, "book").add_edge("book", "ask")
"""


def test_a_cancel_that_could_not_undo_everything_ends_with_1_and_says_how_to_go_on(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "trips.py").write_text(BOOKED)
    trip = ("--graph", "trip=trips.py:trip")
    with Runner("sqlite:///threadloom.db", {"trip": load_graph("trips.py:trip").graph}) as runner:
        assert runner.start("trip", {}, thread_id="t").wait(60).status == "waiting"
    for how in ((), ("--json",)):
        told = cli("cancel", "t", *trip, *how)
        assert told.code == 1, told
        assert ("To try again to undo it: " in told.err) == (not how)
    left = json.loads(told.out)["error"]
    assert left.startswith("effect 'book' was not undone: the hotel does not answer")
    assert len(left) < 1_100
    assert "--graph trip=module:attribute" in cli("effects", "t").err
    assert "is cancelled; a Runner's start in t goes on" in cli("resume", "t", *trip).err
