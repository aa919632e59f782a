"""Messages, the values that threads are full of, recognised and rebuilt without encoding or validating them again.

A message whose fields are plain data is known by its class and the packed bytes of its `__dict__`, which cost 0.2 µs
to make where its encoding costs 2 and reading that back 6. Bytes, not identity: a message that was changed in place
has other bytes. The same bytes make a fresh copy, so no two snapshots share anything that can be changed.
"""

import importlib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import ormsgpack
from langchain_core.load.serializable import Serializable
from langgraph.checkpoint.serde import jsonplus
from langgraph.checkpoint.serde._msgpack import SAFE_MSGPACK_TYPES

OPTIONS: int = jsonplus._option  # noqa: SLF001  # as LangGraph encodes

# LangChain's own classes only: their dump is a function of their fields, which that of a user's model need not be.
MESSAGES: frozenset[type[Serializable]] = frozenset(
    getattr(importlib.import_module(module), name)
    for module, name, *_ in SAFE_MSGPACK_TYPES
    if module.startswith("langchain_core.")
)


class Fingerprint(NamedTuple):
    """What tells whether a message is unchanged: its class, its fields, and the key that gives it its name."""

    kind: type[Serializable]
    fields: bytes
    key: bytes = b""


def fingerprint_of(message: Any, key: bytes = b"") -> Fingerprint | None:
    """The fingerprint of a message; None when its fields alone, as plain data, do not make it."""
    if message.__pydantic_extra__ or message.__pydantic_private__:
        return None
    try:
        return Fingerprint(type(message), ormsgpack.packb(message.__dict__, option=OPTIONS), key)
    except ormsgpack.MsgpackEncodeError:
        return None


def pack_fields(messages: Iterable[Any]) -> bytes | None:
    """The packed fields of several messages as one array; None when they are not plain data."""
    try:
        return ormsgpack.packb([message.__dict__ for message in messages], option=OPTIONS)
    except ormsgpack.MsgpackEncodeError:
        return None


def array_head(count: int) -> bytes:
    """The head of a msgpack array, whose count takes 4, 16 or 32 bits."""
    if count < 16:
        return bytes([0x90 | count])
    return b"\xdc" + count.to_bytes(2) if count < 1 << 16 else b"\xdd" + count.to_bytes(4)


class Run(NamedTuple):
    """Messages that follow one another and were stored as one node.

    A long list is recognised run by run: one call packs the fields of a run, and one comparison tells that nothing in
    it has changed, at a third of what looking at each message costs.
    """

    kinds: tuple[type[Serializable], ...]
    fields: bytes
    digest: bytes

    def is_at(self, messages: Sequence[Any], start: int) -> bool:
        """Whether the messages from `start` on are these."""
        found = messages[start : start + len(self.kinds)]
        return (
            tuple(map(type, found)) == self.kinds
            and not any(m.__pydantic_extra__ or m.__pydantic_private__ for m in found)
            and pack_fields(found) == self.fields
        )


def run_of(fingerprints: Sequence[Fingerprint], digest: bytes) -> Run:
    """The run of messages with these fingerprints, stored under this digest."""
    fields = array_head(len(fingerprints)) + b"".join(f.fields for f in fingerprints)
    return Run(tuple(f.kind for f in fingerprints), fields, digest)


class Mould:
    """Makes copies of a message that was read; each is fresh down to its last field."""

    __slots__ = ("extra", "fields", "given", "kind")

    def __init__(self, message: Any, fingerprint: Fingerprint) -> None:
        self.kind, self.fields, _ = fingerprint
        self.given, self.extra = frozenset(message.__pydantic_fields_set__), message.__pydantic_extra__

    def cast(self) -> Any:
        """A copy."""
        return _filled(self.kind, ormsgpack.unpackb(self.fields, option=_KEYS), self.given, self.extra)


class Moulds:
    """Makes copies of messages that follow one another, all at once."""

    __slots__ = ("_fields", "_rest")

    def __init__(self, moulds: Sequence[Mould]) -> None:
        self._fields = array_head(len(moulds)) + b"".join(mould.fields for mould in moulds)
        self._rest = [(mould.kind, mould.given, mould.extra) for mould in moulds]

    def __len__(self) -> int:
        return len(self._fields)

    def cast(self) -> list[Any]:
        """Copies of them."""
        unpacked = ormsgpack.unpackb(self._fields, option=_KEYS)
        return [_filled(kind, fields, given, extra) for (kind, given, extra), fields in zip(self._rest, unpacked)]  # noqa: B905  # as many


_KEYS = ormsgpack.OPT_NON_STR_KEYS
_fill = object.__setattr__  # pydantic's own way round its checks, as in `model_construct`


def _filled(kind: Any, fields: dict[str, Any], given: frozenset[str], extra: Any) -> Any:
    message = kind.__new__(kind)
    _fill(message, "__dict__", fields)
    _fill(message, "__pydantic_fields_set__", set(given))
    _fill(message, "__pydantic_extra__", None if extra is None else {})
    _fill(message, "__pydantic_private__", None)
    return message


def mould_of(message: Any, key: bytes = b"") -> tuple[Mould, Fingerprint] | None:
    """A mould and the fingerprint of a message that was just read; None when a copy would not be the same."""
    fingerprint = fingerprint_of(message, key)
    if fingerprint is None:
        return None
    mould = Mould(message, fingerprint)
    return (mould, fingerprint) if mould.cast() == message else None
