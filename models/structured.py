"""Asking a role for an answer that fits a schema: each model in turn, at most one repair each, and what all cost."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from langchain_core.exceptions import ModelError
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from pydantic import BaseModel, ValidationError

from threadloom.models.answers import answer_text, read_answer
from threadloom.models.errors import FALL_BACK_ON, describe, kind
from threadloom.models.roles import Models
from threadloom.state.reducers import merge_usage
from threadloom.state.usage import Usage

T = TypeVar("T", bound=BaseModel)
ATTEMPTS = 2


@dataclass(frozen=True)
class Answer(Generic[T]):
    """A validated answer, what all attempts used by model id, and the id of the model that gave it."""

    value: T
    usage: dict[str, Usage]
    model: str
    note: str = ""
    """Which models of the chain were asked before in vain, and why; empty when the first one answered."""


@dataclass(frozen=True)
class _Failure:
    """Why a model gave no answer: in a few words, and as a line."""

    kind: str
    text: str
    cause: ModelError | None = None
    next_may_do: bool = True


class ModelAnswerError(ModelError):
    """No model of the chain gave a usable answer; the text is one line. `usage` is what the attempts cost."""

    def __init__(self, text: str, usage: dict[str, Usage]) -> None:
        super().__init__(" ".join(text.split()))
        self.usage = usage


def ask(models: Models, role: str, schema: type[T], messages: Sequence[BaseMessage]) -> Answer[T]:
    """Ask the role's models in turn for a `schema`. What does not fit is sent back once, with what is wrong.

    The next model is asked after two answers that do not fit, or an error of FALL_BACK_ON. Raises ModelAnswerError
    when none is left, or after any other error.
    """
    usage: dict[str, Usage] = {}
    failures: dict[str, _Failure] = {}
    for name, chat in models.players(role):
        answer, used = _ask_one(models, name, chat, schema, messages)
        usage = merge_usage(usage, used)
        if not isinstance(answer, _Failure):
            return Answer(answer, usage, models.id(name), _note(models, failures, name))
        failures[name] = answer
        if not answer.next_may_do:
            break
    text = "; ".join(f"{models.id(name)}: {failure.text}" for name, failure in failures.items())
    raise ModelAnswerError(text, usage) from list(failures.values())[-1].cause


def _ask_one(
    models: Models, name: str, chat: BaseChatModel, schema: type[T], messages: Sequence[BaseMessage]
) -> tuple[T | _Failure, dict[str, Usage]]:
    """One model's answer, or why it gave none, and what its attempts used."""
    asked = chat.with_structured_output(schema, include_raw=True)
    usage: dict[str, Usage] = {}
    problem = ""
    for _ in range(ATTEMPTS):
        try:
            message: AIMessage = cast("dict[str, Any]", asked.invoke(messages))["raw"]
        except ModelError as error:
            line = describe(error, models.key(name))
            return _Failure(kind(error), line, error, isinstance(error, FALL_BACK_ON)), usage
        usage = merge_usage(usage, {models.id(name): _usage(models, name, message)})
        try:
            return read_answer(schema, message), usage
        except ValueError as error:
            problem = _problem(error)
            messages = [*messages, *_repair(schema, message, problem)]
    return _Failure("its answers did not fit", f"the answer is not usable: {problem}"), usage


def _note(models: Models, failures: Mapping[str, _Failure], name: str) -> str:
    told = [f"{models.id(failed)} did not answer ({failure.kind})" for failed, failure in failures.items()]
    return "; ".join([*told, f"{models.id(name)} did"]) if told else ""


def _usage(models: Models, name: str, message: AIMessage) -> Usage:
    tokens = message.usage_metadata
    if tokens is None:  # the server did not say, so nobody knows
        return Usage(calls=1, input_tokens=0, output_tokens=0, cost_usd=None)
    used = tokens["input_tokens"], tokens["output_tokens"]
    return Usage(calls=1, input_tokens=used[0], output_tokens=used[1], cost_usd=models.cost(name, *used))


def _problem(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}".removeprefix(": ")
        for problem in error.errors(include_url=False)[:5]
    )


def _repair(schema: type[BaseModel], message: AIMessage, problem: str) -> list[BaseMessage]:
    """The answer as plain text (an unanswered tool call would be refused), what is wrong with it, and the schema.

    The schema is spelt out because a server that ignored it the first time has not shown it to the model.
    """
    return [
        AIMessage(answer_text(message) or json.dumps([call["args"] for call in message.tool_calls])),
        HumanMessage(
            f"That answer cannot be used: {problem}. Answer again, briefly, with one JSON object and nothing else. "
            f"It must fit this JSON schema: {json.dumps(schema.model_json_schema())}"
        ),
    ]
