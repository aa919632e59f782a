"""Runs from the command line: who runs what, several questions, pausing, cancelling, recovering."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langgraph.types import Command

from tests.cli import asking, pair
from tests.cli.conftest import Cli
from tests.cli.test_graphs import ASKING, Terminal
from tests.cli.test_stop import until
from threadloom.catalogue import GRAPHS, Entry
from threadloom.checkpoints import SQLSaver
from threadloom.runs.runner import Runner

PAIR = Entry(
    name="pair",
    summary="Asks two things.",
    module="tests.cli.pair",
    example="none",
    text="what",
    answer=lambda state: f"{state['pay']}, {state['when']}",
)


@pytest.fixture(autouse=True)
def _pair(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(GRAPHS, "pair", PAIR)
    monkeypatch.setitem(GRAPHS, "asking", ASKING)
    pair.REACHED.clear()
    yield
    pair.GO.set()


@pytest.fixture
def runner(cli: Cli) -> Iterator[Runner]:
    """Another process, as far as the command line can tell."""
    with Runner("sqlite:///threadloom.db", {"pair": pair.build}, owner="elsewhere/1", lease=1) as made:
        yield made
        pair.GO.set()


def listed(cli: Cli, *words: str) -> Any:
    return json.loads(cli("runs", *words, "--json").out)


def test_several_questions_are_told_apart_and_it_is_kept_who_answered_and_why(cli: Cli) -> None:
    paused = cli("run", "pair", "x", "--thread", "t", "--json")
    pending = {question["prompt"] if question["kind"] else str(question["prompt"]): question["id"]
               for question in json.loads(paused.out)["pending"]}  # fmt: skip
    assert (paused.code, len(pending)) == (3, 2)
    pay = next(handle for prompt, handle in pending.items() if "Pay?" in prompt)
    shown = cli("resume", "t")
    assert (shown.code, pay in shown.out, "takes 2 to agree" in shown.err) == (3, True, True)
    assert "--handle" in cli("resume", "t", "--answer", '"yes"').err
    assert "fits 0 of the pending" in cli("resume", "t", "--answer", "1", "--handle", "zz").err
    assert "dan may not answer" in cli("resume", "t", "--answer", "1", "--handle", pay[:9], "--by", "dan").err

    told = ("--handle", pay[:9], "--answer", '"yes"', "--why", "it is due")
    assert cli("resume", "t", *told, "--by", "ann").code == 3
    [run] = listed(cli)
    assert (run["status"], {*run["waits_for"].split("; ")}) == ("waiting", {"Pay?", "When?"})
    assert cli("resume", run["run_id"][:8], *told, "--by", "bob", "--json").code == 3
    assert [one["prompt"] for one in json.loads(cli("show", "t", "--json").out)["pending"]] == ["When?"]
    late = cli("resume", "t", "--answer", json.dumps({pay: "no"}))  # who meant the other question, a moment too late
    assert (late.code, "no question is pending" in late.err) == (2, True), late.err
    when = next(handle for handle in pending.values() if handle != pay)
    slip = cli("resume", "t", "--answer", json.dumps({when: "soon", "zz": "yes"}))  # it was the answer as a whole
    assert (slip.code, "no question is pending with handle 'zz'" in slip.err) == (2, True), slip.err
    done = cli("resume", "t", "--answer", json.dumps({when: "soon"}))
    assert (done.code, done.out) == (0, "yes, soon\n")
    with Runner("sqlite:///threadloom.db", {}) as runner:
        said = [
            (event.event, event.by, event.why) for event in runner.trail(run["run_id"]) if event.by in {"ann", "bob"}
        ]
    assert said == [("approved", "ann", "it is due"), ("answered", "bob", "it is due")]
    assert cli("resume", "t", "--answer", "1").code == 2


def test_several_questions_are_asked_one_after_the_other(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    cli("run", "pair", "x", "--thread", "t", "--json")
    for by, code in (("ann", 3), ("bob", 0)):
        monkeypatch.setattr("sys.stdin", Terminal("yes\ntoday\n"))
        ended = cli("resume", "t", "--by", by)
        assert ended.code == code, ended.err
    assert ended.out == "yes, today\n"


def test_a_run_of_another_process_is_seen_paused_and_cancelled(cli: Cli, runner: Runner) -> None:
    pair.GO.clear()
    run = runner.start("pair", {"what": "x"}, thread_id="t")
    assert pair.REACHED.wait(60)
    [row] = listed(cli, "--status", "running", "--graph", "pair")
    assert (row["run_id"], row["owner"], row["cost_usd"]) == (run.id, "elsewhere/1", 0)
    assert listed(cli, "--status", "done") == []
    text = cli("runs").out
    assert "elsewhere/1" in text
    assert max(map(len, text.splitlines())) <= 80
    busy = cli("run", "pair", "y", "--thread", "t")
    assert (busy.code, "t is running" in busy.err) == (2, True)
    assert cli("resume", "t").code == 2

    assert "asked elsewhere/1 to pause it" in cli("pause", "t").out
    until(lambda: runner._driving[run.id][0]._wanted == "pause")
    pair.GO.set()
    assert run.wait(60).status == "paused"
    assert json.loads(cli("threads", "--json").out)[0]["status"] == "paused"
    assert cli("resume", "t", "--json").code == 3
    ended = json.loads(cli("cancel", run.id[:6], "--json").out)
    assert (ended["status"], listed(cli)[0]["status"]) == ("cancelled", "cancelled")
    again = cli("cancel", "t")
    assert (again.code, "nothing to cancel" in again.err) == (2, True)
    assert cli("resume", "t").code == 2
    assert cli("runs", "--status", "odd").code == 2
    assert "no run" in cli("pause", "nobody").err


def lose(runner: Runner, thread_id: str, graph: str = "pair") -> str:
    """A run whose process is gone, as far as anybody else can tell; its id."""
    pair.GO.clear()
    pair.REACHED.clear()
    run = runner.start(graph, {"what": "x"}, thread_id=thread_id)
    assert pair.REACHED.wait(60)
    runner.let_go()
    pair.GO.set()
    return run.id


def test_what_is_lost_is_recovered_once_or_by_a_service(
    cli: Cli, runner: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = lose(runner, "t")
    assert "recover" in cli("runs", "--status", "lost").err
    [found] = json.loads(cli("recover", "--json").out)
    assert (found["run_id"], found["status"]) == (lost, "waiting")
    assert cli("recover").err.strip() == "Nothing to go on with."
    monkeypatch.setenv("THREADLOOM_MODEL", "m")  # without a key: what only looks does without models
    assert (cli("runs").code, cli("recover").code) == (0, 2)
    monkeypatch.delenv("THREADLOOM_MODEL")
    assert cli("recover", "--graph", "nothing:here").code == 2

    own = Runner("sqlite:///threadloom.db", {"mine": pair.build}, lease=1)
    left = lose(own, "own", "mine")
    assert "--graph mine=module:attribute" in cli("recover").err
    own.cancel(left)
    program = str(Path(sys.executable).parent / "threadloom")
    command = [program, "recover", "--watch", "0.2", "--json", "--graph", "mine=tests.cli.pair:build"]
    path = str(Path(__file__).parents[2])
    with subprocess.Popen(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.PIPE, text=True
    ) as service:
        try:
            run_id = lose(own, "again", "mine")
            until(lambda: own.record(run_id).status == "waiting")
            assert service.stdout
            assert json.loads(service.stdout.readline())["run_id"] == run_id
            service.send_signal(signal.SIGTERM)
            assert service.wait(60) == 130
        finally:
            service.kill()
            own.close()


def test_a_thread_that_no_runner_made_goes_on_as_ever(cli: Cli) -> None:
    given: Any = {"kind": "report", "tags": [], "loud": True, "most": 3, "extra": None, "details": {}}
    config: Any = {"configurable": {"thread_id": "t"}, "metadata": {"graph": "asking"}}
    with SQLSaver("sqlite:///threadloom.db") as saver:
        asking.build().compile(checkpointer=saver).invoke(given, config)
    assert "no run that could keep" in cli("resume", "t", "--answer", '{"approve": true}', "--by", "ann").err
    assert json.loads(cli("resume", "t", "--answer", '{"approve": true}').out) == {"approve": True}
    assert json.loads(cli("threads", "--json").out)[0]["status"] == "done"
    assert listed(cli) == []


def test_a_run_whose_thread_somebody_else_has_gone_on_with_is_told_from_there(cli: Cli) -> None:
    cli("run", "pair", "x", "--thread", "t", "--json")
    config: Any = {"configurable": {"thread_id": "t"}, "metadata": {"graph": "pair"}}
    with SQLSaver("sqlite:///threadloom.db") as saver:
        graph = pair.build().compile(checkpointer=saver)
        answers = {asked.id: "so" for asked in graph.get_state(config).interrupts}
        graph.invoke(Command(resume=answers), config)
    assert json.loads(cli("threads", "--json").out)[0]["status"] == "done"
    assert cli("show", "t").out.startswith("so, so")


def test_whatever_asks_for_a_thread_takes_the_id_of_its_run(cli: Cli, tmp_path: Path) -> None:
    cli("run", "pair", "x", "--thread", "t", "--json")
    [run] = listed(cli)
    for words in (("show",), ("timeline",), ("diff",), ("db", "sizes")):
        assert cli(*words, run["run_id"][:8]).out == cli(*words, "t").out
    assert cli("export", run["run_id"], str(tmp_path / "t.thread")).code == 0
    assert cli("show", "nothing").code == 2


def test_lists_cut_ids_that_were_made_up_and_no_others(cli: Cli) -> None:
    made_up = json.loads(cli("run", "pair", "x", "--json").out)["thread_id"]
    for name in ("customer-1", "customer-2"):
        cli("run", "pair", "x", "--thread", name, "--json")
    for words in (("threads",), ("db", "sizes")):
        text = cli(*words).out
        assert ("customer-1" in text, "customer-2" in text) == (True, True)
        assert (made_up[:8] in text, made_up in text) == (True, False)


def test_the_answer_to_copy_is_written_as_people_write(cli: Cli) -> None:
    ended = cli("run", "routing", "How do I turn on dark mode?")
    assert (ended.code, '"text": "…"' in ended.err) == (3, True)


def test_usage_of_a_graph_without_runs_does_not_say_that_there_are_none(cli: Cli) -> None:
    cli("run", "pair", "x", "--json")
    assert "like that" in cli("usage", "--graph", "nope").err
    assert "no thread 'nope'" in cli("usage", "nope").err
