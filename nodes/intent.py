"""What a message asks for: classified into routes, and asked about where that is in doubt."""

from collections.abc import Callable, Sequence
from typing import Any

from langgraph.types import Overwrite

from threadloom.models.extractive.courtesy import kindness
from threadloom.models.prompts import element, plain, prompt
from threadloom.models.roles import Models
from threadloom.nodes.ask import ask_or_extract
from threadloom.nodes.begin import require_message
from threadloom.nodes.handler import Handler
from threadloom.nodes.node import Node
from threadloom.nodes.question import ask_person
from threadloom.state.answers import RouteAnswer
from threadloom.state.budget import Limits, Stopwatch, checked, narrower
from threadloom.state.choice import Choice
from threadloom.state.drafts import RouteDraft, RoutesDraft
from threadloom.state.reducers import lean
from threadloom.state.routing import Route, RoutingState
from threadloom.state.usage import Usage

TASK = (
    "Say which of the options handle the message. Most messages need one; a message that asks for several things needs "
    "one for each, in its order. Copy the part of the message that asks for each."
)
MAX_CHARS = 20_000
"""Of a message, for the classifier; the handlers get all of it."""


def classify_message(models: Callable[[], Models], handlers: Sequence[Handler], budget: Limits) -> Node[RoutingState]:
    """Node factory: forgets what an earlier run of the thread left, and finds the routes of the last message.

    A message that only greets, thanks or praises has none, and no model is asked about it.
    """
    options = [element("option", handler.about, name=handler.name) for handler in handlers]
    names = [handler.name for handler in handlers]

    def classify(state: RoutingState) -> dict[str, Any]:
        require_message(state)
        watch, text = Stopwatch(), state["messages"][-1].text
        # A share of somebody else's budget may well be 0: then the handlers say so.
        limits = narrower(budget, checked(state.get("budget") or {}, least=0))
        routes: list[Route] = []
        usage: dict[str, Usage] = {}
        choices: list[Choice] = []
        note = ""
        if not kindness(text):
            messages = prompt(TASK, element("message", text[:MAX_CHARS]), *options)
            answer = ask_or_extract(models(), "router", RoutesDraft, messages, limits)
            routes, usage, note = _routes(answer.value.routes, names, text), answer.usage, answer.note
            choices = [answer.choice("classify")]
        update = {
            **fresh(),
            "limits": limits,
            "routes": routes,
            "usage": Overwrite(usage),
            "work": Overwrite(watch.work(1)),
            "choices": Overwrite(choices),
            "notes": Overwrite({"classify": note} if note else {}),
        }
        return lean(state, update)

    return classify


def fresh() -> dict[str, Any]:
    """What every run begins with; the conversation stays."""
    return {"handled": Overwrite({}), "refused": "", "reason": "", "finished_at": None}


def in_doubt(routes: Sequence[Route], least: float) -> bool:
    """Whether nothing was found, or one of the routes is not sure enough."""
    return not routes or any(route["confidence"] < least for route in routes)


def fall_back(least: float, fallback: str) -> Node[RoutingState]:
    """Node factory: routes that are not sure enough become the fallback."""

    def settle(state: RoutingState) -> dict[str, Any]:
        sure = [route for route in state["routes"] if route["confidence"] >= least]
        unsure = [route for route in state["routes"] if route["confidence"] < least]
        if sure and not unsure:
            return {}
        guesses = [f"perhaps {route['label']} ({route['confidence']:.2f})" for route in unsure] or ["nothing fits"]
        kept = [route for route in sure if route["label"] != fallback]
        text = str(state["messages"][-1].text)
        return {"routes": [*kept, Route(label=fallback, confidence=0.0, reasons=guesses, text=text)]}

    return settle


def ask_route(handlers: Sequence[Handler]) -> Node[RoutingState]:
    """Node factory: asks a person which handlers a message is for."""
    names = [handler.name for handler in handlers]

    def ask(state: RoutingState) -> dict[str, Any]:
        text, guesses = str(state["messages"][-1].text), [route["label"] for route in state["routes"]]
        try:
            answer = ask_person(
                RouteAnswer,
                "route",
                f"Which of these is the message for: {', '.join(names)}?",
                state.get("refused", ""),
                {"labels": guesses or names[:1]},
                ids=names,
                markdown="\n".join(f"> {line}" for line in text[:MAX_CHARS].splitlines()),
                details={"routes": state["routes"]},
            )
            if unknown := [label for label in answer.labels if label not in names]:
                raise ValueError(f"labels: there is no {', '.join(unknown)}; there are {', '.join(names)}")
        except ValueError as error:
            return {"refused": str(error)}
        parts = {route["label"]: route["text"] for route in state["routes"]}
        chosen = [
            Route(label=label, confidence=1.0, reasons=["a person said so"], text=parts.get(label, text))
            for label in dict.fromkeys(answer.labels)
        ]
        return {"refused": "", "routes": chosen}

    return ask


def _routes(drafts: Sequence[RouteDraft], names: Sequence[str], text: str) -> list[Route]:
    """Routes to handlers that exist, one each; a part that is not in the message is replaced by all of it."""
    routes: dict[str, Route] = {}
    for draft in drafts:
        if draft.label in names and draft.label not in routes:
            part = plain(draft.text).strip()
            routes[draft.label] = Route(
                label=draft.label,
                confidence=draft.confidence,
                reasons=[reason for reason in [" ".join(plain(draft.reason).split())] if reason],
                text=part if part in text and part else text,
            )
    return list(routes.values())
