"""Runs that are stopped in the middle, by Ctrl-C or by kill -9, go on where they were."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli
from tests.researcher import elements, honest, wanted
from tests.servers.openai_server import Hang, OpenAIServer, Reply
from threadloom.checkpoints import SQLSaver

QUESTION = "How effective are mRNA vaccines against Covid-19?"
HANGS_ON = "doi:10.1056/nejmoa2035389"
"""The mRNA-1273 trial, one of the papers that are read for the question."""


def hanging(body: dict[str, Any]) -> Reply | Hang:
    if wanted(body) == "FindingsDraft" and elements(body, "document")[0][0] == HANGS_ON:
        return Hang()
    return honest(body)


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition; gives up after a minute."""
    for _ in range(1_200):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("what was waited for did not happen")


def reads(server: OpenAIServer) -> list[str]:
    """Ids of the papers the model was asked to read, in order."""
    asked = [request.body for request in server.requests if wanted(request.body) == "FindingsDraft"]
    return [elements(body, "document")[0][0] for body in asked]


def read(folder: Path) -> int:
    """How many papers' findings are in the database, pending or not."""
    with SQLSaver(f"sqlite:///{folder}/threadloom.db") as saver:
        stored = saver.get_tuple({"configurable": {"thread_id": "t"}})
    return sum(channel == "extractions" for _, channel, _ in stored.pending_writes or []) if stored else 0


@pytest.fixture
def environment(server: OpenAIServer, monkeypatch: pytest.MonkeyPatch, cli: Cli) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    monkeypatch.setenv("THREADLOOM_MODEL", "m")
    server.scenario = hanging


@contextmanager
def started(tmp_path: Path, server: OpenAIServer) -> Iterator[subprocess.Popen[str]]:
    """The program in a process of its own, in the middle of reading: all papers but one are read and stored."""
    command = [str(Path(sys.executable).parent / "threadloom"), "run", "research", QUESTION, "--thread", "t"]
    with subprocess.Popen(command, cwd=tmp_path, env=os.environ, stderr=subprocess.PIPE, text=True) as process:
        try:
            until(lambda: process.poll() is not None or (HANGS_ON in reads(server) and read(tmp_path) >= 1))
            until(lambda: read(tmp_path) == len(set(reads(server))) - 1)
            assert process.poll() is None, process.stderr and process.stderr.read()
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.usefixtures("environment")
def test_a_stopped_run_goes_on_without_reading_a_paper_twice(
    how: signal.Signals, cli: Cli, server: OpenAIServer, tmp_path: Path
) -> None:
    with started(tmp_path, server) as process:
        process.send_signal(how)
        said = process.communicate(timeout=30)[1]
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert "resume t" in said
        assert "Traceback" not in said
    else:
        assert "is running" in cli("resume", "t").err  # as far as anybody can tell, until the lease is over
    until(lambda: json.loads(cli("threads", "--json").out)[0]["status"] == "lost")
    assert "threadloom recover" in cli("show", "t").out

    before = reads(server)
    server.scenario = honest
    ended = cli("resume", "t", "--json")
    result = json.loads(ended.out)
    assert (ended.code, result["status"]) == (0, "done")
    assert reads(server)[len(before) :] == [HANGS_ON]
    assert HANGS_ON in {finding["paper_id"] for finding in result["findings"]}
