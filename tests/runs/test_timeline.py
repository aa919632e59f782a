"""The timeline tells what ran, where it stands and what it took, each token once; the same in pages as in one."""

from typing import Any

import pytest
from langgraph.types import Command

from tests.checkpoints.chain import config
from tests.checkpoints.officials import converse, graph
from tests.runs.chats import FAILING, PRICES, compiled
from threadloom.checkpoints import SQLSaver
from threadloom.runs.timeline import timeline
from threadloom.runs.trail import trail


@pytest.fixture
def saver() -> Any:
    with SQLSaver("sqlite://") as saver:
        yield saver


def test_each_token_is_counted_once_also_of_subgraphs_that_hand_all_messages_up(saver: SQLSaver) -> None:
    chat = compiled(saver)
    for _ in range(2):
        chat.invoke({"messages": [("user", "hi")], "topic": "tea"}, config(), durability="sync")
    steps = list(timeline(saver, "t", prices=PRICES))[::-1]
    ran = [(step.nodes, step.usage["calls"]) for step in steps if step.nodes and step.nodes != ("__start__",)]
    assert ran == 2 * [(("draft",), 1), (("check",), 0), (("look", "look"), 2), (("deeper",), 1)]
    used = trail(saver, "t", prices=PRICES).usage
    assert used == {"calls": 8, "input_tokens": 224, "output_tokens": 114, "cost_usd": pytest.approx(0.452)}
    [deeper] = next(step for step in steps if step.nodes == ("deeper",)).tasks
    assert [step.nodes for step in deeper.steps] == [(), ("__start__",), ("think",), ("ask",)]
    assert [step.usage["calls"] for step in deeper.steps] == [0, 0, 1, 0]
    assert all(step.seconds is not None for step in steps if step.source == "loop")
    assert trail(saver, "t").usage["cost_usd"] is None  # without a table of prices


def test_a_failure_and_a_question_are_where_they_happened_until_they_are_mended(saver: SQLSaver) -> None:
    chat = compiled(saver)
    FAILING.add("why?")
    with pytest.raises(RuntimeError):
        chat.invoke({"topic": "why?"}, config())
    newest = next(timeline(saver, "t"))
    assert (newest.status, newest.checkpoint_id, newest.nodes) == ("failed", None, ("check",))
    assert newest.tasks[0].error == "RuntimeError('cannot check why?')"
    FAILING.clear()
    chat.invoke(None, config())
    newest = next(timeline(saver, "t"))
    assert (newest.status, newest.tasks[0].interrupts) == ("waiting", ({"question": "why?"},))
    assert newest.tasks[0].steps[-1].status == "waiting"
    chat.invoke(Command(resume="because"), config())
    steps = {step.nodes: step for step in timeline(saver, "t")}
    assert {step.status for step in steps.values()} == {"done"}
    assert steps["check",].tasks[0].retried
    assert steps["deeper",].tasks[0].interrupts == ({"question": "why?"},)


def test_pages_are_parts_of_the_whole_and_a_branch_that_was_left_is_no_part_of_the_path(saver: SQLSaver) -> None:
    converse(graph(saver))
    whole = list(timeline(saver, "t"))
    assert list(timeline(saver, "t", limit=4)) == whole[:4]
    for step in whole:
        if step.checkpoint_id:
            rest = list(timeline(saver, "t", before=step.checkpoint_id))
            assert rest == whole[len(whole) - len(rest) :]
            assert step not in rest
    assert [step.status for step in whole if step.status != "done"] == ["waiting", "abandoned"]
    path = trail(saver, "t")
    assert path.steps[-1].status == "waiting"
    assert (len(path.steps), path.visits["work"], path.visits["inner"]) == (15, 6, 2)
    assert len(trail(saver, "t", path.checkpoint_ids[2]).steps) == 3
