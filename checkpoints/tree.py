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
from collections.abc import Callable, Mapping, Sequence, Set
from itertools import chain
from typing import Any, cast

import ormsgpack
from langgraph.checkpoint.serde import jsonplus
from langgraph.checkpoint.serde.types import _DeltaSnapshot

from threadloom.checkpoints.cache import Cache
from threadloom.checkpoints.codec import OPTIONS, Reader, StrictSerializer, refuse_extensions
from threadloom.checkpoints.messages import (
    MESSAGES,
    Fingerprint,
    Mould,
    Moulds,
    Run,
    array_head,
    fingerprint_of,
    mould_of,
    run_of,
)

DIGEST_SIZE = 16  # bytes; a collision, 2^64 tries away, would harm the thread of the one who looked for it
TREE = "tree"  # the kind of a value whose document has references

# Extension codes beside LangGraph's, which end at 7.
REFERENCE, LIST, DICT = 80, 81, 82

# Sizes in bytes of what is encoded.
SMALL = 64  # a part below this is not worth a row of its own
ATOM = 4096  # a plain dict below this is one leaf: a row for each of its fields would cost more than it saves
ROOT = 1024  # a document of a value from this on becomes an element, of which the row keeps the reference
LEVEL = 640  # a longer sequence of parts is cut
LONG = LEVEL // (DIGEST_SIZE + 2)  # as many references or more are longer
NODE, WIDEST_NODE = 192, 2048
CUT = 7  # one part in eight may end a node
DEEPEST = 16  # levels of lists and dicts in one another; what is below is one leaf


class Element:
    """An immutable document: its bytes, the digests in it, and a mould when it is messages that were read."""

    __slots__ = ("data", "mould", "references")

    def __init__(self, data: bytes, references: Sequence[bytes]) -> None:
        self.data, self.references = data, references
        self.mould: Mould | Moulds | None = None


Elements = dict[bytes, Element]


class MissingElementError(Exception):
    """A reference leads nowhere: somebody deleted rows by hand, or the database is damaged."""


def digest_of(data: bytes, key: bytes = b"") -> bytes:
    """The name of some bytes; with a key, only who has it can tell which. BLAKE2b takes one, and is fast."""
    return hashlib.blake2b(data, digest_size=DIGEST_SIZE, key=key).digest()


def references_in(data: bytes) -> list[bytes]:
    """The digests in a document."""
    found: list[bytes] = []
    _collect(data, found)
    return found


def _collect(data: bytes, found: list[bytes]) -> None:
    def note(code: int, content: bytes) -> None:  # one that called itself would be garbage for the collector only
        if code == REFERENCE:
            found.append(content)
        elif code in (LIST, DICT, jsonplus.EXT_DELTA_SNAPSHOT):
            _collect(content, found)

    ormsgpack.unpackb(data, ext_hook=note, option=ormsgpack.OPT_NON_STR_KEYS)


def renamed(data: bytes, names: Mapping[bytes, bytes]) -> bytes:
    """A document with other digests in the place of those that have another name."""

    def rebuilt(code: int, content: bytes) -> ormsgpack.Ext:
        if code == REFERENCE:
            content = names.get(content, content)
        elif code in (LIST, DICT, jsonplus.EXT_DELTA_SNAPSHOT):
            content = renamed(content, names)
        return ormsgpack.Ext(code, content)

    document = ormsgpack.unpackb(data, ext_hook=rebuilt, option=ormsgpack.OPT_NON_STR_KEYS)
    return ormsgpack.packb(document, option=ormsgpack.OPT_NON_STR_KEYS)


