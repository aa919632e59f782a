"""Serializers of the program's, and classes that were renamed: nothing weakens silently or comes back as another."""

import dataclasses
import pickle
from typing import Any, cast

import pytest
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.serde.base import CipherProtocol
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from pydantic import BaseModel

from tests.checkpoints.chain import config, put
from threadloom.checkpoints import SQLSaver
from threadloom.checkpoints.codec import StrictSerializer
from threadloom.checkpoints.errors import InvalidRequestError, UnrestorableValueError, UnsavableValueError


@dataclasses.dataclass
class Old:
    goal: str


@dataclasses.dataclass
class New:
    goal: str
    due: str = "never"


class Model(BaseModel):
    name: str


class Slotted:
    """A class that only its own serializer can take apart."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Slotted) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)


class Texts:
    """A serializer of the program's."""

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        return "text", obj.text.encode()

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        assert data[0] == "text"
        return Slotted(data[1].decode())


class Pickles:
    """One in LangGraph's older form."""

    def dumps(self, obj: Any) -> bytes:
        return pickle.dumps(obj)

    def loads(self, data: bytes) -> Any:
        return pickle.loads(data)


class Dicts(Texts):
    """One that loses the class."""

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        return {"text": data[1].decode()}


VALUE = {"deep": [Slotted("a"), HumanMessage("hi", id="1"), {"x": Slotted("b" * 2000)}]}


@pytest.fixture
def stored(url: str) -> str:
    """A database with an object of a class that has been renamed since."""
    with SQLSaver(url, allow=[Old]) as saver:
        put(saver, config(), {"plan": [Old("x")]})
    return url


def _read(saver: SQLSaver) -> Any:
    found = saver.get_tuple(config())
    assert found
    return found.checkpoint["channel_values"]


@pytest.mark.parametrize("serde", [Texts(), Pickles()], ids=lambda serde: type(serde).__name__)
def test_another_serializer_gets_the_objects_that_ours_refuses(url: str, serde: Any) -> None:
    with SQLSaver(url, serde=serde, allow=[Old]) as saver:
        put(saver, config(), {"a": VALUE, "b": Slotted("c"), "c": Old("x")})
        assert _read(saver) == {"a": VALUE, "b": Slotted("c"), "c": Old("x")}
        assert _read(saver.with_allowlist([(New.__module__, "New")]))["a"] == VALUE  # type: ignore[arg-type]  # a clone is one
        assert list(saver.verify()) == []
    with SQLSaver(url, serde=serde, allow=[Old]) as saver:
        assert _read(saver)["a"] == VALUE
    with SQLSaver(url, allow=[Old]) as saver:
        with pytest.raises(UnrestorableValueError, match=r"Slotted cannot be .*another serializer.*serde=…"):
            _read(saver)
        assert {(p.kind, p.channel, p.type_name) for p in saver.verify()} == {
            ("unrestorable", channel, f"{__name__}.Slotted") for channel in "ab"
        }


def test_what_another_serializer_changes_or_refuses_is_not_saved(url: str) -> None:
    with (
        SQLSaver(url, serde=Dicts()) as saver,
        pytest.raises(UnsavableValueError, match=r"comes back .* builtins\.dict"),
    ):
        put(saver, config(), {"a": [Slotted("a")]})
    with SQLSaver(url, serde=Texts()) as saver:
        with pytest.raises(
            UnsavableValueError, match=r"channel 'a' .*Old.* refused by the serializer Texts \(Attribute"
        ):
            put(saver, config(), {"a": [Old("a")]})
        assert saver.get_tuple(config()) is None


def test_a_serializer_of_langgraph_lends_its_allow_list(url: str) -> None:
    lending = JsonPlusSerializer(allowed_msgpack_modules=[(Old.__module__, "Old")])
    for serde in (lending, StrictSerializer([Old])):
        with SQLSaver(url, serde=serde, allow=[Model]) as saver:
            put(saver, config(), {"a": Old("x"), "b": Model(name="n")})
            assert _read(saver) == {"a": Old("x"), "b": Model(name="n")}
            with pytest.raises(UnsavableValueError, match=r"allow=\[New\]"):
                put(saver, config(), {"a": New("x")})


@pytest.mark.parametrize(
    ("serde", "remedy"),
    [
        (JsonPlusSerializer(pickle_fallback=True), r"allow=\[MyClass\]"),
        (EncryptedSerializer(cast("CipherProtocol", None)), "encryption=Encryption"),
        (object(), "no serializer"),
    ],
    ids=["pickles", "encrypts", "is none"],
)
def test_a_serializer_that_would_weaken_is_refused(url: str, serde: Any, remedy: str) -> None:
    with pytest.raises(InvalidRequestError, match=remedy):
        SQLSaver(url, serde=serde)


def test_a_renamed_class_comes_back_under_its_new_name(stored: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(globals(), "Old")
    name = f"{__name__}:Old"
    for allow in ([], [(__name__, "Old")]):
        with SQLSaver(stored, allow=allow) as saver, pytest.raises(UnrestorableValueError) as lost:
            _read(saver)
        assert f'aliases={{"{name}": …}}' in str(lost.value)
        with SQLSaver(stored, allow=allow) as saver:
            assert [p.type_name for p in saver.verify()] == [f"{__name__}.Old"]
    with SQLSaver(stored, aliases={name: New}) as saver:
        for each in (saver, saver.with_allowlist([(Model.__module__, "Model")])):
            assert _read(each)["plan"] == [New("x")]  # type: ignore[arg-type]  # a clone is one
        assert list(saver.verify()) == []
        put(saver, config(), {"plan": New("y")})  # and the new one is allowed
        assert _read(saver) == {"plan": New("y")}


def test_an_alias_that_does_not_fit_is_a_clear_error(stored: str) -> None:
    refused = pytest.raises(UnrestorableValueError, match=r"Old cannot be restored: it cannot be rebuilt \(Valid")
    with SQLSaver(stored, aliases={f"{__name__}:Old": Model}) as saver, refused:
        _read(saver)
    with pytest.raises(InvalidRequestError, match="'Old' names no class: write it as module:Name"):
        SQLSaver(stored, aliases={"Old": New})
