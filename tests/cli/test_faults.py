"""A database that cannot be written, seen from the command line: one line, nothing lost, and a way on."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

from tests.cli.conftest import Cli

QUESTION = "Do transformers need recurrence to translate well?"


def test_a_read_only_database_is_one_line(cli: Cli) -> None:
    assert cli("run", "research", QUESTION, "--thread", "one", "--json").code == 0
    ended = cli("run", "research", QUESTION, "--thread", "two", "--db", "sqlite:///file:threadloom.db?mode=ro&uri=true")
    assert (ended.code, ended.out) == (1, "")
    last = ended.err.strip().splitlines()[-1]
    assert "read-only" in last
    assert "resume" not in last  # there is nothing to resume
    assert "Traceback" not in ended.err


def test_a_run_that_fills_the_disk_says_how_to_go_on_and_does(cli: Cli, tmp_path: Path) -> None:
    assert cli("run", "research", QUESTION, "--thread", "small", "--review", "--json").code == 3
    size = (tmp_path / "threadloom.db").stat().st_size

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 60_000, size + 60_000))

    program = str(Path(sys.executable).parent / "threadloom")
    command = [program, "run", "research", "What does a black hole look like?", "--thread", "big", "--json"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=os.environ,
        preexec_fn=limit,  # the limit must hold in the child only, and the child is no thread of ours
        capture_output=True,
        text=True,
        check=False,
    )
    failed = json.loads(done.stdout)
    assert (done.returncode, failed["status"]) == (1, "failed")
    assert "full" in failed["error"]
    assert "Traceback" not in done.stderr
    assert json.loads(cli("show", "small", "--json").out)["status"] == "waiting"
    thread = ["resume", "big"] if "resume" in failed["error"] else command[1:5]
    assert cli(*thread, "--json").code == 0


def test_debug_shows_the_traceback(cli: Cli) -> None:
    program = str(Path(sys.executable).parent / "threadloom")
    done = subprocess.run(
        [program, "--debug", "show", "nobody"], env=os.environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "Traceback" in done.stderr
