"""Where a run of an agent begins: with a budget, and without what the run before it on the thread left."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage
from langgraph.types import Overwrite

from threadloom.models.characters import whole
from threadloom.models.roles import Models
from threadloom.nodes.node import Node
from threadloom.state.budget import Limits, checked, narrower, no_work
from threadloom.state.reducers import lean


def begin(
    limits: Limits, models: Callable[[], Models], roles: Sequence[str], also: Mapping[str, Any] | None = None
) -> Node[Any]:
    """Node factory; `also` is what a run begins with besides.

    The node raises ValueError on a conversation without a message, and on a budget that is none, or is in dollars
    while a price is not known.
    """

    def start(state: Any) -> dict[str, Any]:  # all of it, whichever graph's it is
        require_message(state)
        # A share of somebody else's budget may well be 0: then the run ends at once and says so.
        allowed = narrower(limits, checked(state.get("budget") or {}, least=0))
        if "usd" in allowed:
            require_prices(models(), roles)
        return lean(state, {**_fresh(state), **mended(state["messages"]), **(also or {}), "limits": allowed})

    return start


def mended(messages: Sequence[BaseMessage]) -> dict[str, Any]:
    """What people said with half characters, without them: clients cut texts within a character."""
    said = [one for one in messages if isinstance(one, HumanMessage) and whole(one.content) != one.content]
    return {"messages": [one.model_copy(update={"content": whole(one.content)}) for one in said]} if said else {}


def require_message(state: Mapping[str, Any]) -> None:
    """Raises ValueError if there is nothing to answer."""
    if not state.get("messages"):
        raise ValueError("messages: none given; it is the last one that is answered")


def check_budget(budget: Limits, known: Models | None, roles: Sequence[str]) -> None:
    """Raises ValueError on a budget that is none, or is in dollars while a price is known to be missing."""
    checked(budget)
    if known and "usd" in budget:
        require_prices(known, roles)


def require_prices(models: Models, roles: Sequence[str]) -> None:
    """Raises ValueError if the price of a model that plays one of the roles is not known."""
    names = {name for role in roles for name, _ in models.players(role)}
    if unknown := sorted(models.id(name) for name in names if models.cost(name, 1, 1) is None):
        raise ValueError(
            f"budget: usd cannot be kept, the price of {', '.join(unknown)} is not known; "
            "set input_price and output_price, or limit tokens"
        )


def _fresh(state: Mapping[str, Any]) -> dict[str, Any]:
    """What every run begins with, whatever an earlier one on the thread left; the conversation stays."""
    return {
        "usage": Overwrite({}),
        "work": Overwrite(no_work()),
        "choices": Overwrite([]),
        "interventions": Overwrite([]),
        "decisions": Overwrite({}),
        "acts": Overwrite([]),
        "notes": Overwrite({}),
        **{key: empty for key, empty in (("refused", ""), ("declined", False)) if state.get(key)},
        "stopped": "",
        "finished_at": None,
    }
