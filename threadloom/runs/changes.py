"""What is different between two fingerprints of a graph."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from threadloom.runs.fingerprint import Fingerprint

What = Literal["node", "edge", "join", "branch", "key"]
Kind = Literal["added", "removed", "changed"]


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it was.

    Args:
        what: a node, a way from one node to another, or a key of the state.
        kind: what became of it.
        name: of the node or key; of an edge "a → b", of a join "a + b → c", of what a condition decides "a ⇢ b".
        within: the node whose subgraph it is in, "outer|inner" when that is nested; empty for the graph itself.
        before, after: what a changed key or node was and is, in words.
    """

    what: What
    kind: Kind
    name: str
    within: str = ""
    before: str = ""
    after: str = ""

    @property
    def line(self) -> str:
        """It in one line."""
        place = f"{self.within}: " if self.within else ""
        detail = f" from {self.before} to {self.after}" if self.kind == "changed" else ""
        return f"{place}{self.what} {self.name} {self.kind}{detail}"


def differences(before: Fingerprint, after: Fingerprint) -> list[Difference]:
    """What is different in `after`: nodes first, then the ways between them, then keys of the state; subgraphs last."""
    return [] if before.text == after.text else list(_graphs(before.data, after.data, ""))


def _graphs(before: Mapping[str, Any], after: Mapping[str, Any], within: str) -> Iterator[Difference]:
    was, now = _described(before), _described(after)
    for what in was:
        yield from _compared(what, was[what], now[what], within)
    for name, data in sorted(after["nodes"].items()):
        if data and before["nodes"].get(name):
            yield from _graphs(before["nodes"][name], data, f"{within}|{name}" if within else name)


def _described(data: Mapping[str, Any]) -> dict[What, dict[str, str]]:
    """What there is of each kind, by its name, in words."""
    return {
        "node": {name: "a subgraph" if inner else "a plain node" for name, inner in data["nodes"].items()},
        "edge": _ways(data["edges"], "→"),
        "join": _ways(data["joins"], "→"),
        "branch": _ways(data["branches"], "⇢"),
        "key": {name: _key(key) for name, key in data["state"].items()},
    }


def _compared(what: What, before: Mapping[str, str], after: Mapping[str, str], within: str) -> Iterator[Difference]:
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        if was != now:
            kind: Kind = "added" if was is None else "removed" if now is None else "changed"
            yield Difference(what, kind, name, within, was or "", now or "")


def _key(data: Mapping[str, Any]) -> str:
    """Most keys keep their last value: then the type says it all."""
    kind = "" if data["kind"] == "LastValue" else f" ({data.get('reducer') or data['kind']})"
    return f"{data['type']}{kind}"


def _ways(ways: list[Any], arrow: str) -> dict[str, str]:
    return {f"{' + '.join([start] if isinstance(start, str) else start)} {arrow} {end}": "" for start, end in ways}
