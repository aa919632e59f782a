"""The command line: python -m tests.langgraph_suite [arguments of pytest]."""

import os
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.langgraph_suite import sdist
from tests.langgraph_suite.verdict import Verdict, judge, outcomes_in

# Theirs want servers of their own in containers unless told that there are none; the order of the tests is theirs too.
ENVIRONMENT = {"NO_DOCKER": "true"}
OPTIONS = ["-q", "--tb=short", "-p", "no:randomly", "-p", "no:asyncio", "-o", "addopts=--snapshot-warn-unused"]
# Some of theirs wait for 10 ms and count on what others do meanwhile, which a busy machine does not.
AGAIN = ["--last-failed", "-n", "0"]


def main() -> None:
    """Run the tests and say what fails with SQLSaver alone, also when run by itself; exits with 1 if anything does."""
    folder = sdist.prepared()
    outcomes = _run(folder, sys.argv[1:])
    late: list[str] = []
    if judge(outcomes).ours:
        again = _run(folder, [*sys.argv[1:], *AGAIN])
        late = [test for test, outcome in again.items() if outcome == "passed"]
        outcomes |= again
    verdict = judge(outcomes)
    sys.stdout.write(text(verdict, late))
    sys.exit(not verdict.good)


def _run(folder: Path, arguments: list[str]) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as temporary:
        report = Path(temporary) / "report.xml"
        command = [sys.executable, "-m", "pytest", *OPTIONS, f"--junitxml={report}", *arguments, "tests"]
        code = subprocess.run(command, cwd=folder, env=os.environ | ENVIRONMENT, check=False).returncode
        if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            sys.exit(code)
        return outcomes_in(report)


def text(verdict: Verdict, late: list[str]) -> str:
    """The verdict, to be read; with the tests that passed at the second attempt only."""
    lines = [f"The tests of LangGraph {version('langgraph')} that use a checkpointer:"]
    for saver, counts in verdict.counts.items():
        lines.append(f"  {saver:<20}" + ", ".join(f"{number} {outcome}" for outcome, number in counts.items()))
    lines += [f"passes by itself only: {test}" for test in late]
    lines += [f"fails with InMemorySaver too: {test}" for test in verdict.shared]
    lines += [f"FAILS WITH SQLSaver ALONE: {test}" for test in verdict.ours]
    return "\n".join(["", *lines, ""])


if __name__ == "__main__":
    main()
