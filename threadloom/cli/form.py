"""Asking at the terminal, on standard error: a text, yes or no, or an answer of any shape, field by field."""

import json
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import typer

from threadloom.cli.console import err

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo


def prompt(told: str, default: str | None = "") -> str:
    """What a person types; Enter gives the default, and asks again where that is None. Raises typer.Abort at its end.

    Not typer's own, which writes a space to standard output, where the answer of the run goes.
    """
    hint = f" [{default}]" if default else ""
    while True:
        try:
            typed = err.input(f"{told}{hint}: ", markup=False, emoji=False).strip()
        except (EOFError, KeyboardInterrupt):
            raise typer.Abort from None
        if typed or default is not None:
            return typed or str(default)


def confirm(told: str, *, default: bool | None) -> bool:
    """Yes or no; Enter gives the default, and asks again where that is None."""
    words = {"y": True, "yes": True, "n": False, "no": False}
    while True:
        typed = prompt(f"{told} (yes or no)", None if default is None else "yes" if default else "no").lower()
        if typed in words:
            return words[typed]


def number(text: str) -> float | int:
    """Raises ValueError for what is none."""
    return int(text) if text.lstrip("+-").isdigit() else float(text)


def fill(shape: type["BaseModel"]) -> dict[str, Any]:
    """What a person typed; fields passed over with Enter are left out. Raises ValueError for what is not JSON."""
    typed = {name: _field(name, field) for name, field in shape.model_fields.items()}
    return {name: value for name, value in typed.items() if value is not None}


def _field(name: str, field: "FieldInfo") -> Any:
    told = field.description or name.replace("_", " ")
    if field.annotation is bool:
        return confirm(told, default=None if field.is_required() else bool(field.default))
    if get_origin(field.annotation) is Literal:
        told += f" [{'|'.join(str(one) for one in get_args(field.annotation))}]"
    text = prompt(told, None) if field.is_required() else prompt(f"{told} (Enter for none)")
    return _parsed(text, field.annotation) if text else None


def _parsed(text: str, kind: Any) -> Any:
    if kind == list[str]:
        return text.replace(",", " ").split()
    if kind in (int, float):
        return number(text)
    return text if kind is str or get_origin(kind) is Literal else json.loads(text)
