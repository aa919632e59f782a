"""The verdict on LangGraph's own tests; the tests themselves run by `make langgraph-tests`."""

import os
import subprocess
import sys
from pathlib import Path

from tests.langgraph_suite.__main__ import text
from tests.langgraph_suite.verdict import judge, outcomes_in

OUTCOMES = """
import pytest

SAVERS = ["memory", "SQLSaver-sqlite", "SQLSaver-mariadb"]

@pytest.mark.parametrize("saver", SAVERS)
@pytest.mark.parametrize("cache", ["memory", "sqlite"])
@pytest.mark.parametrize("bad", [{bad}])
def test_it(saver, cache, bad):
    assert (saver, cache) not in bad

@pytest.mark.xfail
@pytest.mark.parametrize("saver", SAVERS)
def test_refused(saver):
    assert saver == "memory"
"""


def _verdict(folder: Path, bad: str) -> tuple[bool, str]:
    (folder / "test_them.py").write_text(OUTCOMES.format(bad=bad))
    report = folder / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", "test_them.py"]
    bare = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # four of five seconds of processor time
    subprocess.run(command, cwd=folder, env=bare, capture_output=True, check=False)
    verdict = judge(outcomes_in(report))
    return verdict.good, text(verdict, [])


def test_a_failure_that_inmemorysaver_shares_is_none_of_ours(tmp_path: Path) -> None:
    good, said = _verdict(tmp_path, '[("memory", "sqlite"), ("SQLSaver-mariadb", "sqlite")]')
    assert good
    assert "  SQLSaver-sqlite     2 passed, 1 xfailed\n" in said
    assert said.endswith("\nfails with InMemorySaver too: test_them::test_it[bad0-sqlite-SQLSaver-mariadb]\n")


def test_a_failure_of_ours_alone_is_one(tmp_path: Path) -> None:
    good, said = _verdict(tmp_path, '[("memory", "sqlite"), ("SQLSaver-mariadb", "memory")]')
    assert not good
    assert said.endswith("\nFAILS WITH SQLSaver ALONE: test_them::test_it[bad0-memory-SQLSaver-mariadb]\n")


def test_a_file_that_cannot_be_loaded_is_a_failure(tmp_path: Path) -> None:
    good, said = _verdict(tmp_path, "nonsense")
    assert not good
    assert said.endswith("\nFAILS WITH SQLSaver ALONE: ::test_them\n")
