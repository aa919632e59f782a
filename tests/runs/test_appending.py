"""A process that is killed when a tool has changed a file: a text is appended once, and a write harms nobody."""

import signal
from pathlib import Path
from typing import Any

import pytest

from tests.programs import Program
from tests.runs.appending import appending, given
from tests.runs.leases import end_leases
from threadloom.runs import ledger
from threadloom.runs.run import Run
from threadloom.runs.runner import Runner
from threadloom.tools.workspace.workspace import Workspace


def killed(program: Program, url: str, folder: Path, tool: str) -> None:
    """A run whose process died once the file was changed."""
    assert program("-m", "tests.runs.appending", url, str(folder), tool).returncode == -signal.SIGKILL


def lost(runner: Runner) -> Run:
    """The run, its lease over."""
    end_leases(runner)
    return runner.run(runner.runs()[0].run_id)


@pytest.mark.parametrize(
    ("answer", "text"),
    [("happened", "A person says: it was done."), ("retry", "Put 4 characters at the end of log.md.")],
)
def test_whether_a_text_was_appended_is_asked(
    program: Program, url: str, tmp_path: Path, answer: Any, text: str
) -> None:
    work = Workspace(tmp_path / "work")
    killed(program, url, work.root, "append_to_file")
    with Runner(url, {"appending": appending(work)}) as runner:
        run = lost(runner)
        assert runner.recover() == []
        assert [question.handle for question in run.pending()] == ["effect append_to_file call-1"]
        outcome = run.resume(answer).wait(60)
        assert (outcome.status, outcome.state["messages"][0].text) == ("done", text)
        assert outcome.state["acts"] == []  # nobody is asked before, so nothing is told of it
    assert work.read("log.md") == "tea\n" * (1 if answer == "happened" else 2)


def test_a_write_is_done_again_and_harms_nobody(program: Program, url: str, tmp_path: Path) -> None:
    work = Workspace(tmp_path / "work")
    killed(program, url, work.root, "write_file")
    with Runner(url, {"appending": appending(work)}) as runner:
        lost(runner)
        [run] = runner.recover()
        assert run.wait(60).state["messages"][0].text == "Wrote 4 characters to log.md."
    assert work.read("log.md") == "tea\n"


def test_ids_of_calls_may_be_of_any_length(url: str, tmp_path: Path) -> None:
    work = Workspace(tmp_path / "work")
    with Runner(url, {"appending": appending(work)}) as runner:
        for last in "ab":
            call = given("append_to_file")
            call["call"]["id"] = "é" * 2_000 + last
            assert runner.start("appending", call, thread_id="t").wait(60).status == "done"
        found = runner.saver.database.read(ledger.load, runner.saver.codec, "t")
    assert len({entry.key for entry in found}) == 2
    assert work.read("log.md") == "tea\n" * 2
