"""A structured thought of a role, within the budget: a plan, a reflection, a judgement.

One call is kept for the answer that follows. Where no language model plays the role, the budget has no room, or the
answers do not fit, there is no thought, and whoever asked does without; an endpoint that fails ends the run, which can
be resumed from there. Unless an answer was paid for before it failed: what a node raises an error on is not counted.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

from langchain_core.messages import BaseMessage
from pydantic import BaseModel

from threadloom.models.chain import ModelAnswerError
from threadloom.models.roles import Models
from threadloom.models.structured import ask
from threadloom.nodes.choose import Pick
from threadloom.nodes.within import TooSlowError, within
from threadloom.state.agent import AgentState
from threadloom.state.budget import Stopwatch, after_answer, calls_left, left, standing
from threadloom.state.reducers import total_usage

T = TypeVar("T", bound=BaseModel)


class Spent(NamedTuple):
    """Why there is no thought (empty when there is), and what the caller's node returns besides its own results."""

    why: str
    update: dict[str, Any]


def ponder(
    models: Models, pick: Pick, node: str, schema: type[T], messages: Sequence[BaseMessage], state: AgentState
) -> tuple[T | None, Spent]:
    """Ask the picked role for a `schema`. Raises ModelAnswerError when no model of the role gave any answer."""
    watch, role = Stopwatch(), pick.role
    limits, usage, work = state.get("limits", {}), state.get("usage", {}), state.get("work")
    stand, rest = standing(limits, usage, work), left(limits, usage, work)
    if models.is_extractive(role):
        return None, Spent(f"no language model plays the {role}", {})
    if stand.phase != "open":
        return None, Spent(stand.reason, {})
    most = calls_left(after_answer(rest))
    try:
        answer = within(rest.get("seconds"), lambda: ask(models, role, schema, messages, most=most))
    except TooSlowError as error:
        return None, Spent(f"the {role} gave {error}", {"work": watch.work(1)})
    except ModelAnswerError as error:
        if error.__cause__ is not None and not error.usage:
            raise
        why = f"the {role} gave no usable answer ({error})"
        calls = total_usage(error.usage)["calls"]
        return None, Spent(why, {"usage": error.usage, "work": watch.work(calls), "notes": {node: why}})
    return answer.value, Spent(
        "",
        {
            "usage": answer.usage,
            "work": watch.work(total_usage(answer.usage)["calls"]),
            "choices": [answer.choice(node, pick.reason)],
            **({"notes": {node: answer.note}} if answer.note else {}),
        },
    )
