"""Values to the columns of a row and back; every failure names thread, channel, class and remedy."""

from collections.abc import Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from threadloom.checkpoints.cache import Cache
from threadloom.checkpoints.codec import StrictSerializer, UnknownTypeError
from threadloom.checkpoints.encryption import Encryption
from threadloom.checkpoints.errors import UnrestorableValueError, UnsavableValueError
from threadloom.checkpoints.tree import TREE, Decoder, Elements, Encoder, MissingElementError


@dataclass(frozen=True)
class Codec:
    """Encodes and decodes for one saver.

    Args:
        serde: which classes are allowed.
        cache: what is remembered of other values.
        encryption: what names elements; None when their names are no secret.
    """

    serde: StrictSerializer
    cache: Cache
    encryption: Encryption | None = None

    def encode(self, thread_id: str, channel: str, value: Any, elements: Elements, known: Set[bytes]) -> dict[str, Any]:
        """The columns for a channel's value; the elements that it refers to and that are not known go to `elements`.

        Raises:
            UnsavableValueError: it could not be restored.
        """
        encoder = Encoder(self.serde, self.cache, known, self._naming_key(thread_id))
        with _saving(f"channel {channel!r}"):
            kind, data = encoder.encode(value)
        elements |= encoder.elements
        return {"type": kind, "data": data}

    def decode(self, row: Any, elements: Elements, messages: dict[bytes, Any] | None = None) -> Any:
        """The object in the row of a value or a write, given the elements that it refers to.

        Calls with the same `messages` share the messages that they have in common.

        Raises:
            UnrestorableValueError: its class is not allowed or has changed, or the database is damaged.
        """
        with _restoring(row.thread_id, f"channel {row.channel!r}"):
            if row.type in (TREE, "msgpack"):
                key = self._naming_key(row.thread_id)
                return Decoder(self.serde, self.cache, elements, messages, key).read(row.data)
            return self.serde.loads_typed((row.type, row.data))

    def pack(self, what: str, value: Any) -> bytes:
        """The bytes of something that is no channel's value; raises UnsavableValueError."""
        with _saving(what):
            return self.serde.pack(value)

    def unpack(self, thread_id: str, what: str, data: bytes) -> Any:
        """The reverse of `pack`; raises UnrestorableValueError."""
        with _restoring(thread_id, what):
            return self.serde.loads_typed(("msgpack", data))

    def _naming_key(self, thread_id: str) -> bytes:
        return self.encryption.naming_key(thread_id) if self.encryption else b""


@contextmanager
def _saving(what: str) -> Iterator[None]:
    try:
        yield
    except UnknownTypeError as exc:
        raise UnsavableValueError(
            f"{what} holds a {exc.module}.{exc.name}, which could not be restored: "
            f"it {exc.reason}. {_remedy_when_saving(exc)}"
        ) from exc
    except (TypeError, ValueError) as exc:
        raise UnsavableValueError(
            f"{what} holds a value that cannot be saved: {exc}. "
            "Convert it to plain data, a dataclass or a pydantic model"
        ) from exc


@contextmanager
def _restoring(thread_id: str, what: str) -> Iterator[None]:
    where = f"thread {thread_id!r}, {what}"
    try:
        yield
    except UnknownTypeError as exc:
        raise UnrestorableValueError(
            f"{where}: a stored {exc.module}.{exc.name} cannot be restored: "
            f"it {exc.reason}. {_remedy_when_restoring(exc)}"
        ) from exc
    except (ValueError, NotImplementedError, MissingElementError) as exc:
        raise UnrestorableValueError(f"{where}: the stored bytes cannot be read ({exc})") from exc


def _remedy_when_saving(exc: UnknownTypeError) -> str:
    if "allow-list" in exc.reason:
        return f"Create the saver with SQLSaver(..., allow=[{exc.name}])"
    return "Define it at the top level of a module, so that its fields alone rebuild it, or store plain data"


def _remedy_when_restoring(exc: UnknownTypeError) -> str:
    if "another serializer" in exc.reason:
        return "Create the saver with the same SQLSaver(..., serde=…) as the one that stored it"
    if "allow-list" in exc.reason or "imported" in exc.reason:
        renamed = f'aliases={{"{exc.module}:{exc.name}": …}}'
        return f"Create the saver with SQLSaver(..., allow=[{exc.name}]) or, if it has another name now, {renamed}"
    return "Give the class back the fields that it had, or a way to be built from them"
