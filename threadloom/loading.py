"""Graphs by what a person types: a name of the catalogue, `module:attribute` or `path.py:attribute`."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from threadloom.catalogue import GRAPHS, load
from threadloom.errors import UsageError


@dataclass(frozen=True)
class Loaded:
    """A graph, compiled or not, whether it is one of ours, and what its module calls `migrations`.

    Those are as a Runner takes them: what became of the versions of graphs, by name.
    """

    name: str
    graph: Any
    ready: bool
    migrations: Mapping[str, Any] = field(default_factory=dict)

    def migrations_of(self, name: str) -> Any:
        """What became of the graph, which runs know by this name; None: nothing is said."""
        return self.migrations.get(name, self.migrations.get(self.name))


def load_graph(text: str) -> Loaded:
    """The graph of a name, or of a module or file of the user's, whose code then runs.

    The attribute is a StateGraph, a compiled graph, or a function without parameters that returns one.

    Raises UsageError when there is none.
    """
    place, colon, attribute = text.rpartition(":")
    if not colon:
        return Loaded(text, load(text), ready=text in GRAPHS)
    module = _module(place)
    found = getattr(module, attribute, None)
    if found is None:
        raise UsageError(f"there is no {attribute!r} in {place}")
    return Loaded(attribute, _graph(found, text), ready=False, migrations=_migrations(module, place))


def _graph(found: Any, text: str) -> Any:
    from langgraph.graph import StateGraph
    from langgraph.pregel import Pregel

    graph = found() if callable(found) and not isinstance(found, (StateGraph, Pregel)) else found
    if not isinstance(graph, (StateGraph, Pregel)):
        raise UsageError(f"{text} is no graph of LangGraph's but of type {type(graph).__name__}")
    return graph


def _migrations(module: ModuleType, place: str) -> Mapping[str, Any]:
    from threadloom.runs.lineage import Migrations

    found = getattr(module, "migrations", {})
    if isinstance(found, ModuleType):  # a module of theirs that happens to be called so
        return {}
    if not isinstance(found, Mapping) or not all(isinstance(of, Migrations) for of in found.values()):
        raise UsageError(f"migrations in {place}: they are a dict from names of graphs to Migrations")
    return found


def _module(place: str) -> ModuleType:
    """The module, imported as if Python had been started in this folder, or in that of the file."""
    path = Path(place)
    folder = str(path.resolve().parent if path.suffix == ".py" else Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        return _run(path) if path.suffix == ".py" else import_module(place)
    except Exception as error:
        raise UsageError(f"{place} cannot be imported ({type(error).__name__}: {error})") from error


def _run(path: Path) -> ModuleType:
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)  # classes of the state are looked up by the name of their module
    spec.loader.exec_module(module)
    return module
