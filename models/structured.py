"""Asking a role for an answer that fits a schema: each model in turn, at most one repair each, and what all cost."""

import json
from collections.abc import Sequence
from typing import TypeVar

from langchain_core.exceptions import ModelError
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from pydantic import BaseModel

from threadloom.models.answers import answer_text, complaint, read_answer
from threadloom.models.chain import Answer, Failure, ask_in_turn, failure, used
from threadloom.models.roles import Models
from threadloom.state.reducers import merge_usage, total_usage
from threadloom.state.usage import Usage

T = TypeVar("T", bound=BaseModel)
ATTEMPTS = 2
NO_ROOM = "not asked, the budget left no model calls for it"


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
    if attempts < 1:
        return Failure("not asked", NO_ROOM, next_may_do=False), {}
    asked = models.prepared.structured(chat, schema)
    usage: dict[str, Usage] = {}
    problem = ""
    for _ in range(attempts):
        try:
            message = asked.invoke(list(messages))
        except ModelError as error:
            return failure(models, name, error), usage
        usage = merge_usage(usage, used(models, name, messages, message))
        try:
            return read_answer(schema, message), usage
        except ValueError as error:
            problem = complaint(error)
            messages = [*messages, *_repair(schema, message, problem)]
    return Failure("its answers did not fit", f"the answer is not usable: {problem}"), usage


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
