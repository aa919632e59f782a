"""Intent and mood as the extractive model reads them: no worse than measured, and as the documentation says."""

from pathlib import Path

import pytest

from bench.support import NAMES, judge, tables, totals

PAGE = Path(__file__).parent.parent / "docs" / "patterns" / "routing.md"
MEASURED = {
    "tuned": {"one intent": (61, 64), "two intents": (8, 13), "mood": (75, 77)},
    "held-out": {"one intent": (61, 64), "two intents": (9, 12), "mood": (71, 76)},
}


@pytest.mark.parametrize("name", NAMES)
def test_no_worse_than_measured(name: str) -> None:
    found = totals(judge(name))
    for what, (right, all_) in MEASURED[name].items():
        assert found[what][1] == all_
        assert found[what][0] >= right, what


@pytest.mark.parametrize("name", NAMES)
def test_the_documentation_has_the_tables(name: str) -> None:
    assert tables(name) in PAGE.read_text(encoding="utf-8")


def test_the_halves_share_no_message() -> None:
    texts = [one.message["text"] for name in NAMES for one in judge(name)]
    assert len(set(texts)) == len(texts) >= 150
