"""Where runs begin: without what an earlier run of the thread left, overwriting only what there is."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Overwrite

from bench.teams import CASES, asking
from tests.graphs.agents import THREAD
from tests.servers.openai_server import OpenAIServer
from threadloom.models.roles import Models
from threadloom.state.reducers import lean, total_usage
from threadloom.tools.workspace.workspace import Workspace

KEPT = {"messages", "board"}
"""What belongs to the thread, not to a run."""


@pytest.mark.parametrize("name", CASES)
def test_a_second_run_has_nothing_of_the_first_and_the_first_overwrites_nothing(
    server: OpenAIServer, tmp_path: Path, name: str
) -> None:
    server.scenario = CASES[name].says
    ours, _, given, _ = CASES[name].pair(asking(server), Workspace(tmp_path))
    graph = ours.compile(checkpointer=InMemorySaver())
    overwritten, states = [], []
    for _ in range(2):
        updates = list(graph.stream(given, THREAD, stream_mode="updates"))
        overwritten.append([key for key, value in _values(updates) if isinstance(value, Overwrite)])
        states.append(graph.get_state(THREAD).values)
    assert overwritten[0] == []
    assert overwritten[1] != []
    first, second = states
    assert 0 < total_usage(second["usage"])["calls"] <= total_usage(first["usage"])["calls"]
    assert second["work"]["steps"] <= first["work"]["steps"]
    sized = [key for key in first.keys() - KEPT if isinstance(first[key], list | dict)]
    assert {key: len(second[key]) for key in sized if len(second[key]) > len(first[key])} == {}


@pytest.mark.parametrize("name", ["react", "routing", "supervisor", "handoff"])
def test_a_conversation_without_a_message_is_refused(name: str) -> None:
    graph: Any = import_module(f"threadloom.graphs.{name}").build(models=Models()).compile()
    with pytest.raises(ValueError, match="messages: none given"):
        graph.invoke({"messages": []})


def _values(updates: list[dict[str, dict[str, Any] | None]]) -> Iterator[tuple[str, Any]]:
    for update in updates:
        for values in update.values():
            yield from (values or {}).items()


def test_what_is_empty_is_neither_overwritten_nor_written() -> None:
    state = {"held": [1], "empty": []}
    update = {"held": Overwrite([]), "empty": Overwrite([]), "new": Overwrite({"a": 1}), "plain": None}
    assert lean(state, update) == {"held": Overwrite([]), "new": {"a": 1}, "plain": None}
