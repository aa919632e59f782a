"""Equal parts are stored once, whatever is edited, forked, pruned or copied, and everything reads back as it was."""

import copy
import dataclasses
import datetime as dt
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.types import _DeltaSnapshot
from langgraph.graph import START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Overwrite, Send
from sqlalchemy import create_engine, func, select
from sqlalchemy.pool import StaticPool
from typing_extensions import TypedDict

from tests.checkpoints.chain import BEFORE, KEYS, TABLES, config, put
from threadloom.checkpoints import Encryption, SQLSaver, elements, tree
from threadloom.checkpoints.cache import Cache, Ledger
from threadloom.checkpoints.codec import StrictSerializer
from threadloom.checkpoints.errors import DamagedElementError, UnrestorableValueError
from threadloom.checkpoints.session import Session

SERDE = StrictSerializer()


class Text(str):
    """A subclass, which comes back plain."""

    __slots__ = ()


@contextmanager
def _tiny() -> Iterator[None]:
    """Trees of several levels from a few items."""
    with mock.patch.multiple(tree, SMALL=8, ATOM=12, ROOT=60, LEVEL=40, NODE=12, WIDEST_NODE=60, CUT=1):
        yield


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | TEXTS
LEAVES = (
    SCALARS
    | st.binary(max_size=30)
    | st.builds(Text, TEXTS)
    | st.datetimes()
    | st.frozensets(st.integers(0, 99), max_size=3)
    | st.tuples(TEXTS, st.lists(TEXTS))
    | st.builds(HumanMessage, TEXTS, id=TEXTS, name=TEXTS | st.none())
    | st.builds(AIMessage, TEXTS, additional_kwargs=st.dictionaries(TEXTS, SCALARS), extra=SCALARS)
    | st.builds(ToolMessage, TEXTS, tool_call_id=TEXTS, artifact=SCALARS | st.datetimes())
    | st.builds(Send, TEXTS, SCALARS)
)
NAMES = TEXTS | st.integers(-9, 9) | st.tuples(TEXTS, st.integers(0, 9)) | st.none()
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=12) | st.dictionaries(NAMES, inner, max_size=8), max_leaves=40
)


def _encoded(value: Any, cache: Cache) -> tuple[str, bytes, tree.Elements]:
    encoder = tree.Encoder(SERDE, cache)
    return *encoder.encode(value), encoder.elements


def _decoded(kind: str, data: bytes, parts: tree.Elements, cache: Cache) -> Any:
    if kind in ("msgpack", tree.TREE):
        return tree.Decoder(SERDE, cache, parts).read(data)
    return SERDE.loads_typed((kind, data))


@settings(max_examples=60, deadline=None)
@given(value=VALUES, snapshot=st.booleans(), size=st.sampled_from([0, 3000, 10**6]))
def test_a_tree_reads_back_as_the_plain_encoding_does(value: Any, snapshot: bool, size: int) -> None:
    value = _DeltaSnapshot(value) if snapshot else value
    expected = SERDE.loads_typed(SERDE.dumps_typed(value))
    cache = Cache(size)
    with _tiny():
        stored = _encoded(value, cache)
        for _ in range(3):  # read, then copied from what was read, and encoded again
            assert _typed(_decoded(*stored, cache)) == _typed(expected)
        assert _encoded(value, cache)[:2] == stored[:2] == _encoded(value, Cache(0))[:2]
        assert set(tree.references_in(stored[1]) if stored[0] == tree.TREE else ()) <= stored[2].keys()
        for element in stored[2].values():
            assert list(element.references) == tree.references_in(element.data)
            assert tree.renamed(element.data, {}) == element.data
        if stored[0] == tree.TREE:
            names = {digest: bytes(reversed(digest)) for digest in stored[2]}
            renamed = tree.renamed(stored[1], names)
            assert tree.references_in(renamed) == [names[digest] for digest in tree.references_in(stored[1])]
            assert tree.renamed(renamed, {name: digest for digest, name in names.items()}) == stored[1]


def _typed(value: Any) -> Any:
    """A value with the types of its parts, since 1 == True."""
    if isinstance(value, dict):
        return [(repr(key), _typed(item)) for key, item in value.items()]
    if isinstance(value, list):
        return [_typed(item) for item in value]
    if hasattr(value, "__pydantic_fields_set__"):
        return type(value), _typed(value.__dict__), value.__pydantic_fields_set__, value.__pydantic_extra__
    return type(value), value


