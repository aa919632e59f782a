"""What the messages or the usage that a task wrote tell of tokens and dollars."""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, cast

from langchain_core.messages import AIMessage

from threadloom.runs.metering import Prices, one_call
from threadloom.state.usage import Usage, add_usage

NO_PRICES: Prices = MappingProxyType({})
NOTHING = Usage(calls=0, input_tokens=0, output_tokens=0, cost_usd=0.0)
DEEPEST = 8  # levels of lists and dicts in one another in which messages are looked for


def total(usages: Iterable[Usage]) -> Usage:
    """All of them together; the cost is unknown as soon as one is."""
    whole = NOTHING
    for usage in usages:
        whole = add_usage(whole, usage)
    return whole


def answers_in(value: Any, depth: int = 0) -> Iterator[AIMessage]:
    """The answers of models in a value, as far as their tokens were counted."""
    if isinstance(value, AIMessage):
        if value.usage_metadata:
            yield value
    elif isinstance(value, list | tuple | Mapping) and depth < DEEPEST:
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from answers_in(part, depth + 1)


def usage_in(message: AIMessage, prices: Prices) -> Usage:
    """What one answer took."""
    counted = message.usage_metadata
    if not counted:
        return NOTHING
    name = str(message.response_metadata.get("model_name") or "unknown")
    return one_call(name, counted["input_tokens"], counted["output_tokens"], prices)


def recorded_in(value: Any) -> Usage | None:
    """What a graph of ours has recorded itself, as {model: Usage}, priced when it was; None if it is no such record."""
    if not isinstance(value, Mapping) or not value:
        return None
    if not all(isinstance(one, Mapping) and one.keys() == NOTHING.keys() for one in value.values()):
        return None
    return total(cast("Usage", one) for one in value.values())
