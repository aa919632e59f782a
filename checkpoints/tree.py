"""Values as trees of elements, each named by the digest of its bytes, so that equal parts are stored once.

A value is one msgpack document in which any part of some size may be replaced by a reference to an element; an
element is such a document again. A long list or dict is cut into nodes, nodes into nodes of references, and what
is left over at the end of each level stays in the value's own document: appending one item writes the item, now and
then a node, and a document of a few hundred bytes.

Where a level is cut depends on the items beside the cut, not on their number, so that removing the first of 1,000
messages leaves all nodes but one as they were (the idea of rsync and of prolly trees, in Noms and Dolt).

What is no plain list or dict is a leaf: one element, or a part of the document when it is small.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any

import ormsgpack
from langgraph.checkpoint.serde import jsonplus
from langgraph.checkpoint.serde.types import _DeltaSnapshot

from threadloom.checkpoints.cache import Cache
from threadloom.checkpoints.codec import OPTIONS, Reader, StrictSerializer, refuse_extensions
from threadloom.checkpoints.messages import MESSAGES, Fingerprint, Mould, fingerprint_of, mould_of

DIGEST_SIZE = 16  # bytes; a collision, 2^64 tries away, would harm the thread of the one who looked for it
TREE = "tree"  # the kind of a value whose document has references

# Extension codes beside LangGraph's, which end at 7.
REFERENCE, LIST, DICT = 80, 81, 82

# Sizes in bytes of what is encoded.
SMALL = 64  # a part below this is not worth a row of its own
ATOM = 4096  # a plain dict below this is one leaf: a row for each of its fields would cost more than it saves
ROOT = 1024  # a document of a value from this on becomes an element, of which the row keeps the reference
LEVEL = 640  # a longer sequence of parts is cut
NODE, WIDEST_NODE = 192, 2048
CUT = 7  # one part in eight may end a node
DEEPEST = 16  # levels of lists and dicts in one another; what is below is one leaf


class Element:
    """An immutable document: its bytes, the digests in it, and a mould when it is a message that was read."""

    __slots__ = ("data", "mould", "references")

    def __init__(self, data: bytes, references: Sequence[bytes]) -> None:
        self.data, self.references = data, references
        self.mould: Mould | None = None


Elements = dict[bytes, Element]


class MissingElementError(Exception):
    """A reference leads nowhere: somebody deleted rows by hand, or the database is damaged."""


def digest_of(data: bytes) -> bytes:
    """The name of some bytes. BLAKE2b since it takes a key when one is needed, and no longer than SHA-256."""
    return hashlib.blake2b(data, digest_size=DIGEST_SIZE).digest()


def references_in(data: bytes) -> list[bytes]:
    """The digests in a document."""
    found: list[bytes] = []

    def note(code: int, content: bytes) -> None:
        if code == REFERENCE:
            found.append(content)
        elif code in (LIST, DICT, jsonplus.EXT_DELTA_SNAPSHOT):
            ormsgpack.unpackb(content, ext_hook=note, option=ormsgpack.OPT_NON_STR_KEYS)

    ormsgpack.unpackb(data, ext_hook=note, option=ormsgpack.OPT_NON_STR_KEYS)
    return found


class Encoder:
    """Turns one value into a document and the elements that it refers to, new and old alike.

    Args:
        serde: encodes the leaves.
        cache: where elements and the fingerprints of messages are remembered.
    """

    def __init__(self, serde: StrictSerializer, cache: Cache) -> None:
        self._serde, self._cache = serde, cache
        self.elements: Elements = {}

    def encode(self, value: Any) -> tuple[str, bytes]:
        """The kind and the bytes of the value's document; raises what `StrictSerializer` raises."""
        if value is None or isinstance(value, bytearray):
            return self._serde.dumps_typed(value)
        data = self._message(value) if type(value) in MESSAGES else self._document(value, 0)
        data = data if len(data) < ROOT else self._refer(data)
        return TREE if self.elements else "msgpack", data

    def _document(self, value: Any, depth: int) -> bytes:
        kind = type(value)
        if kind is _DeltaSnapshot:
            return _extension(jsonplus.EXT_DELTA_SNAPSHOT, self._document(value.value, depth + 1))
        if (kind is not list and kind is not dict) or depth > DEEPEST:
            return self._serde.pack(value)
        plain = _plain(value)
        if plain is not None and len(plain) < (SMALL if kind is list else ATOM):
            refuse_extensions(plain)
            return plain
        if kind is list:
            return self._sequence([self._part(item, depth) for item in value], LIST, _array)
        return self._sequence([_key(key) + self._part(item, depth) for key, item in value.items()], DICT, _map)

    def _part(self, value: Any, depth: int) -> bytes:
        """A small document, or the reference to the element that it becomes."""
        if type(value) in MESSAGES:
            return self._message(value)
        data = self._document(value, depth + 1)
        return data if len(data) < SMALL else self._refer(data)

    def _message(self, message: Any) -> bytes:
        fingerprint = fingerprint_of(message)
        digest: bytes | None = self._cache.get(fingerprint) if fingerprint else None
        element = self._cache.get(digest) if digest else None
        if digest is None or element is None:
            element = Element(self._serde.pack(message), ())
            digest = digest_of(element.data)
            # Saving runs beside the next node, which may be changing the message: never remember one for the other.
            if fingerprint and fingerprint == fingerprint_of(message):
                remember(self._cache, digest, element, fingerprint)
        self.elements[digest] = element
        return _REFERENCE + digest

    def _refer(self, data: bytes) -> bytes:
        digest = digest_of(data)
        element = self._cache.get(digest)
        if element is None:
            element = Element(data, references_in(data))
            remember(self._cache, digest, element)
        self.elements[digest] = element
        return _REFERENCE + digest

    def _sequence(self, parts: list[bytes], code: int, leaf: Callable[[Sequence[bytes]], bytes]) -> bytes:
        """The document of a list or dict: its items, or the left-over of each level from the lowest upwards."""
        levels: list[bytes] = []
        node = leaf
        while sum(map(len, parts)) > LEVEL:
            full, rest = _cut(parts)
            levels.append(node(rest))
            parts, node = [self._refer(node(group)) for group in full], _array
        return _extension(code, _array([*levels, node(parts)])) if levels else node(parts)


