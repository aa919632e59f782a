"""Threads of LangGraph's own savers, imported: all that they list is listed here, and what was open goes on."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.types import Command

from tests.checkpoints.chain import config, put
from tests.checkpoints.officials import KINDS, converse, deltas, graph, listed, official, say
from tests.programs import Program
from threadloom.checkpoints import SQLSaver
from threadloom.checkpoints.importing import is_unfinished
from threadloom.checkpoints.sources import open_source

Official = tuple[BaseCheckpointSaver[str], str]

DELTA = {"d": [1, 1]}  # a DeltaChannel that is rebuilt from what came before


@pytest.fixture(params=KINDS)
def other(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Official]:
    with official(request.param, tmp_path) as found:
        yield found


@pytest.fixture
def target() -> Iterator[SQLSaver]:
    """Where it does not matter on which database."""
    with SQLSaver("sqlite://") as saver:
        yield saver


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
    answers: list[Any] = [Command(resume="because"), {"messages": [("user", "bye")]}]
    for answer in answers:
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


class Colour(Enum):
    RED = 1


@dataclass
class Point:
    x: int


@dataclass
class Line:
    ends: list[Point]


def _odd(saver: BaseCheckpointSaver[Any], thread: str, value: Any) -> None:
    put(saver, config(thread), {"odd": value, "plain": [1]})


def test_classes_that_are_not_allowed_are_all_named_and_keep_no_other_thread(other: Official, saver: SQLSaver) -> None:
    theirs, url = other
    _odd(theirs, "bad", [Line([Point(1)]), Colour.RED])
    _odd(theirs, "good", [1, 2])
    theirs.put_writes(put(theirs, config("late"), {"x": [1]}), [("y", {"p": Point(2)})], "task")
    with open_source(url) as source:
        found = {result.thread_id: result for result in saver.import_threads(source)}
    assert {thread: result.status for thread, result in found.items()} == {
        "bad": "failed",
        "good": "imported",
        "late": "failed",
    }
    named = {(p.channel, p.type_name.rpartition(".")[2]) for p in found["bad"].problems}
    assert named == {("odd", "Line"), ("odd", "Point"), ("odd", "Colour")}
    [problem] = found["late"].problems
    assert (problem.channel, problem.kind, problem.type_name) == ("y", "unrestorable", f"{__name__}.Point")
    assert {thread for thread, *_ in listed(saver, None)} == {"good"}
    names = [(__name__, name) for name in ("Colour", "Point", "Line")]
    assert imported(cast("SQLSaver", saver.with_allowlist(names)), url) == {
        "bad": "imported",
        "good": "present",
        "late": "imported",
    }
    assert listed(cast("SQLSaver", saver.with_allowlist(names)), None) == listed(theirs, None)


def test_what_is_there_already_stays_as_it_is(other: Official, target: SQLSaver) -> None:
    theirs, url = other
    say(graph(theirs), "theirs")
    say(graph(target), "ours")
    before = listed(target)
    assert imported(target, url) == {"t": "present"}
    assert listed(target) == before
    target.delete_thread("t")
    assert imported(target, url, thread_ids=["t", "none"], dry_run=True) == {"t": "imported", "none": "failed"}
    assert listed(target, None) == {}


def test_a_name_that_the_target_cannot_have_keeps_no_other_thread(saver: SQLSaver, tmp_path: Path) -> None:
    with official("sqlite", tmp_path) as (theirs, url):
        for thread in ("x" * 600, "y"):
            put(theirs, config(thread), {"a": [1]})
        found = imported(saver, url)
        assert found["y"] == "imported"
        assert found["x" * 600] in ("imported", "failed")  # MySQL limits names
        assert {thread for thread, *_ in listed(saver, None)} == {t for t, s in found.items() if s == "imported"}


def test_an_import_that_is_interrupted_leaves_nothing(other: Official, target: SQLSaver) -> None:
    theirs, url = other
    converse(graph(theirs))
    seen = count()

    def stop() -> None:
        if next(seen) == 7:
            assert any(is_unfinished(thread.thread_id) for thread in target.threads())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        imported(target, url, progress=stop)
    assert (target.threads(), target.sizes()) == ([], [])


KILLED = """
import os, sys
from itertools import count
from threadloom.checkpoints import SQLSaver
from threadloom.checkpoints.sources import open_source
seen = count(1)
with open_source(sys.argv[1]) as source, SQLSaver(sys.argv[2]) as saver:
    for _ in saver.import_threads(source, progress=lambda: next(seen) == int(sys.argv[3]) and os.kill(os.getpid(), 9)):
        pass
