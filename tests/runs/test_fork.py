"""A fork stands where the original stood, goes on by itself, and is there whole or not at all."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict

from tests.checkpoints.chain import KEYS, config
from tests.checkpoints.officials import deltas
from tests.runs.chats import compiled
from threadloom import Runner
from threadloom.checkpoints import SQLSaver
from threadloom.checkpoints.errors import ThreadExistsError
from threadloom.errors import UsageError
from threadloom.runs import lease
from threadloom.runs.errors import ThreadBusyError
from threadloom.runs.fork import fork
from threadloom.runs.snapshot import find_checkpoint, snapshot
from threadloom.runs.trail import trail


@pytest.fixture(params=[None, KEYS], ids=["plain", "encrypted"])
def saver(request: pytest.FixtureRequest) -> Iterator[SQLSaver]:
    with SQLSaver("sqlite://", encryption=request.param) as saver:
        yield saver


def _ran(saver: SQLSaver, **metadata: Any) -> Any:
    chat = compiled(saver)
    chat.invoke({"messages": [("user", "hi")], "topic": "tea"}, config() | {"metadata": metadata})
    return chat


def test_a_fork_without_an_edit_is_the_original_at_every_checkpoint(saver: SQLSaver) -> None:
    chat = _ran(saver, graph="mine")
    before = list(chat.get_state_history(config()))
    for number, old in enumerate(before):
        at = old.config["configurable"]["checkpoint_id"]
        place = fork(chat, "t", at, to=f"f{number}")
        new = chat.get_state(place)
        assert (new.values, new.next) == (old.values, old.next)
        assert new.metadata["graph"] == "mine"
        assert trail(saver, f"f{number}").nodes == trail(saver, "t", at).nodes
        chat.invoke(None, config(f"f{number}"))
        assert chat.get_state(config(f"f{number}")).values["notes"] == before[0].values["notes"]
        younger = {step.checkpoint_id for step in trail(saver, "t").steps if (step.checkpoint_id or "") > at}
        assert not younger & {moment.checkpoint_id for moment in saver.timeline(f"f{number}")}
    assert list(chat.get_state_history(config())) == before
    assert list(saver.verify()) == []


def test_an_edit_takes_another_way_in_a_new_thread_and_in_place(saver: SQLSaver) -> None:
    chat = _ran(saver)
    at = next(s for s in chat.get_state_history(config()) if s.next == ("check",)).config["configurable"][
        "checkpoint_id"
    ]
    for place in (fork(chat, "t", at, {"topic": "milk"}, to="new"), fork(chat, "t", at, {"topic": "milk"})):
        chat.invoke(None, place)
        end = chat.get_state(config(place["configurable"]["thread_id"])).values
        assert [message.text for message in end["messages"]] == [
            "hi",
            "draft of tea",
            "looked",
            "looked",
            "thought about milk",
        ]
    elsewhere = fork(chat, "t", at, {"notes": ["by hand"]}, as_node="look", to="elsewhere")
    assert chat.get_state(elsewhere).next == ("deeper",)


def test_a_thread_that_somebody_holds_is_forked_elsewhere_only(saver: SQLSaver) -> None:
    chat = _ran(saver)
    fence: Any = saver.database.write(lease.take, "t", "elsewhere/1", 60_000)
    before = list(saver.timeline("t"))
    for values in (None, {"topic": "milk"}):
        with pytest.raises(ThreadBusyError, match="'t' is held by elsewhere/1; try again when it is free"):
            fork(chat, "t", None, values)
    assert list(saver.timeline("t")) == before
    fork(chat, "t", to="new")
    saver.database.write(lease.release, "t", fence)
    fork(chat, "t", None, {"topic": "milk"})
    assert isinstance(saver.database.write(lease.take, "t", "elsewhere/1", 60_000), int)  # it was given back


def test_what_was_pruned_cannot_be_forked(saver: SQLSaver) -> None:
    chat = _ran(saver)
    first = [moment.checkpoint_id for moment in saver.timeline("t")][-1]
    saver.prune(["t"])
    for to in (None, "new"):
        with pytest.raises(UsageError, match=f"thread 't' has no checkpoint '{first}'; it may have been pruned"):
            fork(chat, "t", first, to=to)
    assert saver.names("") == ["t"]


def test_what_cannot_be_forked_is_one_clear_line_and_leaves_nothing(saver: SQLSaver) -> None:
    chat = _ran(saver)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"checkpoint_id": "gone"}, "no checkpoint 'gone'"),
        ({"values": {"nope": 1}}, "has no nope; it has: messages"),
        ({"values": {"topic": "x"}, "as_node": "nobody"}, "no node 'nobody'; it has: draft"),
        ({"as_node": "draft"}, "nothing is to be written"),
    ]
    for given, words in wrong:
        with pytest.raises(UsageError, match=words):
            fork(chat, "t", to="new", **given)
    with pytest.raises(ThreadExistsError):
        fork(chat, "t", to="t")
    with pytest.raises(UsageError, match="no checkpoint of this thread is 'gone'"):
        find_checkpoint(saver, "t", "gone")
    deltas(saver).invoke({"last": "", "seldom": []}, config("two"))
    with pytest.raises(UsageError, match="as which one: left, right"):
        fork(deltas(saver), "two", None, {"last": "x"}, to="new")
    assert saver.names("") == ["t", "two"]


def test_delta_channels_are_rebuilt_in_a_fork(saver: SQLSaver) -> None:
    graph = deltas(saver)
    for turn in range(5):
        graph.invoke({"last": str(turn), "seldom": [f"in{turn}"]}, config())
    for number, old in enumerate(list(graph.get_state_history(config()))[::3]):
        at = old.config["configurable"]["checkpoint_id"]
        assert graph.get_state(fork(graph, "t", at, to=f"{number}")).values == old.values
        assert snapshot(saver, "t", at, graph=graph).values == old.values


def _asks(_: dict[str, str]) -> dict[str, str]:
    return {"answer": interrupt("Well?")}


def _breaks(_: dict[str, str]) -> dict[str, str]:
    raise ValueError("broken")


class _Said(TypedDict, total=False):
    answer: str


def _of(node: Any) -> Any:
    return StateGraph(_Said).add_node("say", node).add_edge(START, "say")


@pytest.mark.parametrize(("graph", "status"), [("asks", "waiting"), ("breaks", "failed"), ("stops", "paused")])
def test_a_thread_whose_run_has_not_ended_is_forked_elsewhere_only(
    empty_url: Callable[[], str], graph: str, status: str
) -> None:
    """It stayed where it was in the list of runs, though its thread had gone elsewhere, and nobody could tell."""
    stops = _of(lambda _: {"answer": "no"}).compile(interrupt_before=["say"])
    with Runner(empty_url(), {"asks": _of(_asks), "breaks": _of(_breaks), "stops": stops}) as runner:
        run = runner.start(graph, {}, thread_id="t")
        assert run.wait(60).status == status
        flow = runner.graph(graph).copy(update={"checkpointer": runner.saver})
        before = list(runner.saver.timeline("t"))
        for go_on in (lambda: fork(flow, "t"), lambda: runner.fork(graph, "t")):
            with pytest.raises(ThreadBusyError, match=f"run {run.id} is {status}; fork it into a new thread, or "):
                go_on()
        assert (list(runner.saver.timeline("t")), run.status) == (before, status)
        fork(flow, "t", to="new")
        run.cancel()
        again = runner.fork(graph, "t").wait(60).status
        assert again == ("done" if graph == "stops" else status)  # a breakpoint stops nobody twice


def test_a_run_that_is_lost_is_told_so_where_its_thread_is_to_be_forked(empty_url: Callable[[], str]) -> None:
    with Runner(empty_url(), {"asks": _of(_asks)}) as runner:
        run = runner.start("asks", {}, thread_id="t")
        run.wait(60)
        runner.saver.database.write(runner.records.change, replace(run.record(), status="running"))
        with pytest.raises(ThreadBusyError, match=f"run {run.id} is lost; "):
            fork(runner.graph("asks").copy(update={"checkpointer": runner.saver}), "t")
