"""What the outcomes of one test with several savers come to: ours fails if LangGraph's does not fail too."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET

LANGGRAPHS = "memory"  # as their tests call InMemorySaver
_OURS = re.compile(r"SQLSaver-\w+")


@dataclass
class Verdict:
    """Outcomes counted by saver; the tests that fail with ours alone; those that fail with LangGraph's too."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    ours: list[str] = field(default_factory=list)
    shared: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether tests passed with a saver of ours, and none failed with ours alone."""
        return not self.ours and any(c["passed"] for saver, c in self.counts.items() if saver != LANGGRAPHS)


def outcomes_in(report: Path) -> dict[str, str]:
    """Test and outcome (passed, failed, skipped, xfailed), from a JUnit report of pytest."""
    found: dict[str, str] = {}
    for case in ET.parse(report).getroot().iter("testcase"):
        test = f"{case.get('classname')}::{case.get('name')}"
        # A test that passes and then fails to clean up is in there twice.
        found[test] = "failed" if found.get(test) == "failed" else _outcome(case)
    return found


def _outcome(case: ET.Element) -> str:
    children = {child.tag: child.get("type") for child in case}
    if children.keys() & {"failure", "error"}:
        return "failed"
    if "skipped" in children:
        return "xfailed" if children["skipped"] == "pytest.xfail" else "skipped"
    return "passed"


def judge(outcomes: Mapping[str, str]) -> Verdict:
    """The verdict on these outcomes; a test file that cannot be loaded counts as a failure of ours."""
    verdict = Verdict()
    for test, outcome in outcomes.items():
        saver = _saver_of(test)
        if saver:
            verdict.counts.setdefault(saver, Counter())[outcome] += 1
        if outcome == "failed" and saver != LANGGRAPHS:
            shared = saver and outcomes.get(test.replace(saver, LANGGRAPHS)) == "failed"
            (verdict.shared if shared else verdict.ours).append(test)
    return verdict


def _saver_of(test: str) -> str | None:
    """The saver in the parameters of a test; a file has none."""
    ours = _OURS.search(test)
    return ours[0] if ours else LANGGRAPHS if "[" in test else None
