"""Threads of LangGraph's own savers, imported: all that they list is listed here, and what was open goes on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.types import Command

from tests.checkpoints import officials
from tests.checkpoints.chain import config
from tests.checkpoints.officials import KINDS, converse, deltas, graph, listed, official, say
from threadloom.checkpoints import SQLSaver
from threadloom.checkpoints.sources import open_source

Official = tuple[BaseCheckpointSaver[str], str]


@pytest.fixture(params=KINDS)
def other(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Official]:
    with official(request.param, tmp_path) as found:
        yield found


def imported(saver: SQLSaver, url: str, **options: Any) -> dict[str, str]:
    """What became of each thread."""
    with open_source(url) as source:
        return {result.thread_id: result.status for result in saver.import_threads(source, **options)}


def test_all_that_was_listed_is_listed_here(other: Official, saver: SQLSaver) -> None:
    theirs, url = other
    for thread in ("t", "another"):
        converse(graph(theirs), thread)
    assert imported(saver, url) == {"another": "imported", "t": "imported"}
    assert listed(saver, None) == listed(theirs, None)
    assert len({ns for _, ns, _ in listed(saver)}) > 2


def test_an_open_question_is_answered_with_the_same_end(other: Official, saver: SQLSaver) -> None:
    theirs, url = other
    converse(graph(theirs))
    imported(saver, url)
    for answer in (Command(resume="because"), {"messages": [("user", "bye")]}):
        ends = [graph(each).invoke(answer, config()) for each in (saver, theirs)]
        assert [m.content for m in ends[0]["messages"]] == [m.content for m in ends[1]["messages"]]
        assert ends[0]["notes"] == ends[1]["notes"]
    assert graph(saver).get_state(config()).next == ()


def test_delta_channels_are_rebuilt_at_every_step(other: Official, saver: SQLSaver) -> None:
    theirs, url = other
    for turn in range(6):
        durability = ("sync", "async", "exit")[turn % 3]
        deltas(theirs).invoke({"last": str(turn), "seldom": [f"in{turn}"]}, config(), durability=durability)
    old = list(deltas(theirs).get_state_history(config()))[4].config
    deltas(theirs).update_state(old, {"seldom": ["fork"]}, as_node="left")
    assert imported(saver, url) == {"t": "imported"}
    for each in (saver, theirs):
        deltas(each).invoke({"last": "after"}, config())
    values = [[s.values for s in deltas(each).get_state_history(config())] for each in (saver, theirs)]
    assert values[0] == values[1]
    saver.prune(["t"])
    assert deltas(saver).get_state(config()).values == values[1][0]
