"""Fixtures laid over those of LangGraph's tests, as their `conftest.py`; theirs is at hand as `tests.official`.

Whatever does not ask for a checkpointer is left out: it would test nothing of ours.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver

from tests import services
from threadloom.checkpoints import SQLSaver
from threadloom.checkpoints.errors import UnsavableValueError

pytest_plugins = ["tests.official"]

NO_DOCKER = True  # test files of theirs import it from here
OURS = "SQLSaver-"

# What the tests keep in their state, and what a user would pass who keeps it there.
ALLOW = [
    ("langchain_core.agents", "AgentAction"),
    ("langchain_core.agents", "AgentFinish"),
    ("tests.agents", "AgentAction"),
    ("tests.agents", "AgentFinish"),
    ("tests.test_interruption", "Decision"),
    ("tests.test_interruption", "DecisionData"),
    ("tests.test_pydantic", "FunctionalState"),
]

# These store an instance of a class that lives inside the test function. Nobody can import it to restore one:
# InMemorySaver hands out a dict in its place, SQLSaver refuses to save it.
LOCAL_CLASSES = {
    "test_in_one_fan_out_state_graph_waiting_edge_custom_state_class_pydantic_input",
    "test_stream_messages_dedupe_pydantic_subgraph_interrupt",
}


@pytest.fixture(scope="session", params=["memory", *(OURS + kind for kind in ("sqlite", *services.SERVERS))])
def new_saver(request: pytest.FixtureRequest) -> Iterator[Callable[[Path], BaseCheckpointSaver[Any]]]:
    """Makes an empty saver, given a folder for its file."""
    kind = request.param.removeprefix(OURS)
    if kind == "memory":
        yield lambda _: InMemorySaver()
    elif kind == "sqlite":
        yield lambda folder: _ready(f"sqlite:///{folder / 'runs.db'}")
    else:
        with services.database(kind) as url:
            yield lambda _: _ready(services.emptied(kind, url))


def _ready(url: str) -> SQLSaver:
    saver = SQLSaver(url, allow=ALLOW)
    saver.setup()  # beforehand, as theirs: some tests look at the clock
    return saver


@pytest.fixture
def sync_checkpointer(
    new_saver: Callable[[Path], BaseCheckpointSaver[Any]], tmp_path: Path
) -> Iterator[BaseCheckpointSaver[Any]]:
    with new_saver(tmp_path) as saver:  # type: ignore[attr-defined]  # both are context managers, their base is none
        yield saver


@pytest.fixture
def async_checkpointer(sync_checkpointer: BaseCheckpointSaver[Any]) -> BaseCheckpointSaver[Any]:
    return sync_checkpointer


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    functions = [item for item in items if isinstance(item, pytest.Function)]
    items[:] = [item for item in functions if "new_saver" in item.fixturenames]
    config.hook.pytest_deselected(items=[item for item in functions if "new_saver" not in item.fixturenames])
    for item in functions:
        if item.originalname in LOCAL_CLASSES and OURS in item.name:
            item.add_marker(pytest.mark.xfail(raises=UnsavableValueError, strict=True, reason="stores a local class"))
