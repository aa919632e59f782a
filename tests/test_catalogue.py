"""The catalogue: one set of graphs on the command line, in Studio and in the documentation; each keeps its promises."""

import json
import re
from pathlib import Path
from typing import get_type_hints

import pytest

from threadloom.catalogue import ENTRIES, GRAPHS, Entry, find, load
from threadloom.errors import UsageError
from threadloom.inputs import inputs

ROOT = Path(__file__).parent.parent
entries = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)


def test_studio_has_the_same_graphs_by_the_same_names() -> None:
    exported = json.loads((ROOT / "langgraph.json").read_text())["graphs"]
    assert list(GRAPHS) == [entry.name for entry in ENTRIES]
    assert exported.keys() == GRAPHS.keys()
    for name, place in exported.items():
        assert place == f"./graphs/{GRAPHS[name].module.rpartition('.')[2]}.py:graph"


@entries
def test_a_graph_keeps_what_the_catalogue_promises(entry: Entry) -> None:
    graph = load(entry.name)
    assert "finished_at" in get_type_hints(graph.state_schema)
    assert entry.text in {one.name for one in inputs(graph)}
    assert graph.compile(name=entry.name).get_graph().nodes


@entries
def test_a_graph_is_documented(entry: Entry) -> None:
    assert re.search(rf"^\| `threadloom run {entry.name} ", (ROOT / "docs/command-line.md").read_text(), re.MULTILINE)


def test_a_name_that_is_not_there_gets_the_nearest() -> None:
    with pytest.raises(UsageError, match="no graph named 'reserch'; did you mean research"):
        find("reserch")
    with pytest.raises(UsageError, match=f"there are: {', '.join(GRAPHS)}"):
        find("zzz")