def test_what_changes_writes_little() -> None:
    rng = random.Random(1)

    def message() -> HumanMessage:
        return HumanMessage("".join(rng.choices("abc ", k=500)), id=str(rng.random()))

    messages: list[Any] = [message() for _ in range(1000)]
    files = {f"src/{n}.py": "".join(rng.choices("abc ", k=5000)) for n in range(200)}
    edits: dict[str, Any] = {
        "nothing": lambda: None,
        "append": lambda: messages.append(message()),
        "remove the first": lambda: messages.pop(0),
        "insert": lambda: messages.insert(500, message()),
        "change in place": lambda: setattr(messages[300], "content", "y" * 500),
        "edit a file": lambda: files.update({"src/77.py": "x" * 5000}),
        "delete a file": lambda: files.pop("src/99.py"),
    }
    known: set[bytes] = set()
    written = {}
    for name, edit in {"all": lambda: None, **edits}.items():
        edit()
        _, data, parts = _encoded({"deep": [messages, files]}, Cache(10**6))
        written[name] = len(data) + sum(len(parts[d].data) for d in parts.keys() - known)
        known |= parts.keys()
    assert written["all"] > 1_500_000
    assert written["nothing"] < 1500
    assert max(written[name] for name in edits if "file" not in name) < 8_000
    assert max(written[name] for name in edits if "file" in name) < 12_000


@dataclasses.dataclass
class Note:
    text: str
    due: dt.date


def test_any_type_is_a_leaf(url: str) -> None:
    numpy = pytest.importorskip("numpy")
    values = {
        "array": numpy.arange(1000.0),
        "arrays": [numpy.arange(n) for n in range(200)],
        "notes": [Note("n" * n, dt.date(2026, 1, 1)) for n in range(200)],
        "set": set(range(2000)),
        "bytes": b"x" * 5000,
        "mutable": bytearray(b"x" * 5000),
        "text": "x" * 5000,
        "deep": [[[[[[[[[[[[[[[[[[[[["x" * 100] * 3]]]]]]]]]]]]]]]]]]]],
    }
    with SQLSaver(url, allow=[Note]) as saver:
        put(saver, config(), values)
    with SQLSaver(url, allow=[Note]) as cold:
        found = cold.get_tuple(config())
    assert found
    restored = found.checkpoint["channel_values"]
    for key in ("array", "arrays"):
        assert repr(restored.pop(key)) == repr(values.pop(key))
    assert restored == values
    assert type(restored["mutable"]) is bytearray


class Edited:
    """Ids and values of every checkpoint in two savers, driven by the same operations."""

    def __init__(self, ours: SQLSaver) -> None:
        self.ours, self.theirs = ours, InMemorySaver()
        self.state: dict[str, Any] = {"list": [], "dict": {}}
        self.threads: dict[str, list[str]] = {"t": []}
        self.count = 0

    def put(self, thread: str, parent: int, ns: str) -> None:
        self.count += 1
        checkpoint_id, past = f"{self.count:05}", self.threads.setdefault(thread, [])
        at = config(thread, ns, **({"checkpoint_id": past[parent % len(past)]} if past else {}))
        for saver in (self.ours, self.theirs):
            new: Any = put(saver, at, self.state, checkpoint_id)
            saver.put_writes(new, [("list", self.state["list"][-3:]), ("dict", self.state)], f"task-{self.count}")
        past.append(checkpoint_id)

    def edit(self, kind: str, place: int, value: Any) -> None:
        items, entries = self.state["list"], self.state["dict"]
        match kind:
            case "append":
                items += [copy.deepcopy(value) for _ in range(1 + place % 20)]
            case "change" if items and isinstance(message := items[place % len(items)], HumanMessage):
                message.content = f"changed {place}"
            case "nest" if items:
                items[place % len(items)] = [value, *items[:5]]
            case "delete" if items:
                del items[place % len(items)]
            case "shuffle":
                random.Random(place).shuffle(items)
            case "set":
                entries[f"key {place % 30}"] = value
            case "drop":
                entries.pop(f"key {place % 30}", None)
            case "grow":
                entries.setdefault("inner", []).append(value)

    def copy(self, target: str) -> None:
        if "t" in self.threads and target not in self.threads and self.threads["t"]:
            self.ours.copy_thread("t", target)
            self.threads[target] = list(self.threads["t"])
            for item in reversed(list(self.theirs.list(config("t") | {"configurable": {"thread_id": "t"}}))):
                self._again(item, target)

    def _again(self, item: Any, target: str) -> None:
        place = item.config["configurable"]
        parent = item.parent_config and item.parent_config["configurable"]["checkpoint_id"]
        at = config(target, place["checkpoint_ns"], **({"checkpoint_id": parent} if parent else {}))
        new = self.theirs.put(at, item.checkpoint, item.metadata, item.checkpoint["channel_versions"])
        for task in {task for task, _, _ in item.pending_writes}:
            self.theirs.put_writes(new, [(channel, value) for _, channel, value in item.pending_writes], task)

    def prune(self, thread: str) -> None:
        self.ours.prune([thread])

    def check(self) -> None:
        for thread in self.threads:
            theirs = {_id(item): item for item in self.theirs.list({"configurable": {"thread_id": thread}})}
            for item in self.ours.list({"configurable": {"thread_id": thread}}):
                _same(item, theirs[_id(item)])
                single = self.ours.get_tuple(item.config)
                assert single
                _same(single, item)


