"""Messages, the values that threads are full of, recognised and rebuilt without encoding or validating them again.

A message whose fields are plain data is known by its class and the packed bytes of its `__dict__`, which cost 0.2 µs
to make where its encoding costs 2 and reading that back 6. Bytes, not identity: a message that was changed in place
has other bytes. The same bytes make a fresh copy, so no two snapshots share anything that can be changed.
"""

import importlib
from typing import Any, NamedTuple

import ormsgpack
from langchain_core.load.serializable import Serializable
from langgraph.checkpoint.serde import jsonplus
from langgraph.checkpoint.serde._msgpack import SAFE_MSGPACK_TYPES

# LangChain's own classes only: their dump is a function of their fields, which that of a user's model need not be.
MESSAGES: frozenset[type[Serializable]] = frozenset(
    getattr(importlib.import_module(module), name)
    for module, name, *_ in SAFE_MSGPACK_TYPES
    if module.startswith("langchain_core.")
)


class Fingerprint(NamedTuple):
    """What tells whether a message is unchanged."""

    kind: type[Serializable]
    fields: bytes


def fingerprint_of(message: Any) -> Fingerprint | None:
    """The fingerprint of a message; None when its fields alone, as plain data, do not make it."""
    if message.__pydantic_extra__ or message.__pydantic_private__:
        return None
    try:
        return Fingerprint(type(message), ormsgpack.packb(message.__dict__, option=jsonplus._option))  # noqa: SLF001  # as it encodes
    except ormsgpack.MsgpackEncodeError:
        return None


class Mould:
    """Makes copies of a message that was read; each is fresh down to its last field."""

    __slots__ = ("_extra", "_fields", "_given", "_kind")

    def __init__(self, message: Any, fingerprint: Fingerprint) -> None:
        self._kind, self._fields = fingerprint
        self._given, self._extra = frozenset(message.__pydantic_fields_set__), message.__pydantic_extra__

    def cast(self) -> Any:
        """A copy."""
        message = self._kind.__new__(self._kind)
        fill = object.__setattr__  # pydantic's own way round its checks, as in `model_construct`
        fill(message, "__dict__", ormsgpack.unpackb(self._fields, option=ormsgpack.OPT_NON_STR_KEYS))
        fill(message, "__pydantic_fields_set__", set(self._given))
        fill(message, "__pydantic_extra__", None if self._extra is None else {})
        fill(message, "__pydantic_private__", None)
        return message


def mould_of(message: Any) -> tuple[Mould, Fingerprint] | None:
    """A mould and the fingerprint of a message that was just read; None when a copy would not be the same."""
    fingerprint = fingerprint_of(message)
    if fingerprint is None:
        return None
    mould = Mould(message, fingerprint)
    return (mould, fingerprint) if mould.cast() == message else None
