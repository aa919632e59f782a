"""Values that pretend, change under the pen, alias one another or go deep: kept as they were, or refused."""

import copy
from pathlib import Path
from typing import Any

import ormsgpack
import pytest
from langchain_core.messages import HumanMessage

from tests.checkpoints.chain import config, put
from tests.checkpoints.test_sharing import unsound
from threadloom.checkpoints import SQLSaver, tree
from threadloom.checkpoints.cache import Cache
from threadloom.checkpoints.codec import StrictSerializer
from threadloom.checkpoints.errors import UnsavableValueError


def test_what_pretends_to_be_an_encoded_object_is_refused(saver: SQLSaver) -> None:
    """An extension with our code would be taken for a reference, one with LangGraph's for an object."""
    for code in (0, 5, tree.REFERENCE, tree.LIST, 99):
        false = ormsgpack.Ext(code, b"x" * 16)
        message = HumanMessage("x", additional_kwargs={"a": false}) if code > 7 else false
        for value in (false, [false], {"a": [false, "x" * 9000]}, message, [message]):
            with pytest.raises(UnsavableValueError, match=r"channel 'x' holds a ormsgpack\.Ext"):
                put(saver, config(), {"x": value})
    put(saver, config(), {"x": ["\u01c0\u0501\u0627" * 100, 1e300, 2**63]})  # whose bytes look alike
    found = saver.get_tuple(config())
    assert found
    assert found.checkpoint["channel_values"] == {"x": ["\u01c0\u0501\u0627" * 100, 1e300, 2**63]}


def test_a_message_that_changes_while_it_is_saved_is_not_mistaken_for_another_later() -> None:
    """Saving runs beside the next node, which may change a message in place between two looks at it."""
    cache, message = Cache(10**6), HumanMessage("before", id="1")

    class Late(StrictSerializer):
        def pack(self, obj: Any) -> bytes:
            message.content = "after"
            return super().pack(obj)

    tree.Encoder(Late(), cache).encode([message])
    encoder = tree.Encoder(StrictSerializer(), cache)
    _, data = encoder.encode([HumanMessage("before", id="1")])
    assert tree.Decoder(StrictSerializer(), cache, encoder.elements).read(data)[0].content == "before"


def test_two_databases_and_a_thread_of_the_same_name(tmp_path: Path) -> None:
    """What is known to be stored in one is not taken for stored in the other."""
    long = ["a" * 100, "b" * 100]
    with SQLSaver(f"sqlite:///{tmp_path}/one.db") as one, SQLSaver(f"sqlite:///{tmp_path}/two.db") as two:
        for saver in (one, two, one):
            put(saver, config(), {"x": long})
            assert saver._database.read(unsound) == {"missing": 0, "unused": 0}
            saver.delete_thread("t")


def test_a_copy_outlives_its_source(saver: SQLSaver) -> None:
    long = ["a" * 100, "b" * 100]
    put(saver, config(), {"x": long})
    saver.copy_thread("t", "copy")
    saver.delete_thread("t")
    put(saver, config(), {"x": long})
    assert saver._database.read(unsound) == {"missing": 0, "unused": 0}
    found = saver.get_tuple(config("copy"))
    assert found
    assert found.checkpoint["channel_values"] == {"x": long}


def test_what_a_caller_changes_afterwards_changes_nothing_stored(saver: SQLSaver) -> None:
    message = HumanMessage("x" * 100, id="1")
    value: Any = [message, message, {"k": ["y" * 100]}]
    before = copy.deepcopy(value)
    put(saver, config(), {"x": value})
    message.content = "changed"
    value[2]["k"].append(1)
    for _ in range(2):
        found = saver.get_tuple(config())
        assert found
        read = found.checkpoint["channel_values"]["x"]
        assert read == before
        read[0].content = "mine"  # the same object twice comes back as two
        assert read[1].content == "x" * 100
        read[2]["k"].clear()


@pytest.mark.parametrize("depth", [60, 125, 300, 5000])
def test_deep_nesting_is_read_back_or_refused(url: str, depth: int) -> None:
    value: Any = ["x" * 100]
    for number in range(depth):
        value = [value] if number % 2 else {"k": value}
    with SQLSaver(url) as saver:
        if depth > 150:
            with pytest.raises(UnsavableValueError, match="Recursion limit"):
                put(saver, config(), {"x": value})
            return
        put(saver, config(), {"x": value})
    with SQLSaver(url) as saver:
        found = saver.get_tuple(config())
        assert found
        assert repr(found.checkpoint["channel_values"]["x"]) == repr(value)
