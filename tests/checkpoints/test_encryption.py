"""Sealed bytes: only the right key at the right place opens them, and no message shows a key."""

import base64
from typing import Any

import ormsgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadloom.checkpoints import Encryption
from threadloom.checkpoints.codec import StrictSerializer
from threadloom.checkpoints.encryption import key_id_of
from threadloom.checkpoints.errors import (
    BrokenSealError,
    EncryptionError,
    InvalidKeyError,
    MissingKeyError,
    NotEncryptedError,
)

KEY, OLD = bytes(range(32)), bytes(range(32, 64))
BOTH = Encryption({"2026": KEY, "2025": OLD})
FORMER = Encryption({"2025": OLD})


@given(st.text(), st.binary(), st.binary())
def test_what_was_sealed_opens_at_its_place(thread_id: str, place: bytes, data: bytes) -> None:
    sealed = BOTH.seal(thread_id, place, data)
    assert BOTH.open(thread_id, place, sealed) == data
    assert key_id_of(sealed) == "2026"
    assert len(sealed) == len(data) + 35
    assert BOTH.seal(thread_id, place, data) != sealed


@given(st.binary(max_size=40), st.integers(0, 10**6), st.integers(1, 255))
def test_no_changed_or_moved_byte_opens(data: bytes, at: int, change: int) -> None:
    sealed = bytearray(BOTH.seal("t", b"place", data))
    sealed[at % len(sealed)] ^= change
    for thread_id, place, changed in (
        ("t", b"place", bytes(sealed)),
        ("t", b"place", BOTH.seal("t", b"place", data)[: at % (len(sealed) - 1)]),
        ("u", b"place", BOTH.seal("t", b"place", data)),
        ("t", b"elsewhere", BOTH.seal("t", b"place", data)),
    ):
        with pytest.raises(EncryptionError):
            BOTH.open(thread_id, place, changed)


@given(st.recursive(st.none() | st.integers(-5, 300) | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_nothing_plain_can_be_taken_for_sealed(value: Any) -> None:
    _, plain = StrictSerializer().dumps_typed(value)
    assert key_id_of(plain) is None
    with pytest.raises(NotEncryptedError, match=r"thread 't' holds plain text.*db rekey"):
        BOTH.open("t", b"", plain)
    with pytest.raises(ValueError, match="Reserved"):
        ormsgpack.unpackb(BOTH.seal("t", b"", plain))


def test_a_bytearray_is_a_document_too() -> None:
    serde, value = StrictSerializer(), bytearray(BOTH.seal("t", b"", b"x"))
    kind, plain = serde.dumps_typed(value)
    assert key_id_of(plain) is None
    assert serde.loads_typed((kind, plain)) == value
    assert type(serde.loads_typed((kind, plain))) is bytearray


def test_an_older_key_reads_and_a_missing_or_another_one_does_not() -> None:
    sealed = FORMER.seal("t", b"", b"x")
    assert BOTH.open("t", b"", sealed) == b"x"
    assert [sealed.startswith(keys.header) for keys in (BOTH, FORMER)] == [False, True]
    with pytest.raises(MissingKeyError, match=r"with the key '2026', and the keys here are 2025") as missing:
        FORMER.open("t", b"", BOTH.seal("t", b"", b"x"))
    assert missing.value.key_id == "2026"
    with pytest.raises(BrokenSealError, match=r"another key of the same id"):
        Encryption({"2025": KEY}).open("t", b"", sealed)
    with pytest.raises(EncryptionError, match="format 02"):
        BOTH.open("t", b"", b"\xc1\x02" + sealed[2:])


def test_names_differ_by_thread_and_by_key() -> None:
    names = {keys.naming_key(thread) for keys in (BOTH, FORMER) for thread in ("t", "u")}
    assert len(names) == 4
    assert Encryption({"x": KEY}).naming_key("t") == BOTH.naming_key("t")


@pytest.mark.parametrize(
    "text",
    [KEY.hex(), KEY.hex().upper(), base64.b64encode(KEY).decode(), base64.urlsafe_b64encode(KEY).decode(), KEY],
    ids=["hex", "upper", "base64", "urlsafe", "bytes"],
)
def test_a_key_is_bytes_or_text(text: bytes | str) -> None:
    sealed = Encryption({"k": text}).seal("t", b"", b"x")
    assert Encryption({"k": KEY}).open("t", b"", sealed) == b"x"


def test_keys_are_read_from_text() -> None:
    text = f"# since January\n2026 = {KEY.hex()}   # now\n\n2025={base64.b64encode(OLD).decode()}\n"
    for parsed in (Encryption.parse(text), Encryption.parse(f"2026={KEY.hex()},2025={OLD.hex()}")):
        assert (parsed.key_ids, parsed.current) == (("2026", "2025"), "2026")
        assert parsed.open("t", b"", FORMER.seal("t", b"", b"x")) == b"x"
    assert Encryption({"a": KEY, "b": OLD}, current="b").header == Encryption({"b": OLD}).header


@pytest.mark.parametrize(
    "text", ["", "#", KEY.hex(), f"a={KEY.hex()},a={OLD.hex()}", f"={KEY.hex()}", f"{'a' * 33}={KEY.hex()}", "a=1", "a"]
)
def test_what_is_no_key_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(InvalidKeyError) as refused:
        Encryption.parse(text)
    assert KEY.hex() not in str(refused.value)


def test_keys_are_not_shown() -> None:
    with pytest.raises(InvalidKeyError, match="openssl rand"):
        Encryption({"a": KEY[:31]})
    with pytest.raises(InvalidKeyError, match="'c' is not among the keys: a"):
        Encryption({"a": KEY}, current="c")
    assert KEY.hex() not in repr(BOTH)
    assert repr(KEY) not in f"{BOTH!r}"
