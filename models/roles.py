"""Who does what: roles (planner, reader, writer, …) and the chains of models that play them."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Self

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage

from threadloom.models.breaker import Breaker
from threadloom.models.errors import FALL_BACK_ON
from threadloom.models.prepared import Prepared
from threadloom.models.settings import EXTRACTIVE, ModelEntry, ModelSettings

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableWithFallbacks

    ChatChain = BaseChatModel | RunnableWithFallbacks[LanguageModelInput, AIMessage]

RETRIES = 2
"""Of the last model of a chain. Where another follows, falling to it at once beats waiting."""


class Models:
    """Chat models by role. A role without a chain of its own is played by `default`.

    `entries` are complete (endpoint and key filled in), `chains` name them, first choice first; the name "extractive"
    is the embedded model, and it alone plays every role when nothing is given. `chats` are ready chat models, of any
    provider, that chains name too; their prices are not known.
    """

    def __init__(
        self,
        entries: Mapping[str, ModelEntry] | None = None,
        chains: Mapping[str, tuple[str, ...]] | None = None,
        chats: Mapping[str, BaseChatModel] | None = None,
    ) -> None:
        self._entries = dict(entries or {})
        self._chains = {"default": (EXTRACTIVE,), **(chains or {})}
        self._chats = dict(chats or {})
        self._breakers: dict[str | None, Breaker] = {}
        self._players: dict[str, list[tuple[str, BaseChatModel]]] = {}
        self.prepared = Prepared()

    @classmethod
    def of(cls, chat: BaseChatModel) -> Self:
        """One ready chat model for every role."""
        name = str(getattr(chat, "model_name", "") or getattr(chat, "model", "") or chat._llm_type)  # noqa: SLF001 - what every chat model has
        return cls(chains={"default": (name,)}, chats={name: chat})

    def chat(self, role: str) -> "ChatChain":
        """The role's chat model; one with others behind it falls to them on the errors of FALL_BACK_ON.

        It does what a chat model does: `invoke`, `stream`, `bind_tools`, `with_structured_output(…, include_raw=True)`.
        A stream falls back only until its first chunk: half an answer is not finished by another model.
        """
        first, *others = (chat for _, chat in self.players(role))
        return first.with_fallbacks(others, exceptions_to_handle=FALL_BACK_ON) if others else first

    def players(self, role: str) -> list[tuple[str, BaseChatModel]]:
        """The role's models, first choice first, each with its entry's name."""
        if role not in self._players:
            chain = self._chain(role)
            self._players[role] = [(name, self._model(name, RETRIES if name == chain[-1] else 0)) for name in chain]
        return self._players[role]

    def names(self, role: str) -> tuple[str, ...]:
        """The ids of the role's models at their providers, first choice first."""
        return tuple(map(self.id, self._chain(role)))

    def id(self, name: str) -> str:
        """The id at its provider of the model that the entry names."""
        return self._entries[name].model if name in self._entries else name

    def key(self, name: str) -> str:
        """The key with which the entry's model is asked; empty if there is none."""
        key = self._entries[name].api_key if name in self._entries else None
        return key.get_secret_value() if key else ""

    def label(self, role: str) -> str:
        """What a report says of who wrote it."""
        first, *others = ("extractive, no language model" if name == EXTRACTIVE else name for name in self.names(role))
        return f"{first} (falls back to {', then '.join(others)})" if others else first

    def is_extractive(self, role: str) -> bool:
        """Whether no language model plays the role."""
        return set(self._chain(role)) == {EXTRACTIVE}

    def extractive(self) -> "Models":
        """The same roles, all played by the embedded model."""
        return Models()

    def cost(self, name: str, input_tokens: int, output_tokens: int) -> float | None:
        """USD for these tokens of the entry's model; None when its price is not known, 0 for the embedded one.

        An answer that took none, such as a replayed one, cost nothing.
        """
        if name == EXTRACTIVE or not (input_tokens or output_tokens):
            return 0.0
        entry = self._entries.get(name)
        if entry is None or entry.input_price is None or entry.output_price is None:
            return None
        return (input_tokens * entry.input_price + output_tokens * entry.output_price) / 1_000_000

    def prices(self) -> dict[str, tuple[float, float]]:
        """By the id of a model at its provider: USD per million tokens read and written, where that is known."""
        known = {EXTRACTIVE: (0.0, 0.0)}
        for entry in self._entries.values():
            if entry.input_price is not None and entry.output_price is not None:
                known[entry.model] = entry.input_price, entry.output_price
        return known

    def probe(self, deadline: float) -> list[tuple[str, str]]:
        """Each configured model by name and why it cannot be had (empty: it can), asked without spending a token."""
        from threadloom.models.openai import probe

        return [(name, probe(entry, deadline)) for name, entry in self._entries.items()]

    def _chain(self, role: str) -> tuple[str, ...]:
        return self._chains.get(role) or self._chains["default"]

    def _model(self, name: str, max_retries: int) -> BaseChatModel:
        if name in self._chats:
            return self._chats[name]
        if name == EXTRACTIVE:
            from threadloom.models.extractive.chat import ChatExtractive

            return ChatExtractive()
        from threadloom.models.openai import chat_model

        entry = self._entries[name]
        breaker = self._breakers.setdefault(entry.base_url, Breaker())
        return chat_model(entry, max_retries=max_retries, breaker=breaker)


def one_of(model: BaseChatModel | None, models: Models | None) -> Models | None:
    """Who plays the roles of a graph: `model` all of them, or `models`; None where settings have to say.

    Raises ValueError where both are given.
    """
    if model is not None and models is not None:
        raise ValueError("model, models: give one of them")
    return Models.of(model) if model else models


def when_needed(known: Models | None) -> Callable[[], Models]:
    """The known models, or those of the settings, which are read when a run first needs them."""
    return (lambda: known) if known else cache(load_models)


def load_models(settings: ModelSettings | None = None) -> Models:
    """Models as the settings have them. Raises ConfigError when a setting is wrong or a key is missing."""
    settings = settings or ModelSettings()
    return Models(settings.entries(), settings.chains())
