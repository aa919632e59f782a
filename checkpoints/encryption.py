"""Encryption at rest: AES-256-GCM over the contents of rows, each sealed for its place.

A sealed row cannot be read, changed, moved or swapped without a key; how many there are, how long each is and what
their keys in the database are called remains visible. It begins with the byte C1, as no MessagePack document and no
deflated one does, so that nothing plain can be taken for sealed, nor the reverse:

    C1 | 1, the format | length of the key's id | the id | nonce, 12 bytes | ciphertext and tag

Every thread has keys of its own, derived from the one that was given with BLAKE2b (RFC 7693) as a keyed function: one
that encrypts, so that no key comes near the 2^32 messages for which random nonces are good (NIST SP 800-38D, 8.3), and
one that names elements, so that equal contents cannot be recognised across threads, nor guessed and looked up.
"""

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, Self

from threadloom.checkpoints.errors import (
    BrokenSealError,
    EncryptionError,
    InvalidKeyError,
    MissingKeyError,
    NotEncryptedError,
)

MARK, FORMAT = 0xC1, 1
KEY, NONCE, TAG = 32, 12, 16  # bytes
LONGEST_ID = 32  # bytes: it is in every row
REMEMBERED = 4096  # threads whose keys are at hand: deriving them takes 3 µs, a kilobyte each


class _ThreadKeys(NamedTuple):
    """What one key of the configuration gives for one thread."""

    cipher: Any
    naming: bytes


class Encryption:
    """Keys, known by ids of your choice, with which a saver encrypts all that it stores.

    Args:
        keys: a key is 32 random bytes, or the text of them in hexadecimal or base64. Make one with
            `openssl rand -hex 32`, and keep it where the database is not. Its id is stored with every row.
        current: the id of the key that encrypts; the first if it is not given. The others can only read, until
            `SQLSaver.rekey` has made them superfluous.

    Attributes:
        current: that id.
        header: what begins every row that was sealed with it.

    Raises:
        InvalidKeyError: a key has another length, or an id is empty or longer than 32 bytes.
        EncryptionError: the package `cryptography` is missing.
    """

    def __init__(self, keys: Mapping[str, bytes | str], current: str | None = None) -> None:
        if not keys:
            raise InvalidKeyError("encryption needs a key; make one with: openssl rand -hex 32")
        self._keys = {_checked(key_id): _key(key_id, key) for key_id, key in keys.items()}
        self.current = next(iter(keys)) if current is None else current
        if self.current not in keys:
            raise InvalidKeyError(f"the current key {current!r} is not among the keys: {', '.join(keys)}")
        self.header = _header(self.current)
        self._cipher, self._invalid = _aes_gcm()
        self._thread_keys = lru_cache(REMEMBERED)(self._derive)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Keys as `id=key`, one a line or separated by commas, the current one first; `#` begins a comment.

        Raises:
            InvalidKeyError: the text has another form. The message does not repeat it.
        """
        lines = (line.partition("#")[0] for line in text.splitlines())
        entries = [entry.strip() for line in lines for entry in line.split(",") if entry.strip()]
        keys: dict[str, str] = {}
        for number, entry in enumerate(entries, 1):
            key_id, equals, key = (part.strip() for part in entry.partition("="))
            if not equals or key_id in keys:
                raise InvalidKeyError(f"encryption key {number}: write it as id=key, each id once")
            keys[key_id] = key
        return cls(keys)

    @classmethod
    def read(cls, file: Path) -> Self:
        """Keys from a file, as for `parse`; raises InvalidKeyError also when it cannot be read."""
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, ValueError) as exc:
            reason = getattr(exc, "strerror", None) or "it is no text"
            raise InvalidKeyError(f"the file of encryption keys, {file}, cannot be read: {reason}") from exc
        return cls.parse(text)

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The ids, in the order in which they were given."""
        return tuple(self._keys)

    def naming_key(self, thread_id: str) -> bytes:
        """With which key the current one names the elements of a thread."""
        return self._thread_keys(self.current, thread_id).naming

    def seal(self, thread_id: str, place: bytes, data: bytes) -> bytes:
        """The contents of a row, sealed with the current key for a thread and a place in it."""
        nonce = secrets.token_bytes(NONCE)
        sealed: bytes = self._thread_keys(self.current, thread_id).cipher.encrypt(nonce, data, place)
        return b"".join((self.header, nonce, sealed))

    def open(self, thread_id: str, place: bytes, data: bytes) -> bytes:
        """The contents of a sealed row.

        Raises:
            NotEncryptedError, MissingKeyError: it is plain, or sealed with a key that is not at hand.
            BrokenSealError: the key is another one of the same id, or the row was changed or moved.
        """
        key_id = self.current if data.startswith(self.header) else self._older(thread_id, data)
        body = 3 + data[2] + NONCE
        try:
            opened: bytes = self._thread_keys(key_id, thread_id).cipher.decrypt(
                data[body - NONCE : body], data[body:], place
            )
        except (self._invalid, ValueError):  # the latter for what was cut short
            raise BrokenSealError(thread_id, key_id) from None
        return opened

    def proof(self) -> bytes:
        """Something that `check` accepts from this very key only."""
        return self.seal("", _PROOF, b"")

    def check(self, proof: bytes) -> None:
        """Raise BrokenSealError if a proof was made by another key of the same id."""
        try:
            self.open("", _PROOF, proof)
        except BrokenSealError as exc:
            raise BrokenSealError(None, exc.key_id) from None

    def _older(self, thread_id: str, data: bytes) -> str:
        key_id = key_id_of(data)
        if key_id is None:
            raise NotEncryptedError(thread_id)
        if key_id not in self._keys:
            raise MissingKeyError(key_id, self.key_ids)
        return key_id

    def _derive(self, key_id: str, thread_id: str) -> _ThreadKeys:
        # Whether an id can be stored is the database's to say.
        of, key = thread_id.encode(errors="surrogatepass"), self._keys[key_id]
        sealing = hashlib.blake2b(of, key=key, digest_size=KEY, person=b"threadloom seal").digest()
        naming = hashlib.blake2b(of, key=key, digest_size=KEY, person=b"threadloom name").digest()
        return _ThreadKeys(self._cipher(sealing), naming)


