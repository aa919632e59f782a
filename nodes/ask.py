"""How nodes ask a model: with the extractive model as the last resort that says so."""

from dataclasses import replace
from typing import TypeVar

from langchain_core.messages import BaseMessage
from pydantic import BaseModel

from threadloom.models.chain import Answer, ModelAnswerError
from threadloom.models.roles import Models
from threadloom.models.structured import ask
from threadloom.nodes.within import TooSlowError, within
from threadloom.state.budget import Limits, calls_left
from threadloom.state.reducers import merge_usage

T = TypeVar("T", bound=BaseModel)


def ask_or_extract(
    models: Models, role: str, schema: type[T], messages: list[BaseMessage], rest: Limits | None = None
) -> Answer[T]:
    """Ask the role's chain; when no model of it gives a usable answer, the extractive model does.

    `rest` is what a budget leaves for it: extraction costs nothing, so it may follow where nothing is left.

    A run that has come this far is worth more with an extractive stage that says so, in the answer's note, than
    without one.
    """
    try:
        most = calls_left(rest or {})
        return within((rest or {}).get("seconds"), lambda: ask(models, role, schema, messages, most=most))
    except (ModelAnswerError, TooSlowError) as error:
        answer = ask(models.extractive(), role, schema, messages)
        note = f"no usable answer from a language model ({error}); sentences were selected instead"
        spent = error.usage if isinstance(error, ModelAnswerError) else {}
        return replace(answer, usage=merge_usage(spent, answer.usage), note=note)
