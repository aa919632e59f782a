"""Asking a role for an answer that fits a schema: each model in turn, at most one repair each, and what all cost."""

import json
from collections.abc import Sequence
from typing import TypeVar

from langchain_core.exceptions import ModelError
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from pydantic import BaseModel

from threadloom.models.answers import answer_text, complaint, read_answer
from threadloom.models.chain import Answer, Failure, ask_in_turn, failure
from threadloom.models.roles import Models
from threadloom.state.reducers import merge_usage, total_usage
from threadloom.state.usage import Usage

T = TypeVar("T", bound=BaseModel)
ATTEMPTS = 2


def ask(
    models: Models, role: str, schema: type[T], messages: Sequence[BaseMessage], *, most: int | None = None
) -> Answer[T]:
    """Ask the role's models in turn for a `schema`. What does not fit is sent back once, with what is wrong.

    The next model is asked after two answers that do not fit, or an error of FALL_BACK_ON. `most` is how many answers
    may be paid for at all. Raises ModelAnswerError when no model or no answer is left, or after any other error.
    """
    paid = 0

    def attempt(name: str, chat: BaseChatModel) -> tuple[T | Failure, dict[str, Usage]]:
        nonlocal paid
        attempts = ATTEMPTS if most is None else min(ATTEMPTS, most - paid)
        answer, usage = _ask_one(models, name, chat, schema, messages, attempts)
        paid += total_usage(usage)["calls"]
        return answer, usage

    return ask_in_turn(models, role, attempt)


def _ask_one(
    models: Models, name: str, chat: BaseChatModel, schema: type[T], messages: Sequence[BaseMessage], attempts: int
) -> tuple[T | Failure, dict[str, Usage]]:
    """One model's answer, or why it gave none, and what its attempts used."""
    asked = models.prepared.structured(chat, schema)
    usage: dict[str, Usage] = {}
    problem = "the budget has no room for one"
    for _ in range(attempts):
        try:
            message = asked.invoke(list(messages))
        except ModelError as error:
            return failure(models, name, error), usage
        usage = merge_usage(usage, {models.id(name): _usage(models, name, message)})
        try:
            return read_answer(schema, message), usage
        except ValueError as error:
            problem = complaint(error)
            messages = [*messages, *_repair(schema, message, problem)]
    return Failure("its answers did not fit", f"the answer is not usable: {problem}"), usage


def _usage(models: Models, name: str, message: AIMessage) -> Usage:
    tokens = message.usage_metadata
    if tokens is None:  # the server did not say, so nobody knows
        return Usage(calls=1, input_tokens=0, output_tokens=0, cost_usd=None)
    used = tokens["input_tokens"], tokens["output_tokens"]
    return Usage(calls=1, input_tokens=used[0], output_tokens=used[1], cost_usd=models.cost(name, *used))


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
