"""The fingerprint of a graph: its topology and the schema of its state, as plain data that can be kept and compared.

What nodes do is not in it: a run may go on with better code. Names of classes and reducers are without their modules,
so that moving code changes nothing.
"""

import copy
import functools
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NotRequired, Required, Union, get_args, get_origin
from weakref import WeakKeyDictionary

from langgraph.channels.base import BaseChannel
from langgraph.graph import StateGraph
from langgraph.pregel import Pregel

Graph = StateGraph[Any, Any, Any, Any] | Pregel[Any, Any, Any, Any]
"""A graph of LangGraph's, compiled or not; also what `entrypoint` makes."""

_WRAPPERS = (Annotated, Required, NotRequired)
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


@dataclass(frozen=True)
class Fingerprint:
    """What a graph is like.

    Args:
        data: `nodes` (each with the data of its subgraph, if it has one), `edges`, `joins` (edges from several nodes
            together, in their order, after which LangGraph names them), `branches` (from where to where conditions or
            commands may lead, "*" for anywhere) and `state` (of each key the kind of channel, the type, and the
            reducer if there is one).
    """

    data: Mapping[str, Any]
    text: str = field(init=False, repr=False)
    """The data as JSON in one line, always in the same order."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", json.dumps(self.data, sort_keys=True, separators=(",", ":")))

    @functools.cached_property
    def digest(self) -> str:
        """Sixteen letters that are the same for the same data."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]

    @classmethod
    def parse(cls, text: str | bytes) -> "Fingerprint":
        """A fingerprint from its `text`; raises ValueError when that is none."""
        data = json.loads(text)
        if not isinstance(data, dict) or not data.keys() >= {"nodes", "edges", "joins", "branches", "state"}:
            raise ValueError("this is no fingerprint of a graph")
        return cls(data)


_known: WeakKeyDictionary[Any, Fingerprint] = WeakKeyDictionary()


def fingerprint(graph: Graph) -> Fingerprint:
    """The fingerprint of a graph. That of a compiled one is computed once: it does not change any more."""
    if (known := _known.get(graph)) is not None:
        return known
    found = Fingerprint(_described(compiled(graph), ()))
    if isinstance(graph, Pregel):
        _known[graph] = found
    return found


def compiled(graph: Graph) -> Pregel[Any, Any, Any, Any]:
    """The graph itself, or what a StateGraph compiles to; that one may be changed afterwards as before."""
    return graph if isinstance(graph, Pregel) else copy.copy(graph).compile()


def subgraphs(graph: Pregel[Any, Any, Any, Any]) -> dict[str, Pregel[Any, Any, Any, Any]]:
    """The subgraphs that run in this process and keep checkpoints, by the names of their nodes."""
    return {name: inner for name, inner in graph.get_subgraphs() if isinstance(inner, Pregel)}


def state_channels(graph: Pregel[Any, Any, Any, Any]) -> dict[str, BaseChannel[Any, Any, Any]]:
    """The channels of the state: those that are not LangGraph's own, such as the ones that start nodes."""
    builder = getattr(graph, "builder", None)
    channels = builder.channels if builder else graph.channels
    return {key: channel for key, channel in channels.items() if isinstance(channel, BaseChannel)}


def _described(graph: Pregel[Any, Any, Any, Any], outer: tuple[Any, ...]) -> dict[str, Any]:
    """The data of a graph within others; one that contains itself ends there."""
    inner, outer = subgraphs(graph), (*outer, graph)
    nodes = {
        name: _described(inner[name], outer) if name in inner and inner[name] not in outer else {}
        for name in sorted(graph.nodes)
        if name != "__start__"
    }
    state = {key: _channel(channel) for key, channel in sorted(state_channels(graph).items())}
    return {"nodes": nodes, **_edges(getattr(graph, "builder", None)), "state": state}


def _edges(builder: Any) -> dict[str, list[Any]]:
    """How nodes follow each other; what is not made by a StateGraph has no edges."""
    if builder is None:
        return {"edges": [], "joins": [], "branches": []}
    branches = {
        (source, end)
        for source, specs in builder.branches.items()
        for spec in specs.values()
        for end in (spec.ends.values() if spec.ends else "*")
    } | {(name, end) for name, node in builder.nodes.items() for end in node.ends or ()}
    return {
        "edges": sorted(map(list, builder.edges)),
        "joins": sorted([list(starts), end] for starts, end in builder.waiting_edges),
        "branches": sorted(map(list, branches)),
    }


def _channel(channel: BaseChannel[Any, Any, Any]) -> dict[str, str]:
    described = {"kind": type(channel).__name__, "type": type_name(channel.ValueType)}
    reducer = getattr(channel, "operator", None) or getattr(channel, "reducer", None)
    return {**described, "reducer": _callable_name(reducer)} if reducer else described


def type_name(annotation: Any) -> str:
    """A type in words that are the same in every process: `list[str]`, `int | None`, `Paper`."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in _WRAPPERS:
        return type_name(arguments[0])
    if origin in (Union, UnionType):
        return " | ".join(
            sorted({type_name(argument) for argument in arguments}, key=lambda name: (name == "None", name))
        )
    if origin is Literal:
        return f"Literal[{', '.join(map(repr, arguments))}]"
    if isinstance(annotation, list):  # the parameters of a Callable
        return f"[{', '.join(map(type_name, annotation))}]"
    if origin is not None and arguments:
        return f"{type_name(origin)}[{', '.join(map(type_name, arguments))}]"
    return _plain_name(annotation)


def _plain_name(annotation: Any) -> str:
    if annotation in (None, NoneType):
        return "None"
    if annotation is Ellipsis:
        return "..."
    name = getattr(annotation, "__qualname__", None) or getattr(annotation, "__forward_arg__", None) or str(annotation)
    return _ADDRESS.sub("", name).rsplit("<locals>.", maxsplit=1)[-1]


def _callable_name(function: Any) -> str:
    """The name of a reducer; all lambdas are alike, since nothing tells them apart but their code."""
    if isinstance(function, functools.partial):
        return f"partial({_callable_name(function.func)})"
    return _plain_name(function if hasattr(function, "__qualname__") else type(function)).rsplit("<", 1)[-1].rstrip(">")