class Decoder(Reader):
    """Reads documents, given the elements that they refer to.

    Args:
        serde: which classes are allowed.
        cache: where it is remembered how to copy a message.
        elements: those that the documents refer to.
        messages: messages by digest, to which those that are read are added: whoever passes the same mapping to
            several decoders gets one object for equal messages. Everything else is always fresh.
    """

    def __init__(
        self,
        serde: StrictSerializer,
        cache: Cache,
        elements: Mapping[bytes, Element],
        messages: dict[bytes, Any] | None = None,
    ) -> None:
        super().__init__(serde.allowed)
        self._cache, self._elements, self._messages = cache, elements, messages

    def revive(self, code: int, data: bytes) -> Any:
        """The object for an extension."""
        if code == REFERENCE:
            return self._element(data)
        if code == LIST:
            return _joined(self.unpack(data, self.revive))
        if code == DICT:
            return _merged(self.unpack(data, self.revive))
        return super().revive(code, data)

    def _element(self, digest: bytes) -> Any:
        if self._messages is not None and digest in self._messages:
            return self._messages[digest]
        element = self._elements.get(digest)
        if element is None:
            raise self.fail(MissingElementError(f"the element {digest.hex()} is missing"))
        if element.mould is None:
            value = self.unpack(element.data, self.revive)
            if type(value) not in MESSAGES or not (made := mould_of(value)):
                return value
            element.mould, fingerprint = made
            remember(self._cache, digest, element, fingerprint)
        else:
            value = element.mould.cast()
        if self._messages is not None:
            self._messages[digest] = value
        return value


def remember(cache: Cache, digest: bytes, element: Element, fingerprint: Fingerprint | None = None) -> None:
    """Keep an element at hand, and the fingerprint by which its message is recognised."""
    cache.put(digest, element, len(element.data) + DIGEST_SIZE * len(element.references))
    if fingerprint:
        cache.put(fingerprint, digest, len(fingerprint.fields))


def _plain(value: Any) -> bytes | None:
    try:
        return ormsgpack.packb(value, option=OPTIONS)
    except ormsgpack.MsgpackEncodeError:
        return None


def _cut(parts: Sequence[bytes]) -> tuple[list[Sequence[bytes]], Sequence[bytes]]:
    """Full nodes, and the rest."""
    full: list[Sequence[bytes]] = []
    start = size = 0
    for end, part in enumerate(parts, 1):
        size += len(part)
        # The last byte of a reference is random; that of a small part is random enough.
        if size >= NODE and (not part[-1] & CUT or size >= WIDEST_NODE):
            full.append(parts[start:end])
            start, size = end, 0
    return full, parts[start:]


def _joined(levels: list[list[Any]]) -> list[Any]:
    """The items of a list whose levels, the lowest first, have been read."""
    parts = levels.pop()
    while levels:
        parts = [*chain.from_iterable(parts), *levels.pop()]
    return parts


def _merged(levels: list[Any]) -> dict[Any, Any]:
    """The items of a dict whose levels, the lowest first, have been read."""
    rest, *upper = levels
    merged: dict[Any, Any] = {}
    for part in _joined(upper):
        merged |= part
    merged |= rest
    return merged


def _key(key: Any) -> bytes:
    # A dict of one item, without its head and without the nil behind the key: so keys are treated as they always are.
    return ormsgpack.packb({key: None}, option=OPTIONS)[1:-1]


def _extension(code: int, data: bytes) -> bytes:
    return ormsgpack.packb(ormsgpack.Ext(code, data))


_REFERENCE = bytes([0xD8, REFERENCE])  # msgpack's head of an extension of 16 bytes


def _array(parts: Sequence[bytes]) -> bytes:
    return _head(len(parts), 0x90, 0xDC) + b"".join(parts)


def _map(entries: Sequence[bytes]) -> bytes:
    return _head(len(entries), 0x80, 0xDE) + b"".join(entries)


def _head(count: int, short: int, long: int) -> bytes:
    """The head of a msgpack array or map, whose count takes 4, 16 or 32 bits."""
    if count < 16:
        return bytes([short | count])
    return bytes([long]) + count.to_bytes(2) if count < 1 << 16 else bytes([long + 1]) + count.to_bytes(4)
