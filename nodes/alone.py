"""A supervisor on its own: the budget pays for no specialist between its next turn and its answer.

What it delegated then nobody could carry out, or its result nobody could read.
"""

from typing import Any

from threadloom.nodes.node import Node
from threadloom.state.budget import MEASURES, Measure, after_answer, left, limit, standing
from threadloom.state.team import TeamState

TOLD = "Note: {reason}. Answer now with what you have, and say what is missing."


def no_room(state: TeamState) -> str:
    """Why no specialist could be asked from here on; empty where one could."""
    limits = state.get("limits", {})
    rest = after_answer(after_answer(left(limits, state.get("usage", {}), state.get("work"))))
    gone: list[Measure] = [name for name in MEASURES if name in rest and rest[name] <= 0]
    return f"{limit(gone[0], limits)} has no room for a specialist" if gone else ""


def alone(turn: Node[Any], *, otherwise: Node[Any], asks: bool) -> Node[Any]:
    """Node factory: `turn`, a last one without tools, where there is no room; unless a person is asked for more."""

    def speak(state: TeamState) -> dict[str, Any]:
        stand = standing(state.get("limits", {}), state.get("usage", {}), state.get("work"))
        reason = no_room(state) if stand.phase == "open" else ""
        if not reason:
            return otherwise(state)
        if asks and not state.get("declined"):
            return {}
        said = turn(state)
        return {**said, "stopped": reason} if "messages" in said else said

    return speak
