"""What a run waits for: questions of its graph and its subgraphs, and effects whose outcome is not known."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from langgraph.types import StateSnapshot

from threadloom.runs.errors import AnswerRefusedError
from threadloom.runs.ledger import Effect

EFFECT = "effect "
HANDLE = re.compile(f"[0-9a-f]{{32}}|{EFFECT}.*", re.DOTALL)
RETRY, HAPPENED, GIVE_UP = "retry", "happened", "give up"
OUTCOMES = {
    "oneOf": [
        {"enum": [RETRY, HAPPENED, GIVE_UP]},
        {
            "type": "object",
            "properties": {"outcome": {"const": HAPPENED}, "value": {}},
            "required": ["outcome"],
            "additionalProperties": False,
        },
    ]
}


@dataclass(frozen=True)
class Question:
    """Something that a run waits for.

    Attributes:
        handle: by which an answer names it.
        kind: "interrupt" of a node, or an "effect" whose outcome is not known.
        node: which node asks, within its graph; empty for an effect.
        path: the nodes in which that graph runs, from the root.
        prompt: what is asked: the interrupt's value, or a line of text.
        schema: JSON Schema of the answer; None when anything will do.
    """

    handle: str
    kind: Literal["interrupt", "effect"]
    node: str
    path: tuple[str, ...]
    prompt: Any
    schema: Mapping[str, Any] | None = None


def questions_of(snapshot: StateSnapshot, effects: Iterable[Effect]) -> list[Question]:
    """All that is pending, from the state with its subgraphs and from the ledger; each handle once."""
    found = {question.handle: question for question in _interrupts(snapshot, ())}
    return [*found.values(), *map(_effect, effects)]


def answers_to(questions: list[Question], answer: Any) -> dict[str, Any]:
    """Answers by handle.

    Args:
        questions: what is pending.
        answer: of one question its answer; of several a mapping from handles, not necessarily of all of them.

    Raises:
        AnswerRefusedError: nothing is pending, it is not clear what is answered, or an answer has the wrong shape.
    """
    if not questions:
        raise AnswerRefusedError("nothing is pending, so there is nothing to answer; resume without an answer")
    handles = {question.handle: question for question in questions}
    # What looks like a handle is one: else an answer to a question that is gone would be taken for one to the next.
    named = isinstance(answer, Mapping) and answer and all(isinstance(k, str) and HANDLE.fullmatch(k) for k in answer)
    if named and (unknown := [key for key in answer if key not in handles]):
        raise AnswerRefusedError(f"no question is pending with handle {', '.join(map(repr, unknown))}")
    if not named and len(questions) > 1:
        raise AnswerRefusedError(
            f"{len(questions)} questions are pending: answer with a mapping from handles, which are "
            + ", ".join(map(repr, handles))
        )
    answers = dict(answer) if named else {questions[0].handle: answer}
    for handle, given in answers.items():
        _check(handles[handle], given)
    return answers


def _interrupts(snapshot: StateSnapshot, path: tuple[str, ...]) -> Iterator[Question]:
    for task in snapshot.tasks:
        inner = task.state if isinstance(task.state, StateSnapshot) else None
        if inner and inner.interrupts:
            yield from _interrupts(inner, (*path, task.name))
        for interrupt in () if inner and inner.interrupts else task.interrupts:
            schema: Any = interrupt.response_schema
            shape = schema if isinstance(schema, Mapping) else None
            yield Question(interrupt.id, "interrupt", task.name, path, interrupt.value, shape)


def _effect(entry: Effect) -> Question:
    why = f" ({entry.error})" if entry.error else ""
    prompt = (
        f"Effect {entry.key!r} was begun, and nobody saw whether it happened{why}. Look where it would show, and say "
        f"{RETRY!r}, {HAPPENED!r} (or {{'outcome': {HAPPENED!r}, 'value': …}} with what it returned) or {GIVE_UP!r}."
    )
    return Question(EFFECT + entry.key, "effect", "", (), prompt, OUTCOMES)


def _check(question: Question, answer: Any) -> None:
    if question.schema is None:
        return
    from jsonschema import ValidationError  # 60 ms, for those who answer
    from jsonschema.validators import validator_for

    try:
        validator_for(question.schema)(question.schema).validate(answer)
    except ValidationError as error:
        where = ".".join(map(str, error.absolute_path)) or "the answer"
        told = f"one of {RETRY}, {HAPPENED}, {GIVE_UP}" if question.kind == "effect" else error.message
        raise AnswerRefusedError(f"question {question.handle}: {where}: {told}; the run stays as it is") from None
