"""Text and messages to fill states with: the same in every run, no two alike, about as compressible as prose."""

import random

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage

_chance = random.Random(1)
_WORDS = ["".join(_chance.choices("aeinorstbcdfghlmpu", k=_chance.randint(2, 10))) for _ in range(5_000)]


def text(chance: random.Random, characters: int) -> str:
    """Words up to a length."""
    return " ".join(chance.choices(_WORDS, k=characters // 5))[:characters]


def messages(chance: random.Random, count: int) -> list[AnyMessage]:
    """Questions and answers in turn, about 0.5 kB each."""
    kinds = (HumanMessage, AIMessage)
    return [kinds[number % 2](text(chance, 500)) for number in range(count)]