class Encoder:
    """Turns one value into a document and the elements below it that are not known to be stored.

    Args:
        serde: encodes the leaves.
        cache: where elements and the fingerprints of messages are remembered.
        known: digests of elements that are stored, with all that is below them.
        key: with which elements are named, when what is stored is encrypted.
    """

    def __init__(
        self, serde: StrictSerializer, cache: Cache, known: Set[bytes] = frozenset(), key: bytes = b""
    ) -> None:
        self._serde, self._cache, self._known, self._key = serde, cache, known, key
        self._refers = False
        self.elements: Elements = {}

    def encode(self, value: Any) -> tuple[str, bytes]:
        """The kind and the bytes of the value's document; raises what `StrictSerializer` raises."""
        if value is None or isinstance(value, bytearray):
            return self._serde.dumps_typed(value)
        data = self._message(value)[0] if type(value) in MESSAGES else self._document(value, 0)
        data = data if len(data) < ROOT else self._refer(data)
        return TREE if self._refers else "msgpack", data

    def _document(self, value: Any, depth: int) -> bytes:
        kind = type(value)
        if kind is _DeltaSnapshot:
            return _extension(jsonplus.EXT_DELTA_SNAPSHOT, self._document(value.value, depth + 1))
        if (kind is not list and kind is not dict) or depth > DEEPEST:
            return self._serde.pack(value)
        if kind is list and len(value) > LONG and MESSAGES.issuperset(map(type, value)):
            return self._messages(value)
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
            return self._message(value)[0]
        data = self._document(value, depth + 1)
        return data if len(data) < SMALL else self._refer(data)

    def _message(self, message: Any) -> tuple[bytes, Fingerprint | None]:
        """The reference to a message, and the fingerprint it had."""
        fingerprint = fingerprint_of(message, self._key)
        digest: bytes | None = self._cache.get(fingerprint) if fingerprint else None
        if digest is None or not self._has(digest):
            element = Element(self._serde.pack(message), ())
            digest = digest_of(element.data, self._key)
            # Saving runs beside the next node, which may be changing the message: never take one for the other.
            if fingerprint and fingerprint != fingerprint_of(message, self._key):
                fingerprint = None
            remember(self._cache, digest, element, fingerprint)
            self._add(digest, element)
        self._refers = True
        return _REFERENCE + digest, fingerprint

    def _has(self, digest: bytes) -> bool:
        """Whether an element is stored, or at hand to be stored."""
        if digest in self._known:
            return True
        element = self._cache.get(digest)
        if element is not None:
            self.elements[digest] = element
        return element is not None

    def _refer(self, data: bytes) -> bytes:
        digest = digest_of(data, self._key)
        if not self._has(digest):
            element = Element(data, references_in(data))
            remember(self._cache, digest, element)
            self._add(digest, element)
        self._refers = True
        return _REFERENCE + digest

    def _add(self, digest: bytes, element: Element) -> None:
        if digest not in self._known:
            self.elements[digest] = element

    def _sequence(self, parts: list[bytes], code: int, leaf: Callable[[Sequence[bytes]], bytes]) -> bytes:
        """The document of a list or dict."""
        if sum(map(len, parts)) <= LEVEL:
            return leaf(parts)
        full, rest = _cut(parts)
        return self._levels([self._refer(leaf(group)) for group in full], leaf(rest), code)

    def _levels(self, parts: list[bytes], rest: bytes, code: int) -> bytes:
        """The left-over of each level from the lowest upwards, given the nodes of the lowest."""
        levels = [rest]
        while sum(map(len, parts)) > LEVEL:
            full, left = _cut(parts)
            levels.append(_array(left))
            parts = [self._refer(_array(group)) for group in full]
        return _extension(code, _array([*levels, _array(parts)]))

    def _messages(self, messages: list[Any]) -> bytes:
        """The document of a long list of messages, cut as any other; runs that are stored are recognised as a whole."""
        nodes: list[bytes] = []
        open_parts: list[tuple[bytes, Fingerprint | None]] = []
        at = 0
        while at < len(messages):
            if not open_parts and (run := self._recognised(messages, at)):
                nodes.append(_REFERENCE + run.digest)
                at += len(run.kinds)
                self._refers = True
                continue
            open_parts.append(self._message(messages[at]))
            at += 1
            if _ends(len(open_parts) * len(open_parts[0][0]), open_parts[-1][0]):
                nodes.append(self._node(open_parts))
                open_parts = []
        return self._levels(nodes, _array([part for part, _ in open_parts]), LIST)

    def _recognised(self, messages: list[Any], at: int) -> Run | None:
        run: Run | None = self._cache.get((Run, fingerprint_of(messages[at], self._key)))
        return run if run and run.digest in self._known and run.is_at(messages, at) else None

    def _node(self, parts: list[tuple[bytes, Fingerprint | None]]) -> bytes:
        node = self._refer(_array([part for part, _ in parts]))
        fingerprints = [fingerprint for _, fingerprint in parts if fingerprint]
        if len(fingerprints) == len(parts):
            run = run_of(fingerprints, node[-DIGEST_SIZE:])
            self._cache.put((Run, fingerprints[0]), run, len(run.fields))
        return node


