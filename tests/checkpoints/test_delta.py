"""DeltaChannel: what is not stored is rebuilt from the writes of ancestors, whatever is pruned, copied or deleted."""

from typing import Annotated, Any

import pytest
from langgraph.channels.delta import DeltaChannel
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from tests.checkpoints.chain import config
from threadloom.checkpoints import SQLSaver, deltas


def _extend(state: list[str], updates: Any) -> list[str]:
    return [*state, *(item for update in updates for item in update)]


class State(TypedDict, total=False):
    often: Annotated[list[str], DeltaChannel(_extend, snapshot_frequency=3)]
    seldom: Annotated[list[str], DeltaChannel(_extend, snapshot_frequency=50)]
    last: str


def _node(name: str) -> Any:
    return lambda state: {"often": [name + state["last"]], "seldom": [name]}


def _graph(saver: BaseCheckpointSaver[str]) -> Any:
    graph = StateGraph(State)
    for name in ("left", "right"):
        graph.add_node(name, _node(name))
        graph.add_edge(START, name)
    return graph.compile(checkpointer=saver)


def _run(graph: Any, turns: int, run: str = "") -> Any:
    for turn in range(turns):
        at = config() | {"metadata": {"run_id": f"{run}{turn}"}}
        graph.invoke({"last": str(turn), "seldom": [f"in{turn}"]}, at, durability=("sync", "async", "exit")[turn % 3])
    return graph.get_state(config()).values


def _values(graph: Any, thread: str = "t") -> list[Any]:
    return [snapshot.values for snapshot in graph.get_state_history(config(thread))]


def test_history_is_that_of_the_saver_in_memory(saver: SQLSaver) -> None:
    ours, theirs = _graph(saver), _graph(InMemorySaver())
    assert _run(ours, 8) == _run(theirs, 8)
    assert _values(ours) == _values(theirs)
    for graph in (ours, theirs):
        old = list(graph.get_state_history(config()))[5].config
        graph.update_state(old, {"seldom": ["fork"]}, as_node="left")
        graph.invoke({"last": "after"}, config())
    assert _values(ours) == _values(theirs)


@pytest.mark.parametrize("stride", [2, 128])
@pytest.mark.parametrize("channels", [[], ["often"], ["often", "seldom", "last", "unknown"]])
def test_the_storage_view_is_that_of_walking_tuple_by_tuple(
    saver: SQLSaver, channels: list[str], stride: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deltas, "FIRST_STRIDE", stride)
    monkeypatch.setattr(deltas, "LONGEST_STRIDE", stride + 1)
    _run(_graph(saver), 8)
    for item in [*saver.list(config()), None]:
        at = item.config if item else config()
        expected = BaseCheckpointSaver.get_delta_channel_history(saver, config=at, channels=channels)
        assert saver.get_delta_channel_history(config=at, channels=channels) == expected
    missing = saver.get_delta_channel_history(config=config(checkpoint_id="none"), channels=["often"])
    assert missing == {"often": {"writes": []}}


async def test_the_asynchronous_side_gives_the_same(saver: SQLSaver) -> None:
    graph = _graph(saver)
    for turn in range(3):
        await graph.ainvoke({"last": str(turn)}, config())
    assert (await graph.aget_state(config())).values == graph.get_state(config()).values
    history = await saver.aget_delta_channel_history(config=config(), channels=["often", "seldom"])
    assert history == saver.get_delta_channel_history(config=config(), channels=["often", "seldom"])


@pytest.mark.parametrize("turns", range(1, 8))
def test_pruning_keeps_what_the_latest_is_rebuilt_from(saver: SQLSaver, turns: int) -> None:
    graph = _graph(saver)
    before = _run(graph, turns)
    saver.prune(["t"])
    assert graph.get_state(config()).values == before
    assert _run(graph, 1, "more-")["seldom"] == [*before["seldom"], "in0", "left", "right"]


def test_pruning_drops_what_lies_behind_the_snapshots(saver: SQLSaver) -> None:
    class Often(TypedDict, total=False):
        often: Annotated[list[str], DeltaChannel(_extend, snapshot_frequency=2)]

    graph = StateGraph(Often)
    graph.add_node("node", lambda state: {"often": ["x"]})
    graph.add_edge(START, "node")
    compiled = graph.compile(checkpointer=saver)
    for turn in range(10):
        compiled.invoke({"often": [str(turn)]}, config())
    before = compiled.get_state(config()).values
    saver.prune(["t"])
    assert len(list(saver.list(config()))) <= 3
    assert compiled.get_state(config()).values == before


def test_deleting_a_run_keeps_what_later_runs_are_rebuilt_from(saver: SQLSaver) -> None:
    graph = _graph(saver)
    _run(graph, 4)
    before = _values(graph)
    newest = graph.get_state(config()).values
    saver.delete_for_runs(["0", "1"])
    assert graph.get_state(config()).values == newest
    saver.delete_for_runs(["3"])
    kept = _values(graph)
    assert kept[0] in before
    assert kept[0]["seldom"] == newest["seldom"][: len(kept[0]["seldom"])]
    assert newest not in kept


def test_a_copy_carries_the_whole_chain(saver: SQLSaver) -> None:
    graph = _graph(saver)
    _run(graph, 5)
    before = _values(graph)
    saver.copy_thread("t", "copy")
    saver.delete_thread("t")
    assert _values(graph, "copy") == before
