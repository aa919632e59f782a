"""A graph that waits for several answers at once, in the root, in sends and in a subgraph, and versions of it."""

import operator
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send, interrupt
from typing_extensions import TypedDict

from threadloom.runs.migrations import ChangedType, Migration, RenamedKey, RenamedNode

CONFIG: Any = {"configurable": {"thread_id": "t"}}
GIVEN = {"got": ["given"]}


@dataclass(frozen=True)
class Names:
    """What nodes and keys are called in a version, and the type of the count."""

    first: str = "first"
    ask: str = "ask"
    send: str = "send"
    beside: str = "beside"
    sub: str = "sub"
    inner_ask: str = "inner_ask"
    end: str = "end"
    count: str = "count"
    kind: type = int
    joined: bool = True
    late: bool = False  # whether the question has another way into it


def schema(keys: dict[str, Any]) -> Any:
    """The type of a state with these keys."""
    made: Any = TypedDict
    return made("State", keys, total=False)


def errand(names: Names, done: Counter[str] | None = None) -> Any:
    """A version of the graph; `done` counts what its nodes have done, after their answers."""
    did: Counter[str] = Counter() if done is None else done
    state = schema({names.count: names.kind, "got": Annotated[list[str], operator.add]})

    def node(what: str, question: Callable[[Any], str] | None = None) -> Callable[[Any], dict[str, Any]]:
        def act(given: Any) -> dict[str, Any]:
            answer = interrupt(question(given)) if question else ""
            name = what + str(given.get("place", ""))
            did[name] += 1
            return {"got": [f"{name} {answer}"]}

        return act

    inner: Any = StateGraph(state)
    inner.add_node("before", node("inner before"))
    inner.add_node(names.inner_ask, node("inner ask", lambda _: "inside?"))
    inner.add_edge(START, "before")
    inner.add_edge("before", names.inner_ask)
    graph: Any = StateGraph(state)
    graph.add_node(names.first, lambda _: {names.count: names.kind(3)})
    graph.add_node(names.ask, node("ask", lambda given: f"sure of {given[names.count]}?"))
    graph.add_node(names.send, node("send", lambda given: f"{given['place']}?"))
    graph.add_node(names.beside, node("beside"))
    graph.add_node(names.sub, inner.compile())
    graph.add_node(names.end, lambda given: {"got": [f"end {given[names.count]}"]})
    graph.add_edge(START, names.first)
    abreast = [names.ask, names.beside, names.sub]
    for name in abreast:
        graph.add_edge(names.first, name)
    graph.add_conditional_edges(
        names.first, lambda _: [Send(names.send, {"place": place}) for place in "xy"], [names.send]
    )
    if names.joined:
        graph.add_edge(abreast, names.end)
    if names.late:
        graph.add_node("never", lambda _: {})
        graph.add_conditional_edges(names.end, lambda _: END, ["never", END])
        graph.add_edge(["never", names.beside], names.ask)
    return graph


def migrations(before: Names, after: Names) -> list[Migration]:
    """What became of one version in another."""
    found: list[Migration] = []
    for place in ("first", "ask", "send", "beside", "sub", "end", "inner_ask"):
        was, now = getattr(before, place), getattr(after, place)
        found += [RenamedNode(was, now, within=after.sub if place == "inner_ask" else "")] if was != now else []
    for within in ("", after.sub):
        found += [RenamedKey(before.count, after.count, within=within)] if before.count != after.count else []
        found += [ChangedType(after.count, after.kind, within=within)] if before.kind != after.kind else []
    return found


def waiting(graph: Any) -> dict[str, str]:
    """The open questions by handle."""
    return {asked.id: asked.value for asked in graph.get_state(CONFIG).interrupts}


def answered(graph: Any, questions: dict[str, str]) -> None:
    """Answer these questions, each with what it asks."""
    graph.invoke(Command(resume={handle: asked.upper() for handle, asked in questions.items()}), CONFIG)


def undisturbed(names: Names, saver: BaseCheckpointSaver[Any]) -> dict[str, Any]:
    """How a run of this version ends."""
    graph = errand(names).compile(checkpointer=saver)
    graph.invoke(GIVEN, CONFIG)
    answered(graph, waiting(graph))
    return outcome(graph)


def outcome(graph: Any) -> dict[str, Any]:
    """The final state, what was done at once in any order; raises AssertionError when it is not final."""
    snapshot = graph.get_state(CONFIG)
    assert snapshot.next == ()
    return {**snapshot.values, "got": sorted(snapshot.values["got"])}
