"""Asking a role for an answer that fits a schema: one question, at most one repair, and what both cost."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from langchain_core.exceptions import ModelError
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from pydantic import BaseModel, ValidationError

from threadloom.models.answers import answer_text, read_answer
from threadloom.models.errors import describe
from threadloom.models.roles import Models
from threadloom.state.reducers import merge_usage
from threadloom.state.usage import Usage

T = TypeVar("T", bound=BaseModel)
ATTEMPTS = 2


@dataclass(frozen=True)
class Answer(Generic[T]):
    """A validated answer, what all attempts used by model name, and the id of the model that gave it."""

    value: T
    usage: dict[str, Usage]
    model: str


class ModelAnswerError(ModelError):
    """No model of the chain gave a usable answer; the text is one line. `usage` is what the attempts cost."""

    def __init__(self, text: str, usage: dict[str, Usage]) -> None:
        super().__init__(" ".join(text.split()))
        self.usage = usage


def ask(models: Models, role: str, schema: type[T], messages: Sequence[BaseMessage]) -> Answer[T]:
    """Ask the role's chain for a `schema`. An answer that does not fit is sent back once, with what is wrong.

    Raises ModelAnswerError when no model can be had or the second answer does not fit either.
    """
    chat = models.chat(role).with_structured_output(schema, include_raw=True)
    usage: dict[str, Usage] = {}
    name = problem = ""
    for _ in range(ATTEMPTS):
        try:
            message: AIMessage = cast("dict[str, Any]", chat.invoke(messages))["raw"]
        except ModelError as error:
            raise ModelAnswerError(f"{models.label(role)}: {describe(error)}", usage) from error
        name = message.response_metadata.get("model_name") or models.names(role)[0]
        usage = merge_usage(usage, {name: _usage(models, name, message)})
        try:
            return Answer(read_answer(schema, message), usage, name)
        except ValueError as error:
            problem = _problem(error)
            messages = [*messages, *_repair(schema, message, problem)]
    raise ModelAnswerError(f"{name}: the answer is not usable: {problem}", usage)


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
