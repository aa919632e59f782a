"""The pictures of graphs in the documentation show the graphs: the same nodes and edges."""

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from langchain_core.tools import tool

from threadloom.graphs import debate, goal, handoff, parallel, react, routing, sequential, supervisor
from threadloom.tools.acting import acting

DOCS = Path(__file__).parent.parent / "docs"
ARROW = r"\s*(?:-->|-\.->|-\. [^.]+ \.->)\s*"


@tool
def act() -> str:
    """Does something."""
    return "done"


GRAPHS: dict[str, Any] = {
    "agents.md": react.build(tools=[acting(act)], at_limit="ask"),
    "patterns/routing.md": routing.build(),
    "patterns/parallel.md": parallel.build(),
    "patterns/sequential.md": sequential.build(),
    "patterns/debate.md": debate.build(),
    "patterns/goal.md": goal.build(),
    "patterns/handoff.md": handoff.build(),
    "patterns/supervisor.md": supervisor.build(),
}


@pytest.mark.parametrize("page", GRAPHS)
def test_the_picture_shows_the_graph(page: str) -> None:
    [picture] = re.findall(r"```mermaid\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    lines = [re.split(ARROW, line.strip()) for line in picture.splitlines()[1:]]
    drawn = {edge for line in lines for edge in pairwise(line)}
    assert drawn == {(edge.source, edge.target) for edge in GRAPHS[page].compile().get_graph().edges}
