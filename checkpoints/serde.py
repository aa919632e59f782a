"""What a program may pass as `serde`, as LangGraph's savers take it, and what becomes of it here.

Values are cut into parts, shared, named by the digest of their bytes and proved to be restorable, so a serializer
cannot take a whole value and hand back bytes. It gets what is beyond ours: single objects of classes not allowed.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from langgraph.checkpoint.serde.base import SerializerProtocol, maybe_add_typed_methods
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from threadloom.checkpoints.codec import StrictSerializer, TypeName
from threadloom.checkpoints.errors import InvalidRequestError


def serializer_of(
    serde: Any, allow: Iterable[type | TypeName] = (), aliases: Mapping[str, type] | None = None
) -> StrictSerializer:
    """The strict serializer for what a program passes as `serde`.

    Args:
        serde: None; a `StrictSerializer` or a `JsonPlusSerializer`, whose allow-list is taken over; or any other, with
            `dumps_typed` and `loads_typed` or `dumps` and `loads`, which gets the objects that are refused here.
        allow, aliases: what is allowed besides.

    Raises:
        InvalidRequestError: it pickles, encrypts, or is none.
    """
    if serde is None:
        return StrictSerializer(allow, aliases)
    if isinstance(serde, StrictSerializer):
        return StrictSerializer([*serde.allowed, *allow], {**serde.aliases, **(aliases or {})}, serde.other)
    if type(serde) is JsonPlusSerializer:
        return StrictSerializer([*_allow_list_of(serde), *allow], aliases)
    if isinstance(serde, EncryptedSerializer):
        raise InvalidRequestError(
            "serde=EncryptedSerializer(…) would encrypt neither the parts that values share nor metadata, and binds "
            "nothing to its place: pass SQLSaver(..., encryption=Encryption({id: key})) instead"
        )
    return StrictSerializer(allow, aliases, _typed(serde))


def _allow_list_of(serde: JsonPlusSerializer) -> Iterable[TypeName]:
    if serde.pickle_fallback or serde._custom_unpack_ext_hook:  # noqa: SLF001  # it shows it nowhere else
        raise InvalidRequestError(
            "this JsonPlusSerializer pickles or has a hook of its own, which would be left out: pass "
            "SQLSaver(..., allow=[MyClass]), or a serializer class of your own that does it"
        )
    listed = serde._allowed_msgpack_modules  # noqa: SLF001  # the same
    return listed if isinstance(listed, set) else ()


def _typed(serde: Any) -> SerializerProtocol:
    if not (hasattr(serde, "dumps") and hasattr(serde, "loads")) and not isinstance(serde, SerializerProtocol):
        raise InvalidRequestError(f"serde={serde!r} is no serializer: it has no dumps_typed and loads_typed")
    return maybe_add_typed_methods(serde)
