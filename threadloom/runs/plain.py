"""Values of a state as JSON has them."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from langchain_core.messages import BaseMessage
from pydantic import BaseModel


def plain(value: Any) -> Any:
    """The value as JSON has it; of a message what is not empty, in the form that an input takes."""
    if isinstance(value, BaseMessage):
        return {key: plain(part) for key, part in value.model_dump().items() if part or key == "content"}
    if fields := _fields(value):
        return {name: plain(getattr(value, name)) for name in fields}
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        parts = [plain(part) for part in value]
        return parts if isinstance(value, list | tuple) else sorted(parts, key=canonical)
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _fields(value: Any) -> list[str]:
    """The names of the fields of a record; none of anything else."""
    if isinstance(value, BaseModel):
        return list(type(value).model_fields)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [field.name for field in dataclasses.fields(value)]
    return []


def canonical(value: Any) -> str:
    """A plain value as text, the same for equal ones."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def shortened(value: Any, most: int = 400) -> Any:
    """A plain value whose JSON takes no more characters than `most`, else how it begins and how long it is."""
    text = value if isinstance(value, str) else canonical(value)
    if len(text) <= most:
        return value
    size = f"{len(value):,} entries" if isinstance(value, list | dict) else f"{len(text):,} characters"
    return f"{text[:most]}… ({size})"
