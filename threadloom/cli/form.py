"""An answer of any shape, asked at the terminal: its fields one after the other, by their descriptions."""

import json
from typing import Any, Literal, get_args, get_origin

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo


def fill(shape: type[BaseModel]) -> dict[str, Any]:
    """What a person typed; fields passed over with Enter are left out. Raises ValueError for what is not JSON."""
    typed = {name: _field(name, field) for name, field in shape.model_fields.items()}
    return {name: value for name, value in typed.items() if value is not None}


def number(text: str) -> float | int:
    """Raises ValueError for what is none."""
    return int(text) if text.lstrip("+-").isdigit() else float(text)


def _field(name: str, field: FieldInfo) -> Any:
    told = field.description or name.replace("_", " ")
    if field.annotation is bool:
        return typer.confirm(told, default=bool(field.default) if not field.is_required() else None)
    if get_origin(field.annotation) is Literal:
        told += f" [{'|'.join(str(one) for one in get_args(field.annotation))}]"
    optional = "" if field.is_required() else " (Enter for none)"
    text = typer.prompt(told + optional, default=None if field.is_required() else "", show_default=False).strip()
    return _parsed(text, field.annotation) if text else None


def _parsed(text: str, kind: Any) -> Any:
    if kind == list[str]:
        return text.replace(",", " ").split()
    if kind in (int, float):
        return number(text)
    return text if kind is str or get_origin(kind) is Literal else json.loads(text)
