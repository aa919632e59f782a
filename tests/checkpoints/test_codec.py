"""Values survive, or are refused when they are saved; never a bare dict, never None."""

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import HumanMessage, ToolMessage
from langgraph.checkpoint.serde.types import _DeltaSnapshot
from langgraph.graph import START, StateGraph
from langgraph.types import Command, Interrupt, Send
from pydantic import BaseModel, Field, SecretStr
from typing_extensions import TypedDict

from tests.checkpoints.chain import config, put
from threadloom.checkpoints import SQLSaver
from threadloom.checkpoints.codec import StrictSerializer
from threadloom.checkpoints.errors import UnrestorableValueError, UnsavableValueError


class Colour(enum.Enum):
    RED = "red"


class Point(NamedTuple):
    x: int
    y: int


@dataclasses.dataclass
class Plan:
    goal: str
    due: dt.date | None = None


class Paper(BaseModel):
    title: str = Field(alias="Title")
    plan: Plan | None = None


class Outer:
    class Inner(BaseModel):
        name: str = "x"


@dataclasses.dataclass
class Unbuildable:
    total: int = dataclasses.field(default=0, init=False)


MINE = [Colour.RED, Point(1, 2), Plan("go", dt.date(2026, 1, 2)), Paper(Title="t", plan=Plan("p"))]
SAFE: list[Any] = [
    HumanMessage("hi", id="1"),
    ToolMessage("out", tool_call_id="1", artifact={"a": dt.date(2026, 1, 1)}),
    Command(resume=1, goto=["node"]),
    Interrupt("q", id="i"),
    Send("node", {"a": HumanMessage("x", id="2")}),
    uuid.UUID(int=5),
    decimal.Decimal("1.10"),
    Path("/a/b"),
    re.compile("a+", re.IGNORECASE),
    {(1, 2), (3, 4)},
    frozenset({("a", ("b",))}),
    collections.deque([1]),
    dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
    dt.timedelta(days=1, microseconds=3),
    dt.time(1, 2, tzinfo=dt.UTC),
    {1: 2, (1, 2): 3, "nul\0": b"\0"},
    b"raw",
    bytearray(b"raw"),
    None,
    _DeltaSnapshot([HumanMessage("x", id="3")]),
]


@pytest.mark.parametrize("value", SAFE, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("wrap", [lambda v: v, lambda v: {"k": [v]}], ids=["bare", "nested"])
def test_safe_values_survive(value: Any, wrap: Callable[[Any], Any]) -> None:
    serde = StrictSerializer()
    restored = serde.loads_typed(serde.dumps_typed(wrap(value)))
    if not isinstance(value, bytearray):  # becomes bytes inside a container, as in every official saver
        assert restored == wrap(value)


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.decimals(allow_nan=False)
PLAIN = st.none() | st.booleans() | TEXT | st.binary() | NUMBERS | st.datetimes() | st.uuids()


@settings(max_examples=50)
@given(st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner)))
def test_any_plain_value_survives(value: Any) -> None:
    serde = StrictSerializer()
    assert serde.loads_typed(serde.dumps_typed(value)) == value


@pytest.mark.parametrize("value", MINE, ids=lambda value: type(value).__name__)
def test_own_classes_need_to_be_allowed(url: str, value: Any) -> None:
    name = type(value).__name__
    with SQLSaver(url) as strict, pytest.raises(UnsavableValueError) as refused:
        put(strict, config(), {"plans": {"deep": [value]}})
    assert "channel 'plans'" in str(refused.value)
    assert f"{__name__}.{name}" in str(refused.value)
    assert f"SQLSaver(..., allow=[{name}])" in str(refused.value)
    with SQLSaver(url, allow=[Plan, type(value)]) as saver:
        assert saver.get_tuple(config()) is None
        put(saver, config(), {"plans": {"deep": [value]}})
        (found,) = saver.list(config())
        assert found.checkpoint["channel_values"]["plans"] == {"deep": [value]}
    with SQLSaver(url) as strict, pytest.raises(UnrestorableValueError) as lost:
        strict.get_tuple(config())
    for part in ("thread 't'", "channel 'plans'", f"{__name__}.{name}"):
        assert part in str(lost.value)


