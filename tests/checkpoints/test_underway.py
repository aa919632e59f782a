"""A run that is cancelled leaves checkpoints on their way: the next one starts when they are stored."""

import asyncio
import operator
import threading
from collections.abc import Callable, Iterator
from typing import Annotated, Any
from uuid import uuid4

import pytest
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from threadloom.checkpoints import SQLSaver, storage


class Seen(TypedDict):
    seen: Annotated[list[str], operator.add]


async def look(state: Seen) -> Seen:
    return {"seen": [f"after {state['seen'][-1]}"]}


class Gate:
    """What a checkpoint waits before, in the worker that stores it."""

    def __init__(self) -> None:
        self.closed, self.reached, self.opened = False, threading.Event(), threading.Event()

    def before(self, store: Callable[..., Any]) -> Callable[..., Any]:
        def waits(*args: Any, **kwargs: Any) -> Any:
            if self.closed:
                self.closed = False
                self.reached.set()
                assert self.opened.wait(30)
            return store(*args, **kwargs)

        return waits


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate = Gate()
    for name in ("put_checkpoint", "put_checkpoint_alone"):
        monkeypatch.setattr(storage, name, gate.before(getattr(storage, name)))
    yield gate
    gate.opened.set()


async def _cancelled(graph: Any, config: Any, gate: Gate, durability: str) -> None:
    """A run that is cancelled when its first checkpoint is on its way, which arrives a little later."""
    await graph.ainvoke({"seen": ["before"]}, config)
    gate.closed = True
    config = {**config, "metadata": {"run_id": "cancelled"}}
    run = asyncio.create_task(graph.ainvoke({"seen": ["first"]}, config, durability=durability))
    assert await asyncio.to_thread(gate.reached.wait, 30)
    await asyncio.sleep(0.05)  # so that the nodes are done, and LangGraph waits for the rest
    # Before the run is waited for: with durability "sync" it ends when what it was storing is stored.
    asyncio.get_running_loop().call_later(0.1, gate.opened.set)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run


def _graph(saver: SQLSaver) -> tuple[Any, Any]:
    compiled: Any = StateGraph(Seen).add_node(look).add_edge(START, "look").compile(checkpointer=saver)
    return compiled, {"configurable": {"thread_id": uuid4().hex}}


@pytest.mark.parametrize("durability", ["sync", "async"])
async def test_the_next_run_goes_on_from_what_was_on_its_way(saver: SQLSaver, gate: Gate, durability: str) -> None:
    graph, config = _graph(saver)
    await _cancelled(graph, config, gate, durability)
    seen = (await graph.ainvoke({"seen": ["second"]}, config, durability=durability))["seen"]
    assert [seen[:2], seen[-2:]] == [["before", "after before"], ["second", "after second"]]
    line = [found.config["configurable"]["checkpoint_id"] async for found in saver.alist(config)]
    parents = [found.parent_config async for found in saver.alist(config)]
    assert [parent and parent["configurable"]["checkpoint_id"] for parent in parents] == [*line[1:], None]
    assert [found async for found in saver.alist(config, filter={"run_id": "cancelled"})]
    assert list(saver.verify()) == []


@pytest.mark.parametrize("durability", ["sync", "async"])
async def test_a_run_that_is_rolled_back_leaves_nothing_on_its_way(
    saver: SQLSaver, gate: Gate, durability: str
) -> None:
    graph, config = _graph(saver)
    await _cancelled(graph, config, gate, durability)
    await saver.adelete_for_runs(["cancelled"])
    seen = (await graph.ainvoke({"seen": ["second"]}, config, durability=durability))["seen"]
    assert seen == ["before", "after before", "second", "after second"]