class Decoder(Reader):
    """Reads documents, given the elements that they refer to.

    Args:
        serde: which classes are allowed.
        cache: where it is remembered how to copy a message.
        elements: those that the documents refer to.
        messages: messages by digest, to which those that are read are added: whoever passes the same mapping to
            several decoders gets one object for equal messages. Everything else is always fresh.
        key: with which elements are named today.
    """

    def __init__(
        self,
        serde: StrictSerializer,
        cache: Cache,
        elements: Mapping[bytes, Element],
        messages: dict[bytes, Any] | None = None,
        key: bytes = b"",
    ) -> None:
        super().__init__(serde)
        self._cache, self._elements, self._messages, self._key = cache, elements, messages, key

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
        if element.mould is not None:
            value = element.mould.cast()
        else:
            value = self.unpack(element.data, self.revive)
            if not self._cast_in_future(digest, element, value):
                return value
        if self._messages is not None:
            self._messages[digest] = value
        return value

    def _cast_in_future(self, digest: bytes, element: Element, value: Any) -> bool:
        """Whether an element that was just read is messages, which shall be made by a mould from now on."""
        if type(value) in MESSAGES:
            if made := mould_of(value, self._key):
                element.mould, fingerprint = made
                # One that was named with an older key must not be found and referred to beside those of today.
                renamed = self._key and digest_of(element.data, self._key) != digest
                remember(self._cache, digest, element, None if renamed else fingerprint)
            return made is not None
        if type(value) is not list or not value or len(value) != len(element.references):
            return False
        moulds = [self._elements[part].mould for part in element.references]
        if all(type(mould) is Mould for mould in moulds):
            element.mould = Moulds(cast("list[Mould]", moulds))
            remember(self._cache, digest, element)
        return element.mould is not None


def remember(cache: Cache, digest: bytes, element: Element, fingerprint: Fingerprint | None = None) -> None:
    """Keep an element at hand, and the fingerprint by which its message is recognised."""
    more = len(element.mould) if type(element.mould) is Moulds else 0
    cache.put(digest, element, len(element.data) + DIGEST_SIZE * len(element.references) + more)
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
        if _ends(size, part):
            full.append(parts[start:end])
            start, size = end, 0
    return full, parts[start:]


def _ends(size: int, part: bytes) -> bool:
    """Whether a node of this size ends with this part, by its last byte: random in a reference, random enough else."""
    return size >= NODE and (not part[-1] & CUT or size >= WIDEST_NODE)


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
    return array_head(len(parts)) + b"".join(parts)


def _map(entries: Sequence[bytes]) -> bytes:
    count = len(entries)
    head = bytes([0x80 | count]) if count < 16 else b"\xde" + count.to_bytes(2) if count < 1 << 16 else b""
    return (head or b"\xdf" + count.to_bytes(4)) + b"".join(entries)
