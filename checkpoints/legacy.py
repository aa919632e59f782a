"""Values that older savers stored as JSON, read as strictly as all others.

LangGraph's savers wrote JSON before they wrote msgpack. An object is a dict with the key "lc": 1 for LangChain's way
(`to_json`), 2 for LangGraph's (a class and the arguments of its constructor). LangGraph itself reads one that it does
not know as a dict, and one that it cannot rebuild as None; here both are errors.
"""

import importlib
import json
from collections import deque
from collections.abc import Collection
from datetime import datetime
from typing import Any

from langgraph.checkpoint.serde._msgpack import SAFE_MSGPACK_TYPES
from langgraph.checkpoint.serde.jsonplus import LC_REVIVER

from threadloom.checkpoints.codec import TypeName, UnknownTypeError

_BYTES = {("builtins", "bytes"), ("builtins", "bytearray")}  # which msgpack has by itself


def read_json(data: bytes, allowed: Collection[TypeName]) -> Any:
    """The object; raises UnknownTypeError for a class that cannot be restored, ValueError for damaged bytes.

    Args:
        data: what was stored.
        allowed: (module, name) of classes that may be restored besides LangGraph's own safe types.
    """

    def revive(value: dict[str, Any]) -> Any:
        if not _is_object(value):
            return value
        module, name = ".".join(map(str, value["id"][:-1])), str(value["id"][-1])
        try:
            if value["lc"] == 2 or (module, name) in allowed:
                return _build(module, name, value, allowed)
            return _core(value)
        except UnknownTypeError:
            raise
        except Exception as exc:  # the constructor is the user's: whatever it raises, the value is lost
            raise UnknownTypeError(module, name, f"cannot be rebuilt ({type(exc).__name__}: {exc})") from exc

    try:
        return json.loads(data, object_hook=revive)
    except RecursionError as exc:
        raise ValueError("it is nested too deeply") from exc


def _is_object(value: dict[str, Any]) -> bool:
    kinds: dict[Any, tuple[str, ...]] = {1: ("constructor", "secret", "not_implemented"), 2: ("constructor",)}
    names = value.get("id")
    return value.get("type") in kinds.get(value.get("lc"), ()) and isinstance(names, list) and bool(names)


def _core(value: dict[str, Any]) -> Any:
    """An object of langchain-core; LangChain keeps the list of what may be built, with old names and new."""
    *module, name = value["id"]
    if value.get("type") != "constructor":  # a secret, or an object of which there is no more than its repr
        raise UnknownTypeError(".".join(module), name, "was stored without its content")
    if tuple(value["id"]) not in (LC_REVIVER.allowed_class_paths or ()):
        raise UnknownTypeError(".".join(module), name, "is not in the allow-list")
    return LC_REVIVER(value)


def _build(module: str, name: str, value: dict[str, Any], allowed: Collection[TypeName]) -> Any:
    if (module, name) not in SAFE_MSGPACK_TYPES | _BYTES and (module, name) not in allowed:
        raise UnknownTypeError(module, name, "is not in the allow-list")
    target: Any = getattr(importlib.import_module(module), name)
    arguments = value.get("args") or []
    if target in (set, frozenset, deque):
        return target(map(_hashable, *arguments) if target is not deque else arguments[0])
    if target is datetime:
        return datetime.fromisoformat(*arguments)
    if target in (bytes, bytearray):
        return target.fromhex(*arguments)
    return target(*arguments, **(value.get("kwargs") or {}))


def _hashable(item: Any) -> Any:
    return tuple(map(_hashable, item)) if isinstance(item, list) else item
