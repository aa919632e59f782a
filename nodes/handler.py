"""Handlers of a routed run: what each is for, one task for each part of a message, and what it costs when one fails."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langgraph.errors import GraphBubbleUp
from langgraph.types import Send
from pydantic import TypeAdapter

from threadloom.nodes.emit import emit
from threadloom.nodes.node import Node
from threadloom.nodes.within import within
from threadloom.state.budget import RESERVE, Limits, Stopwatch, left, shares, shortage
from threadloom.state.routing import Handled, Route, RoutingState, Task
from threadloom.tools.answer import MOST, capped
from threadloom.tools.text import clipped

ATTEMPTS = 2
"""The first answer, and one more that knows what was wrong with it."""
MOST_REASON = 300


@dataclass(frozen=True)
class Handler:
    """One specialised handler: its models and tools are its own business."""

    name: str
    about: str
    """What it is for: the classifier's description, with the words that speak for it, separated by commas."""
    handle: Node[Task]
    """Returns `{"handled": {label: Handled}}`, and `usage`, `work`, `choices` and `notes` if it has any."""


def checked_handlers(handlers: Sequence[Handler], taken: Sequence[str]) -> None:
    """Raises ValueError for handlers that cannot work; `taken` are names of nodes that are there already."""
    names = [handler.name for handler in handlers]
    if len(names) < 2:
        raise ValueError("handlers: at least two are needed, else there is nothing to choose")
    for name in names:
        if not re.fullmatch(r"\w[\w -]*", name) or name in taken:
            raise ValueError(f"handlers: {name!r} cannot be a name: words only, and none of {', '.join(taken)}")
        if names.count(name) > 1:
            raise ValueError(f"handlers: two are named {name!r}")
    if silent := [handler.name for handler in handlers if not handler.about.strip()]:
        raise ValueError(f"handlers: {', '.join(silent)}: say in `about` what it is for")


def to_handlers(state: RoutingState, routes: Sequence[Route], complaints: dict[str, str]) -> list[Send]:
    """One task a route, each with its share of the budget: of what is left before any of them starts.

    The last share is for reading the mood beside them.
    """
    parts = shares(_rest(state), len(routes) + 1)[:-1]
    before = state.get("handled", {})
    return [
        Send(
            route["label"],
            Task(
                route=route,
                message=str(state["messages"][-1].text),
                complaint=complaints.get(route["label"], ""),
                attempt=before[route["label"]]["attempt"] + 1 if route["label"] in complaints else 1,
                budget=part,
            ),
        )
        for route, part in zip(routes, parts, strict=True)
    ]


def beside_handlers(state: RoutingState) -> Limits:
    """The share of the mood, which is read at the same time as the handlers work."""
    return shares(_rest(state), len(state["routes"]) + 1)[-1]


def _rest(state: RoutingState) -> Limits:
    return left(state.get("limits", {}), state.get("usage", {}), state.get("work"))


def guarded(handler: Handler) -> Node[Task]:
    """The handler as a node: within its share of the budget, and what it raises is its problem and nobody else's.

    It is told a tenth less of the seconds, so that one that minds them can say what it used.
    """

    def run(state: Task) -> dict[str, Any]:
        watch, budget = Stopwatch(), state["budget"]
        emit("handler_started", handler=handler.name, attempt=state["attempt"])
        if gone := shortage(budget):
            before = state["complaint"]
            why = f"{before} (and no second attempt: {gone})" if before else gone
            done = {"work": watch.work(0), **failed(state, why, vain=True)}
        else:
            seconds = budget.get("seconds")
            told = budget if seconds is None else Limits(**{**budget, "seconds": seconds * (1 - RESERVE)})
            done = _tried(state, lambda: within(seconds, lambda: handler.handle({**state, "budget": told})))
        emit("handler_ended", handler=handler.name, problem=done["handled"][handler.name]["problem"])
        return {"work": watch.work(1), **done}

    return run


def failed(task: Task, problem: str, *, vain: bool = False) -> dict[str, Any]:
    """The update of a handler that has no answer; in `vain` it would be asked again."""
    label = task["route"]["label"]
    handled = Handled(
        label=label, by="", answer="", claims=[], dropped=[], problem=problem, attempt=task["attempt"], vain=vain
    )
    return {"handled": {label: handled}}


def _tried(task: Task, work: Callable[[], Any]) -> dict[str, Any]:
    label = task["route"]["label"]
    try:
        done = work()
        if not isinstance(done, Mapping) or not isinstance(done.get("handled"), Mapping):
            raise TypeError(f"the handler {label} returned {done!r:.60}, not what it handled by label")
        if set(done["handled"]) != {label}:
            raise ValueError(f"the handler {label} answered for {', '.join(done['handled']) or 'nobody'}")
        kept: dict[str, Any] = {key: done[key] for key in ("usage", "work", "choices") if key in done}
        notes = {key: clipped(note, MOST_REASON) for key, note in done.get("notes", {}).items()}
        handled = _bounded(_HANDLED.validate_python(done["handled"][label]))
        kept |= {"notes": notes} if notes else {}
        return {**kept, "handled": {label: {**handled, "attempt": task["attempt"]}}}
    except GraphBubbleUp:
        raise
    except Exception as error:  # noqa: BLE001 - the handlers beside it go on
        return failed(task, f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")


_HANDLED = TypeAdapter(Handled)


def _bounded(handled: Handled) -> Handled:
    """What any person and any checkpoint can take. Raises ValueError where the claims alone are too much."""
    size = len(json.dumps([handled["claims"], handled["dropped"]]))
    if size > MOST:
        raise ValueError(f"its claims take {size:,} characters; at most {MOST:,} are kept")
    answer = capped(handled["answer"], rest="the rest was not kept")
    return {**handled, "answer": answer, "problem": clipped(handled["problem"], MOST_REASON)}
