"""Asking the models of a role in turn: the next one where the one before failed, and what all of them cost."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from langchain_core.exceptions import ModelError
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.utils import count_tokens_approximately

from threadloom.models.errors import FALL_BACK_ON, describe, kind
from threadloom.models.roles import Models
from threadloom.state.choice import Choice
from threadloom.state.reducers import merge_usage
from threadloom.state.usage import Usage

T = TypeVar("T")
OWN = "the role of this node"
"""Why a role was asked at a node that always asks the same."""


@dataclass(frozen=True)
class Answer(Generic[T]):
    """An answer, what all attempts used by model id, the role that was asked, and the id of the model that answered."""

    value: T
    usage: dict[str, Usage]
    role: str
    model: str
    note: str = ""
    """Which models of the chain were asked before in vain, and why; empty when the first one answered."""

    def choice(self, node: str, reason: str = OWN) -> Choice:
        """What the state keeps of it: who answered at the node, and why that model."""
        return Choice(node=node, role=self.role, model=self.model, reason="; ".join(filter(None, [reason, self.note])))


@dataclass(frozen=True)
class Failure:
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


Attempt = Callable[[str, BaseChatModel], tuple[T | Failure, dict[str, Usage]]]
"""Ask one model, given its entry's name: what it answered or why it did not, and what that used."""


def ask_in_turn(models: Models, role: str, attempt: Attempt[T]) -> Answer[T]:
    """The first answer that a model of the role gives.

    Raises ModelAnswerError when none is left, or after an error that the next model would meet too.
    """
    usage: dict[str, Usage] = {}
    failures: dict[str, Failure] = {}
    for name, chat in models.players(role):
        answer, used = attempt(name, chat)
        usage = merge_usage(usage, used)
        if not isinstance(answer, Failure):
            return Answer(answer, usage, role, models.id(name), _note(models, failures, name))
        failures[name] = answer
        if not answer.next_may_do:
            break
    text = "; ".join(f"{models.id(name)}: {failure.text}" for name, failure in failures.items())
    raise ModelAnswerError(text, usage) from list(failures.values())[-1].cause


def failure(models: Models, name: str, error: ModelError) -> Failure:
    """A model's error as what `attempt` returns."""
    return Failure(kind(error), describe(error, models.key(name)), error, isinstance(error, FALL_BACK_ON))


def used(models: Models, name: str, messages: Sequence[BaseMessage], message: AIMessage) -> dict[str, Usage]:
    """What one answer of a model took. Tokens that the server did not count are estimated, so that a budget holds."""
    counted = message.usage_metadata
    read = counted["input_tokens"] if counted else count_tokens_approximately(messages)
    written = counted["output_tokens"] if counted else count_tokens_approximately([message])
    cost = models.cost(name, read, written)
    return {models.id(name): Usage(calls=1, input_tokens=read, output_tokens=written, cost_usd=cost)}


def _note(models: Models, failures: Mapping[str, Failure], name: str) -> str:
    told = [f"{models.id(failed)} did not answer ({failure.kind})" for failed, failure in failures.items()]
    return "; ".join([*told, f"{models.id(name)} did"]) if told else ""
