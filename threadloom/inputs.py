"""What a graph can be given, read from its input schema: for help texts, and to refuse an input before it is a run."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from langchain_core.messages import convert_to_messages
from pydantic import BaseModel, TypeAdapter, ValidationError

from threadloom.catalogue import CONVERSATION, Entry
from threadloom.errors import UsageError
from threadloom.state.budget import Limits, checked


class Input(NamedTuple):
    """One thing that a graph can be given."""

    name: str
    form: Literal["text", "number", "flag", "list", "json"]
    """`list` is of texts; `json` is everything that is more than that."""
    help: str
    required: bool
    default: Any
    choices: tuple[str, ...]
    """Of a text, or of each in a list; empty when any will do."""


def inputs(graph: Any) -> list[Input]:
    """What a StateGraph can be given, in the order of its schema."""
    schema = _adapter(graph).json_schema()
    required = schema.get("required", [])
    return [_input(name, part, name in required) for name, part in schema.get("properties", {}).items()]


def read(text: str) -> dict[str, Any]:
    """The input that `--input` gives, as JSON or as `@file`. Raises UsageError when it is no JSON object."""
    try:
        given = json.loads(Path(text[1:]).read_text(encoding="utf-8") if text.startswith("@") else text)
    except OSError as error:
        raise UsageError(f"--input: {text[1:]} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"--input is not JSON: {error}") from None
    if not isinstance(given, dict):
        raise UsageError("--input is not a JSON object, such as {}")
    if any("\ud800" <= char <= "\udfff" for char in json.dumps(given, ensure_ascii=False)):
        raise UsageError("--input has half a character in it: a surrogate, which no text can have")
    return given


def validated(entry: Entry, graph: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """The input as the graph takes it, with its defaults. Raises UsageError with one line that says what is wrong."""
    known = [one.name for one in inputs(graph)]
    if unknown := sorted(given.keys() - set(known)):
        raise UsageError(f"{entry.name} takes no {', '.join(unknown)}; it takes: {', '.join(known)}")
    if entry.text not in given:
        raise UsageError(f"give the {_typed(entry)}, as in: threadloom run {entry.name} {entry.example}")
    try:
        if given.get("budget"):
            checked(TypeAdapter(Limits).validate_python(given["budget"]))
        messages = {CONVERSATION: convert_to_messages(given[CONVERSATION])} if CONVERSATION in given else {}
        found = _adapter(graph).validate_python({**given, **messages})
    except ValidationError as error:
        raise UsageError(_explain(entry, error)) from None
    except (ValueError, TypeError, NotImplementedError) as error:  # of the budget, or of messages that are none
        raise UsageError(" ".join(str(error).split())) from None
    return found.model_dump() if isinstance(found, BaseModel) else dict(found)


def _adapter(graph: Any) -> TypeAdapter[Any]:
    return TypeAdapter(graph.input_schema)


def _input(name: str, part: Mapping[str, Any], required: bool) -> Input:
    shape = next((one for one in part.get("anyOf", []) if one.get("type") != "null"), part)
    texts = shape.get("items", {}) if shape.get("type") == "array" else shape
    choices = tuple(str(one) for one in texts.get("enum", []))
    return Input(name, _form(shape), part.get("description", ""), required, part.get("default"), choices)


def _form(shape: Mapping[str, Any]) -> Literal["text", "number", "flag", "list", "json"]:
    kind = shape.get("type")
    if kind == "array":
        return "list" if shape.get("items", {}).get("type") == "string" else "json"
    simple: dict[Any, Literal["text", "number", "flag"]] = {"string": "text", "boolean": "flag"}
    return simple.get(kind) or ("number" if kind in {"integer", "number"} else "json")


def _typed(entry: Entry) -> str:
    return "question" if entry.text == CONVERSATION else entry.text


def _explain(entry: Entry, error: ValidationError) -> str:
    first = error.errors()[0]
    name = str(first["loc"][0]) if first["loc"] else "input"
    context = first.get("ctx", {})
    if first["type"] == "missing":
        option = name if name == entry.text else f"--{name.replace('_', '-')}"
        return f"{option} is missing; `threadloom run {entry.name} --help` says what it is"
    if first["type"] in {"string_too_short", "string_too_long"} and name == entry.text:
        limit = f"at least {context['min_length']}" if "min_length" in context else f"at most {context['max_length']:,}"
        return f"the {name} is {len(str(first['input']).strip()):,} characters long; it takes {limit}"
    return f"{name.replace('_', '-')}: {first['msg']} (got {str(first['input'])[:60]!r})"
