"""Asking a person: one interrupt, an answer of a known shape, and a reason when it does not fit.

An answer that does not fit does not end the run: the node returns the reason as `refused`, is visited again and asks
with it. The schema goes to clients (Studio draws a form from it) as a dict, which LangGraph passes on without
validating: a model class would end the run with a ValidationError instead.
"""

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from langgraph.types import interrupt
from pydantic import BaseModel, ValidationError
from typing_extensions import TypedDict

from threadloom.state.answers import ANSWERS

A = TypeVar("A", bound=BaseModel)


class Question(TypedDict):
    """What a paused run asks: the interrupt's value."""

    kind: str
    """Key of ANSWERS: the shape of the answer."""
    prompt: str
    refused: str
    """Why the answer before this one was refused; empty the first time."""
    example: dict[str, Any]
    ids: list[str]
    """What an answer may name."""
    papers: list[dict[str, Any]]
    markdown: str
    """What the question is about, to be read."""
    details: dict[str, Any]
    """The same for programs."""


def ask_person(
    shape: type[A],
    kind: str,
    prompt: str,
    refused: str,
    example: dict[str, Any],
    *,
    ids: list[str] | None = None,
    papers: list[dict[str, Any]] | None = None,
    markdown: str = "",
    details: dict[str, Any] | None = None,
) -> A:
    """Pause until a person answers; a node calls this once, before it does anything else that counts.

    Raises ValueError with one line for an answer that does not fit.
    """
    question = Question(
        kind=kind,
        prompt=prompt,
        refused=refused,
        example=example,
        ids=ids or [],
        papers=papers or [],
        markdown=markdown,
        details=details or {},
    )
    return _parse(question, interrupt(question, response_schema=shape.model_json_schema()), shape)


def check(question: Mapping[str, Any], answer: object) -> None:
    """Validate an answer before the run is resumed with it. Raises ValueError with one line that says what is wrong."""
    _parse(question, answer, ANSWERS[question["kind"]])


def _parse(question: Mapping[str, Any], answer: object, shape: type[A]) -> A:
    example = json.dumps(question["example"], ensure_ascii=False)
    if not isinstance(answer, dict):
        raise ValueError(f"an answer is a JSON object such as {example}")
    try:
        parsed = shape.model_validate(answer)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "answer"
        raise ValueError(f"{where}: {first['msg']}; an answer looks like {example}") from None
    named = [*getattr(parsed, "drop", []), *getattr(parsed, "add", [])]
    if unknown := [id_ for id_ in named if id_ not in question["ids"]]:
        raise ValueError(f"nothing to read here has the id {', '.join(unknown)}")
    if twice := {id_ for id_ in named if named.count(id_) > 1}:
        raise ValueError(f"named more than once: {', '.join(sorted(twice))}")
    return parsed
