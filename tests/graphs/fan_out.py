"""Branches of every temper, for the tests of fan-outs."""

from collections.abc import Callable
from threading import Event
from typing import Any

from threadloom.nodes.branch import Branch, Found

Ask = Callable[..., Any]
QUESTION: Any = {"question": "What is on?"}
LONG = 30.0


def says(name: str, text: str = "", **facts: Any) -> Branch:
    return Branch(name, lambda question, stop: Found(text or f"{name} knows", [f"{name}.txt"], facts))


def failing(name: str) -> Branch:
    def work(question: str, stop: Event) -> str:
        raise OSError("no wire\nat all")

    return Branch(name, work)


def hanging(name: str, told: Event, deadline: float = LONG, begun: Event | None = None) -> Branch:
    """Works until it is told to stop."""

    def work(question: str, stop: Event) -> str:
        if begun:
            begun.set()
        if stop.wait(LONG):
            told.set()
        return "too late"

    return Branch(name, work, deadline)


def whys(state: Any) -> dict[str, str]:
    return {name: missing["why"] for name, missing in state["missing"].items()}