def _id(item: Any) -> tuple[str, str]:
    place = item.config["configurable"]
    return place["checkpoint_ns"], place["checkpoint_id"]


def _same(one: Any, other: Any) -> None:
    assert _typed(one.checkpoint["channel_values"]) == _typed(other.checkpoint["channel_values"])
    values = [[_typed((channel, value)) for _, channel, value in item.pending_writes] for item in (one, other)]
    assert values[0] == values[1]


def unsound(session: Session) -> dict[str, int]:
    """How many elements are missing, and how many are in no use."""
    tables = session.tables
    parts = session.opened(tables.elements, session.execute(select(tables.elements)))
    stored = {(part.thread_id, part.digest): part.data for part in parts}
    wanted = {
        (row.thread_id, digest)
        for table in (tables.values, tables.writes)
        for row in session.opened(table, session.execute(select(table).where(table.c.type == tree.TREE)))
        for digest in tree.references_in(row.data)
    }
    used: set[tuple[str, bytes]] = set()
    while wanted:
        used |= wanted
        wanted = {(t, d) for t, upper in wanted for d in tree.references_in(stored.get((t, upper), b"\xc0"))} - used
    return {"missing": len(used - stored.keys()), "unused": len(stored.keys() - used)}


ITEMS = st.one_of(
    st.builds(HumanMessage, TEXTS, id=TEXTS),
    TEXTS,
    st.lists(SCALARS, max_size=4),
    st.text("xy", min_size=90, max_size=99),
)
OPERATIONS = st.one_of(
    st.tuples(
        st.just("edit"),
        st.sampled_from(["append", "append", "change", "nest", "delete", "shuffle", "set", "drop", "grow"]),
        st.integers(0, 99),
        ITEMS,
    ),
    st.tuples(st.just("put"), st.sampled_from("tu"), st.sampled_from([-1, -1, -1, 0, 3]), st.sampled_from(["", "n"])),
    st.tuples(st.just("copy"), st.sampled_from("uv")),
    st.tuples(st.just("prune"), st.sampled_from("tuv")),
    st.tuples(st.sampled_from(["restart", "rotate", "rekey"])),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(operations=st.lists(OPERATIONS, min_size=5, max_size=30), cache_bytes=st.sampled_from([0, 5000, 10**7]))
def test_any_sequence_of_edits_reads_back(
    encryption: Encryption | None, operations: list[tuple[Any, ...]], cache_bytes: int
) -> None:
    assume(any(operation[0] == "put" for operation in operations))
    engine = create_engine("sqlite://", poolclass=StaticPool)  # outlives the savers on it
    with _tiny():
        edited = Edited(SQLSaver(engine, encryption=encryption, cache_bytes=cache_bytes))
        for name, *arguments in [*operations, ("prune", "t")]:
            if name in ("restart", "rotate", "rekey"):
                edited.ours.close()
                encryption = _turned(encryption, name)
                edited.ours = SQLSaver(engine, encryption=encryption, cache_bytes=cache_bytes)
                if name == "rekey":
                    edited.ours.rekey()
            else:
                getattr(edited, name)(*arguments)
            found = edited.ours._database.read(unsound)
            assert found == {"missing": 0, "unused": 0}
        edited.check()
        assert list(edited.ours.verify()) == []
        edited.ours.close()
    engine.dispose()


def _turned(encryption: Encryption | None, name: str) -> Encryption | None:
    """The same keys with another current one; plain text stays, or is to be encrypted."""
    if encryption is None:
        return KEYS if name == "rekey" else None
    return encryption if name == "restart" else BEFORE if encryption is KEYS else KEYS


def _count(saver: SQLSaver) -> int:
    count: int = saver._database.read(
        lambda c: c.execute(select(func.count()).select_from(TABLES.elements)).scalar_one()
    )
    return count


def test_a_message_that_is_written_and_then_in_the_channel_is_stored_once(saver: SQLSaver) -> None:
    class State(TypedDict):
        messages: Annotated[list[AnyMessage], add_messages]

    graph = StateGraph(State)
    graph.add_node("chat", lambda state: {"messages": [AIMessage("answer " * 50, id="a")]})
    graph.add_edge(START, "chat")
    compiled = graph.compile(checkpointer=saver)
    compiled.invoke({"messages": [HumanMessage("question " * 50, id="h")]}, config())
    assert _count(saver) == 2
    once_more: Any = {"messages": Overwrite([HumanMessage("question " * 50, id="h")])}
    again = compiled.invoke(once_more, config())
    assert [m.id for m in again["messages"]] == ["h", "a"]
    assert _count(saver) == 3  # an Overwrite is one leaf


def test_what_another_process_deleted_meanwhile_is_stored_again(url: str) -> None:
    long = ["a" * 100, "b" * 100]
    with SQLSaver(url) as one, SQLSaver(url) as other:
        first = put(one, config(), {"x": long})
        other.delete_thread("t")
        put(one, first, {"x": long})
        put(one, first, {"y": 1})
        other.prune(["t"])
        put(one, first, {"x": long})
        assert other._database.read(unsound) == {"missing": 0, "unused": 0}
        found = other.get_tuple(config())
        assert found
        assert found.checkpoint["channel_values"] == {"x": long}


def test_what_was_rolled_back_is_not_taken_for_stored(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    long = ["a" * 100, "b" * 100]
    with SQLSaver(url) as saver:
        at = put(saver, config())

        def fail(*_: Any) -> Any:
            raise ZeroDivisionError  # after the elements

        with monkeypatch.context() as patched:
            patched.setattr(Session, "insert_or_replace", fail)
            with pytest.raises(ZeroDivisionError):
                put(saver, at, {"x": long})
        put(saver, at, {"x": long})
        assert saver._database.read(unsound) == {"missing": 0, "unused": 0}


def test_a_missing_element_is_a_clear_error(url: str) -> None:
    with SQLSaver(url) as saver:
        put(saver, config(), {"x": ["a" * 100]})
        saver._database.write(lambda session: session.execute(TABLES.elements.delete()))
    with SQLSaver(url) as saver, pytest.raises(UnrestorableValueError, match=r"thread 't', channel 'x': .* is missing"):
        saver.get_tuple(config())


def _damage(saver: SQLSaver, length: int) -> None:
    """Change a letter in the elements of a thread of so many bytes: what they are then can be read."""

    def change(session: Session) -> None:
        table = saver._tables.elements
        for row in session.execute(select(table).where(func.length(table.c.data) > length)).all():
            at = row.data.index(b"aaaa") + 2
            changed = table.update().where(table.c.thread_id == "t", table.c.digest == row.digest)
            session.execute(changed.values(data=row.data[:at] + b"b" + row.data[at + 1 :]))

    saver._database.write(change)


def test_a_damaged_element_is_served_to_nobody(new_url: str) -> None:
    with SQLSaver(new_url) as saver:
        at = put(saver, config(), {"x": ["a" * 100]})
        saver.put_writes(at, [("x", ["a" * 100])], "task")
        put(saver, config("other"), {"x": 1})
        _damage(saver, 64)
    with SQLSaver(new_url) as saver:
        for read in (saver.get_tuple, lambda of: [*saver.list(of)]):
            with pytest.raises(DamagedElementError, match=r"thread 't': .*`threadloom db verify`") as refused:
                read(config())
            assert refused.value.thread_id == "t"
        assert [problem.kind for problem in saver.verify("t")] == ["damaged"] * 2
        put(saver, config("other"), {"x": ["a" * 100]})
    with SQLSaver(new_url) as saver:
        found = saver.get_tuple(config("other"))
        assert found
        assert found.checkpoint["channel_values"] == {"x": ["a" * 100]}


def test_damage_is_not_made_good_by_other_keys_or_a_file(url: str, tmp_path: Path) -> None:
    with SQLSaver(url) as saver:
        put(saver, config(), {"x": ["a" * 100]})
        _damage(saver, 64)
        with pytest.raises(DamagedElementError):
            saver.export_thread("t", tmp_path / "t.thread")
        assert [*tmp_path.glob("t.thread*")] == []
    with SQLSaver(url, encryption=KEYS) as saver, pytest.raises(DamagedElementError):
        saver.rekey()


def test_a_damaged_node_costs_no_elements(plain_saver: SQLSaver) -> None:
    put(plain_saver, put(plain_saver, config(), {"x": []}), {"x": [[f"aaaa{n}" * 20] for n in range(200)]})
    elements = plain_saver._tables.elements
    changed = elements.update().where(elements.c.inner).values(data=b"\x90")  # an empty list
    plain_saver._database.write(lambda session: session.execute(changed))
    before = plain_saver.sizes()[0].elements
    with pytest.raises(DamagedElementError):
        plain_saver.prune(["t"])
    assert plain_saver.sizes()[0].elements == before


def test_a_warm_saver_reads_only_what_it_has_not_seen(url: str) -> None:
    with SQLSaver(url) as one, SQLSaver(url) as other:
        at = put(one, config(), {"x": ["a" * 100, "b" * 100]})
        assert other.get_tuple(config())
        put(one, at, {"x": ["a" * 100, "b" * 100, "c" * 100]})
        read: list[bytes] = []
        real = elements._read

        def watched(session: Session, keys: Any) -> Any:
            read.extend(digest for _, digest in keys)
            return real(session, keys)

        with mock.patch.object(elements, "_read", watched):
            assert other.get_tuple(config())
            assert len(read) == 1
            assert one.get_tuple(config())
            assert len(read) == 1


def test_snapshots_share_nothing_that_a_caller_could_change_but_messages(saver: SQLSaver) -> None:
    value = {"list": [HumanMessage("x" * 100, id="1"), {"a": ["y" * 5000]}], "dict": {"k": ["z" * 5000]}}
    put(saver, put(saver, config(), value), value)
    for _ in range(2):
        first, second = saver.list(config())
        first.checkpoint["channel_values"]["list"][1]["a"].append("mine")
        first.checkpoint["channel_values"]["dict"]["k"].clear()
        assert second.checkpoint["channel_values"] == value
        single = saver.get_tuple(config())
        assert single
        single.checkpoint["channel_values"]["list"][0].content = "mine"
        again = saver.get_tuple(config())
        assert again
        assert again.checkpoint["channel_values"] == value


def test_a_stricter_saver_refuses_what_a_wider_one_remembers(url: str) -> None:
    notes = [Note("n" * 100, dt.date(2026, 1, 1))]
    with SQLSaver(url) as strict:
        wide: BaseCheckpointSaver[str] = strict.with_allowlist([(Note.__module__, "Note")])
        put(wide, config(), {"x": notes})
        assert wide.get_tuple(config())
        with pytest.raises(UnrestorableValueError, match="Note"):
            strict.get_tuple(config())


def test_the_cache_stays_below_its_limit() -> None:
    cache = Cache(100_000)
    for number in range(1000):
        cache.put(number, bytes(1000), 1000)
        assert cache.get(0 if number < 20 else number) is not None
    held = sum(1 for number in range(1000) if cache.get(number) is not None)
    assert 10 < held <= 100
    ledger = Ledger(128 * 10)
    for number in range(30):
        ledger.learn(f"{number}", 1, [bytes([number])])
    assert ledger.of("29")[:2] == (1, {bytes([29])})
    assert ledger.of("0")[:2] == (None, set())
    ledger.learn("29", 2, [b"new"])
    assert ledger.of("29")[:2] == (2, {b"new"})


def test_a_thread_that_comes_back_has_another_epoch(saver: SQLSaver) -> None:
    epochs = []
    for _ in range(2):
        put(saver, config(), {"x": ["a" * 100]})
        epochs.append(saver._database.read(lambda c: c.execute(select(TABLES.threads.c.epoch)).scalar_one()))
        saver.delete_thread("t")
    assert epochs[0] != epochs[1]