def key_id_of(data: bytes) -> str | None:
    """The id of the key with which a row was sealed; None for a plain row."""
    if data[:1] != _MARK:
        return None
    if data[1:2] != _FORMAT:
        raise EncryptionError(f"a row is sealed in the format {data[1:2].hex()}, which this release does not know")
    return data[3 : 3 + data[2]].decode(errors="replace") if len(data) > 2 else ""


def _header(key_id: str) -> bytes:
    name = key_id.encode()
    return bytes([MARK, FORMAT, len(name)]) + name


_MARK, _FORMAT = bytes([MARK]), bytes([FORMAT])
_PROOF = b"proof"


def _checked(key_id: str) -> str:
    if not 0 < len(key_id.encode(errors="replace")) <= LONGEST_ID or not key_id.isprintable():
        raise InvalidKeyError(f"the id of a key is a short name, at most {LONGEST_ID} bytes, such as a year")
    return key_id


def _key(key_id: str, key: bytes | str) -> bytes:
    raw = _decoded(key) if isinstance(key, str) else key
    if len(raw) != KEY:
        raise InvalidKeyError(
            f"the encryption key {key_id!r} is not {KEY} bytes in hexadecimal or base64; make one with: "
            "openssl rand -hex 32"
        )
    return bytes(raw)


def _decoded(text: str) -> bytes:
    try:
        if re.fullmatch(r"[0-9a-fA-F]{64}", text):
            return bytes.fromhex(text)
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except ValueError:
        return b""


def _aes_gcm() -> tuple[Any, type[Exception]]:
    """The cipher, and what it raises for what it did not make."""
    try:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError as exc:
        text = f"encryption needs the package cryptography ({exc}); pip install 'threadloom[encryption]'"
        raise EncryptionError(text) from exc
    return AESGCM, InvalidTag
