"""Which role plays a node: always the same, or a strong or a cheap one by how hard the task is and what is left."""

import re
from collections.abc import Callable
from typing import NamedTuple

from langchain_core.messages import HumanMessage

from threadloom.models.chain import OWN
from threadloom.state.agent import AgentState
from threadloom.state.budget import left

STRONG_FROM = 2
"""Signs of a hard task that call for the strong role."""
POOR = 0.25
"""Part of any limit below which the cheap role has to do."""
LONG = 400
_HARD = re.compile(
    r"\b(why|prove|proof|derive|compare|trade-?offs?|design|plan|debug|analy[sz]e|evaluate|step by step|optimi[sz]e)\b",
    re.IGNORECASE,
)


class Pick(NamedTuple):
    """The role to ask, and why that one."""

    role: str
    reason: str


Chooser = Callable[[AgentState], Pick]
"""Picks a role for the coming call of a model."""


def always(role: str) -> Chooser:
    """One role, whatever the task."""
    return lambda _: Pick(role, OWN)


def chooser(role: str | Chooser) -> Chooser:
    """What a role given as a name, or as a chooser, comes to."""
    return always(role) if isinstance(role, str) else role


def named(*roles: str | Chooser) -> list[str]:
    """Those of the roles that are known beforehand."""
    return sorted({role for role in roles if isinstance(role, str)})


def by_effort(cheap: str, strong: str) -> Chooser:
    """The strong role for hard tasks and for runs that got stuck, unless little is left of the budget."""

    def choose(state: AgentState) -> Pick:
        limits = state.get("limits", {})
        rest = left(limits, state.get("usage", {}), state.get("work"))
        if poor := [name for name in rest if rest[name] < POOR * limits[name]]:  # type: ignore[literal-required]  # keys of both
            return Pick(cheap, f"little is left of {poor[0]}")
        if state.get("interventions"):
            return Pick(strong, "the run got stuck")
        signs = _signs(_asked(state))
        return Pick(strong, f"hard: {', '.join(signs)}") if len(signs) >= STRONG_FROM else Pick(cheap, "an easy task")

    return choose


def _asked(state: AgentState) -> str:
    return next((one.text for one in reversed(state["messages"]) if isinstance(one, HumanMessage)), "")


def _signs(text: str) -> list[str]:
    """What makes a task look hard: its wording, length, parts, code."""
    signs = sorted({word.lower() for word in _HARD.findall(text)})
    signs += ["long"] if len(text) > LONG else []
    signs += ["several questions"] if text.count("?") > 1 else []
    return signs + (["code"] if "```" in text else [])
