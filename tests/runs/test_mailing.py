"""A process that is killed while it sends a mail: the person is asked, and nothing is sent twice."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.runs.leases import end_leases
from tests.runs.mailing import GIVEN, mailing
from tests.servers.smtp_server import HANG_UP, SmtpServer
from threadloom.runs.runner import Runner

ROOT = Path(__file__).parents[2]


class Blocking(dict[str, str]):
    """Answers of a server that takes a mail and then is silent."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.go = threading.Event(), threading.Event()

    def get(self, key: str, default: Any = None) -> Any:
        if key == ".":
            self.reached.set()
            assert self.go.wait(60)
        return default


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with SmtpServer() as running:
        yield running


@pytest.mark.slow
def test_a_process_killed_in_the_middle_of_a_mail_sends_it_once(url: str, server: SmtpServer) -> None:
    server.script.answers = answers = Blocking()
    program = [sys.executable, "-m", "tests.runs.mailing", url, str(server.port)]
    with subprocess.Popen(program, cwd=ROOT) as process:
        assert answers.reached.wait(60)
        process.kill()
    answers.go.set()
    with Runner(url, {"mailing": mailing(server.port)}) as runner:
        end_leases(runner)
        run = runner.run(runner.runs()[0].run_id)
        assert runner.recover() == []
        [question] = run.pending()
        assert (run.status, question.handle) == ("waiting", "effect send_mail call-1")
        outcome = run.resume("happened").wait(60)
        assert outcome.status == "done"
        assert outcome.state["messages"][0].text == "A person says: it was done."
        assert [act["status"] for act in outcome.state["acts"]] == ["success"]
    assert len(server.script.deliveries) == 1


def test_a_mail_that_may_have_been_sent_is_asked_about_and_sent_again_only_if_told_to(
    url: str, server: SmtpServer
) -> None:
    server.script.answers["."] = HANG_UP
    with Runner(url, {"mailing": mailing(server.port)}) as runner:
        run = runner.start("mailing", GIVEN)
        outcome = run.wait(60)
        assert outcome.status == "waiting"
        assert "it may have been sent" in outcome.pending[0].prompt
        server.script.answers.clear()
        outcome = run.resume("retry").wait(60)
        assert outcome.state["messages"][0].text == "Sent to bob@example.org."
    assert len(server.script.deliveries) == 2
    ids = {line for mail in server.script.deliveries for line in mail.data.splitlines() if b"Message-ID" in line}
    assert len(ids) == 1  # as one mail, for those who get it