"""


@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_import_is_done_again_and_leaves_nothing_behind(
    kind: str, program: Program, new_url: str, tmp_path: Path
) -> None:
    with official(kind, tmp_path) as (theirs, url):
        for thread in ("a", "b"):
            converse(graph(theirs), thread)
        whole = len(listed(theirs, "a"))
        for at in (2, whole + 3):
            program("-c", KILLED, url, new_url, str(at))
        with SQLSaver(new_url) as saver:
            # The second one brought "a" in, and with that deleted what the first had left of it.
            assert [is_unfinished(thread.thread_id) for thread in saver.threads()] == [True, False]
            assert listed(saver, "b") == {}
            assert imported(saver, url) == {"a": "present", "b": "imported"}
            assert listed(saver, None) == listed(theirs, None)


def test_of_two_imports_at_once_the_slower_gives_way(other: Official, saver: SQLSaver) -> None:
    theirs, url = other
    converse(graph(theirs))
    seen = count()

    def overtake() -> None:
        if next(seen) == 5:
            assert imported(saver, url) == {"t": "imported"}

    assert imported(saver, url, progress=overtake) == {"t": "present"}
    assert listed(saver, None) == listed(theirs, None)


def test_a_thread_that_goes_on_is_read_as_of_one_moment(other: Official, target: SQLSaver) -> None:
    theirs, url = other
    converse(graph(theirs))
    before, seen, [head] = listed(theirs), count(), list(theirs.list(config(), limit=1))

    def go_on() -> None:
        if next(seen) == 3:
            theirs.put_writes(head.config, [("late", 1)], "late")
            say(graph(theirs), "more")

    imported(target, url, progress=go_on)
    assert listed(target) == before != listed(theirs)


def test_indexes_of_writes_stay_so_that_storing_them_again_adds_nothing(other: Official, saver: SQLSaver) -> None:
    theirs, url = other
    at = put(theirs, config(), {"x": [1]})
    writes = [("__error__", "late"), ("x", [2]), ("__interrupt__", [3]), ("x", [4])]
    theirs.put_writes(at, writes, "task", "path")
    theirs.put_writes(at, [("x", [0])], "other", "a path before")
    imported(saver, url)
    pending = saver.get_tuple(at).pending_writes  # type: ignore[union-attr]  # it is there
    saver.put_writes(at, writes, "task", "path")
    assert saver.get_tuple(at).pending_writes == pending == theirs.get_tuple(at).pending_writes  # type: ignore[union-attr]  # it is there


def test_a_pruned_thread_and_one_with_clocks_askew(other: Official, saver: SQLSaver) -> None:
    theirs, url = other
    root = put(theirs, config("pruned"), {"a": [1], "b": 2})
    at = config("pruned", checkpoint_id="gone")
    kept = theirs.get_tuple(root)
    assert kept
    theirs.put(at, cast("Any", kept.checkpoint | {"id": "~"}), kept.metadata, {})
    parent = put(theirs, config("askew"), {"a": [1]}, "2")
    put(theirs, parent, {"b": [1]}, "1", counters_since_delta_snapshot=DELTA)
    put(theirs, config("lost", checkpoint_id="gone"), {}, "1", counters_since_delta_snapshot=DELTA)
    with open_source(url) as source:
        found = {r.thread_id: [p.kind for p in r.problems] for r in saver.import_threads(source)}
    assert found == {"askew": [], "lost": ["missing"], "pruned": []}
    theirs.delete_thread("lost")
    assert listed(saver, None) == listed(theirs, None)


class _Numbers:
    """LangGraph's default, which the official savers replace."""

    def get_next_version(self, current: Any, channel: None) -> Any:
        return (current or 0) + 1


class NumberedSqlite(_Numbers, SqliteSaver):
    pass


class NumberedPostgres(_Numbers, PostgresSaver):
    pass


def test_numbers_as_versions_become_usual_ones_with_which_a_thread_goes_on(other: Official, target: SQLSaver) -> None:
    plain, url = other
    theirs: Any = (NumberedSqlite if isinstance(plain, SqliteSaver) else NumberedPostgres)(plain.conn)  # type: ignore[attr-defined]  # both have one
    converse(graph(theirs))
    assert imported(target, url) == {"t": "imported"}
    ours, expected = listed(target), listed(theirs)
    assert ours.keys() == expected.keys()
    for key, (checkpoint, *rest) in expected.items():
        assert ours[key][0]["channel_values"] == checkpoint["channel_values"]
        versions = {channel: int(v.split(".")[0]) for channel, v in ours[key][0]["channel_versions"].items()}
        assert versions == checkpoint["channel_versions"]
        assert list(ours[key][1:]) == rest
    graph(target).invoke(Command(resume="because"), config())
    end = say(graph(target), "bye")
    assert graph(target).get_state(config()).next == ()
    assert end["messages"][-3].content.startswith("because")


def test_values_without_a_version_are_kept(target: SQLSaver, tmp_path: Path) -> None:
    with official("sqlite", tmp_path) as (theirs, url):
        at = put(theirs, config(), {"a": [1]})
        stored = theirs.get_tuple(at)
        assert stored
        stored.checkpoint["channel_values"]["default"] = []
        theirs.put(at, cast("Any", stored.checkpoint | {"id": "~"}), stored.metadata, {})
        imported(target, url)
        [latest, _] = target.list(config())
        assert latest.checkpoint["channel_values"] == {"a": [1], "default": []}
        assert target.get_next_version("", None).startswith(f"{1:032}.")


MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.sampled_from(["hello", "really?", "ünï", "again?"])),
        st.tuples(st.just("answer"), st.sampled_from(["yes", "no"])),
        st.tuples(st.sampled_from(["update", "fork", "replay"]), st.integers(0, 30)),
    ),
    max_size=6,
)


@given(MOVES)
@settings(max_examples=15)
def test_any_history_is_the_same(moves: list[tuple[str, Any]]) -> None:
    with TemporaryDirectory() as folder, official("sqlite", Path(folder)) as (theirs, url):
        compiled = graph(theirs)
        for move, argument in moves:
            history = list(compiled.get_state_history(config()))
            if move == "say":
                say(compiled, argument)
            elif move == "answer":
                compiled.invoke(Command(resume=argument), config()) if history else None
            elif history:
                at = history[argument % len(history)].config if move != "update" else config()
                if move != "replay":
                    at = compiled.update_state(at, {"notes": [move], "turn": argument}, as_node="plan")
                compiled.invoke(None, at)
        with SQLSaver("sqlite://") as saver:
            imported(saver, url)
            assert listed(saver, None) == listed(theirs, None)
            if moves:
                assert graph(saver).get_state(config()) == compiled.get_state(config())
            assert list(saver.verify()) == []