def test_what_a_send_carries_is_checked_too(saver: SQLSaver) -> None:
    at = put(saver, config())
    for value in (Send("node", Plan("x")), Send("node", {"a": {Point(1, 2)}})):
        with pytest.raises(UnsavableValueError, match=r"channel 'out' .*\.(Plan|Point)"):
            saver.put_writes(at, [("out", value)], "task")
    found = saver.get_tuple(at)
    assert found
    assert found.pending_writes == []


def _local() -> Any:
    @dataclasses.dataclass
    class Local:
        a: int = 1

    return Local()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (Outer.Inner(), "cannot be imported under that name"),
        (_local(), "cannot be imported under that name"),
        (Unbuildable(), "cannot be rebuilt"),
        (object(), "object"),
        (3 + 2j, "complex"),
        (2**70, "64-bit"),
        (Plan, "type"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_could_not_be_rebuilt_is_refused_even_if_allowed(saver: SQLSaver, value: Any, reason: str) -> None:
    lenient = saver.with_allowlist([(type(value).__module__, type(value).__name__)])
    with pytest.raises(UnsavableValueError, match=reason) as refused:
        put(lenient, config(), {"plans": [value]})
    assert "channel 'plans'" in str(refused.value)


def test_a_stored_value_whose_class_changed_is_an_error(saver: SQLSaver, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = saver.with_allowlist([(Plan.__module__, "Plan")])
    put(keeper, config(), {"plan": Plan("x")})
    monkeypatch.setitem(globals(), "Plan", dataclasses.make_dataclass("Plan", ["aim"]))
    with pytest.raises(UnrestorableValueError, match=r"channel 'plan'.*Plan cannot be restored"):
        keeper.get_tuple(config())


def test_an_allow_list_is_a_clone_on_the_same_database(saver: SQLSaver) -> None:
    wider = saver.with_allowlist([(SecretStr.__module__, SecretStr.__name__), (Colour.__module__, "Colour")])
    put(wider, config(), {"a": Colour.RED, "b": SecretStr("s")})
    found = wider.get_tuple(config())
    assert found
    assert found.checkpoint["channel_values"] == {"a": Colour.RED, "b": SecretStr("s")}
    assert wider.with_allowlist([(Colour.__module__, "Colour")]) is wider
    with pytest.raises(UnrestorableValueError):
        saver.get_tuple(config())


def test_a_graph_with_a_class_that_is_not_allowed_fails_and_stays_readable(saver: SQLSaver) -> None:
    class State(TypedDict, total=False):
        n: int
        plan: Plan

    graph = StateGraph(State)
    graph.add_node("plan", lambda state: {"plan": Plan("x"), "n": 2})
    graph.add_edge(START, "plan")
    with pytest.raises(UnsavableValueError, match=r"allow=\[Plan\]"):
        graph.compile(checkpointer=saver).invoke({"n": 1}, config())
    assert graph.compile(checkpointer=saver).get_state(config()).values == {"n": 1}
    repaired = graph.compile(checkpointer=saver.with_allowlist([(Plan.__module__, "Plan")]))
    assert repaired.invoke(None, config()) == {"n": 2, "plan": Plan("x")}


def test_arrays_survive_and_arrays_of_objects_are_refused() -> None:
    numpy = pytest.importorskip("numpy")
    serde = StrictSerializer()
    array = numpy.arange(6).reshape(2, 3)
    assert (serde.loads_typed(serde.dumps_typed([array]))[0] == array).all()
    with pytest.raises(Exception, match="cannot be rebuilt"):
        serde.dumps_typed(numpy.array([object()]))
