"""Routing: a message is classified and goes to the handler it is for, or to several at once.

    classify -> [ask_route | fall_back] -> one handler a part, and mood beside them -> check -> the handler again, once
                                                                                           -> person -> END
                                                                                           -> respond -> END

The ready graph is a customer-support desk: billing, technical and general answer from a knowledge base, and every
sentence of theirs carries words of it. What is not good enough after a second attempt, and what an angry customer is to
be told, a person sees first.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

from langchain_core.language_models import BaseChatModel
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

from threadloom.graphs.support import desk
from threadloom.models.extractive.courtesy import kindness
from threadloom.models.roles import Models, one_of, when_needed
from threadloom.nodes.escalate import ask_what_to_do, check
from threadloom.nodes.handler import ATTEMPTS, Handler, checked_handlers, guarded, to_handlers
from threadloom.nodes.intent import ask_route, classify_message, fall_back, in_doubt
from threadloom.nodes.mood import read_mood
from threadloom.nodes.respond import respond
from threadloom.state.agent import AgentInput
from threadloom.state.budget import Limits, checked
from threadloom.state.routing import RoutingState, Task
from threadloom.tools.knowledge.articles import Knowledge, sample

Routing = StateGraph[RoutingState, None, Any, RoutingState]
"""Its input is a mapping that fits `AgentInput`; the type is Any so that callers may write a plain dict."""

OWN = ("classify", "ask_route", "fall_back", "mood", "check", "person", "respond")
BUDGET = Limits(model_calls=25, steps=50, seconds=600)


def build(
    *,
    model: BaseChatModel | None = None,
    models: Models | None = None,
    handlers: Sequence[Handler] | None = None,
    knowledge: Knowledge | None = None,
    least: float = 0.5,
    at_doubt: Literal["ask", "fall back"] = "fall back",
    fallback: str = "",
    people: bool = True,
    budget: Limits = BUDGET,
) -> Routing:
    """Wire the graph. Compile it with a checkpointer of your choice to pause and resume runs.

    `model` plays every role, or `models` has them: `router` classifies, `judge` reads the mood, and the desk's handlers
    have roles of their names; without either, the settings do, read when a run first needs them. `handlers` are the
    desk's unless given, which answers from `knowledge`, the sample unless given. Where a route is less sure than
    `least` (0 to 1), a person is asked which it is, or the `fallback` takes it, by default the last handler. Without
    `people` nobody is asked about the answer, and what has none says so. Raises ValueError for what cannot work.
    """
    if handlers is not None and knowledge is not None:
        raise ValueError("knowledge belongs to the ready handlers; handlers of your own bring theirs")
    known = one_of(model, models)
    get_models = when_needed(known)
    handlers = desk(get_models, lambda: knowledge or sample()) if handlers is None else list(handlers)
    names = [handler.name for handler in handlers]
    fallback = fallback or names[-1] if names else ""
    _check(handlers, least, fallback, budget)

    doubt = "ask_route" if at_doubt == "ask" else "fall_back"
    graph: Routing = StateGraph(RoutingState, input_schema=AgentInput)
    graph.add_node("classify", classify_message(get_models, handlers, budget))
    graph.add_node(doubt, ask_route(handlers) if at_doubt == "ask" else fall_back(least, fallback))
    for handler in handlers:
        graph.add_node(handler.name, guarded(handler), input_schema=Task)
    graph.add_node("mood", read_mood(get_models))
    graph.add_node("check", check)
    graph.add_node("respond", respond)

    graph.add_edge(START, "classify")
    graph.add_conditional_edges("classify", _after_classify(least, doubt), [doubt, *names, "mood", "respond"])
    again = [doubt] if at_doubt == "ask" else []
    graph.add_conditional_edges(doubt, _after_doubt, [*again, *names, "mood"])
    for name in (*names, "mood"):
        graph.add_edge(name, "check")
    ends = ["respond", "person"] if people else ["respond"]
    graph.add_conditional_edges("check", _after_check(people=people), [*names, *ends])
    if people:
        graph.add_node("person", ask_what_to_do)
        graph.add_conditional_edges("person", _after_person, ["person", END])
    graph.add_edge("respond", END)
    return graph


def _check(handlers: Sequence[Handler], least: float, fallback: str, budget: Limits) -> None:
    checked_handlers(handlers, OWN)
    checked(budget)
    if not 0 <= least <= 1:
        raise ValueError(f"least: {least} is no share of 1")
    if fallback not in {handler.name for handler in handlers}:
        raise ValueError(f"fallback: there is no handler {fallback!r}")


def _visits(state: RoutingState) -> list[Send | str]:
    return [*to_handlers(state, state["routes"], {}), "mood"]


def _after_classify(least: float, doubt: str) -> Callable[[RoutingState], list[Send | str] | str]:
    def route(state: RoutingState) -> list[Send | str] | str:
        if not state["routes"] and kindness(str(state["messages"][-1].text)):
            return "respond"
        return doubt if in_doubt(state["routes"], least) else _visits(state)

    return route


def _after_doubt(state: RoutingState) -> list[Send | str] | str:
    """Ask again after a refused answer, else to the handlers."""
    return "ask_route" if state.get("refused") else _visits(state)


def _after_check(*, people: bool) -> Callable[[RoutingState], list[Send] | str]:
    """Once more to handlers whose answer is no good, then to a person if there is one and a reason."""

    def route(state: RoutingState) -> list[Send] | str:
        handled = state["handled"].values()
        worth = [one for one in handled if one["attempt"] < ATTEMPTS and not one.get("vain")]
        complaints = {one["label"]: one["problem"] for one in worth if one["problem"]}
        if complaints:
            again = [one for one in state["routes"] if one["label"] in complaints]
            return to_handlers(state, again, complaints)
        return "person" if people and state.get("reason") else "respond"

    return route


def _after_person(state: RoutingState) -> str:
    return "person" if state.get("refused") else END


graph: Any = build().compile(name="routing")
"""What Studio loads; without a checkpointer, the server brings its own."""
