"""What became of the nodes and keys of a graph, so that runs of the older one can go on with it.

A migration is applied to a draft of a stored checkpoint, and changes nothing where there is nothing to change: it can
be applied again.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langgraph.checkpoint.base import CheckpointTuple, PendingWrite
from langgraph.types import Send

from threadloom.runs.due import BRANCH, FAILED_NODE, JOIN, SENDS, START, joined, node_of
from threadloom.runs.errors import MigrationError
from threadloom.runs.verdict import fits

Rename = Callable[[str], str]


class Draft:
    """The part of a checkpoint that migrations change.

    Args:
        stored: the checkpoint as it is; its values are not touched.
        channels: those of today's state.
        next_version: gives the version of a channel after another one.
    """

    def __init__(
        self, stored: CheckpointTuple, channels: Mapping[str, Any], next_version: Callable[[Any, None], Any]
    ) -> None:
        checkpoint = stored.checkpoint
        self.values = dict(checkpoint["channel_values"])
        self.versions = dict(checkpoint["channel_versions"])
        self.seen = {node: dict(versions) for node, versions in checkpoint["versions_seen"].items()}
        self.writes: list[PendingWrite] = list(stored.pending_writes or ())
        self.channels = channels
        self.changed = False
        self._next_version = next_version

    def apply(self, change: Callable[["Draft"], None]) -> bool:
        """Apply a migration; returns whether it changed anything."""
        before, self.changed = self.changed, False
        change(self)
        changed, self.changed = self.changed, self.changed or before
        return changed

    def rename(self, node: Rename, channel: Rename) -> None:
        """Rename nodes, the channels that start them, and keys."""
        self._rename_channels(channel)
        seen: dict[str, dict[str, Any]] = {}
        for name, versions in self.seen.items():
            seen[node(name)] = seen.get(node(name), {}) | versions
        self.changed |= seen.keys() != self.seen.keys()
        self.seen = seen
        self._change_writes(lambda name, value: node(value) if name == FAILED_NODE else _renamed(value, name, node))
        for name, value in self.values.items():
            self._put(name, _renamed(value, name, node))

    def change(self, key: str, function: Callable[[Any], Any]) -> None:
        """Change what is stored for a key: its value, writes to it, and what sends and the input have of it."""
        if key in self.values:
            self._put(key, function(self.values[key]))
        self._change_writes(lambda name, value: function(value) if name == key else value)
        self._change_arguments(lambda given: {**given, key: function(given[key])} if key in given else given)

    def add(self, key: str, value: Any) -> None:
        """Give a key a value if it has none."""
        if key not in self.values:
            self._put(key, value)

    def remove(self, key: str) -> None:
        """Forget a key and what is stored of it."""
        self.changed |= key in self.versions or key in self.values
        for mapping in (self.values, self.versions, *self.seen.values()):
            mapping.pop(key, None)
        kept = [write for write in self.writes if write[1] != key]
        self.changed |= len(kept) != len(self.writes)
        self.writes = kept
        self._change_arguments(lambda given: {name: value for name, value in given.items() if name != key})

    def _rename_channels(self, channel: Rename) -> None:
        names = {*self.values, *self.versions, *(name for _, name, _ in self.writes)}
        if all(channel(name) == name for name in names):
            return
        self.changed = True
        self.values = {channel(name): value for name, value in self.values.items()}
        self.versions = _merged(self.versions, channel)
        self.seen = {node: _merged(versions, channel) for node, versions in self.seen.items()}
        self.writes = [(task, channel(name), value) for task, name, value in self.writes]

    def rename_argument(self, before: str, after: str) -> None:
        """Rename a key in what sends and the input give to their nodes."""
        self._change_arguments(
            lambda given: {after if name == before else name: value for name, value in given.items()}
        )

    def _change_arguments(self, function: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        def changed(name: str, value: Any) -> Any:
            if name == START and isinstance(value, dict):
                given = function(value)
                return value if given == value else given
            if name != SENDS:
                return value
            return _each(value, lambda send: _send(send, send.node, function))

        for name, value in self.values.items():
            self._put(name, changed(name, value))
        self._change_writes(changed)

    def _change_writes(self, function: Callable[[str, Any], Any]) -> None:
        writes = [(task, name, function(name, value)) for task, name, value in self.writes]
        self.changed |= any(now[2] is not was[2] for now, was in zip(writes, self.writes, strict=True))
        self.writes = writes

    def _put(self, channel: str, value: Any) -> None:
        """Store a value under a new version, unless it is the one that is there."""
        if channel in self.values and self.values[channel] is value:
            return
        self.changed = True
        self.values[channel] = value
        self.versions[channel] = self._next_version(max(self.versions.values(), default=None), None)


@dataclass(frozen=True, kw_only=True)
class Migration(ABC):
    """One thing that became of a graph.

    Args:
        within: the node whose subgraph it is in, by today's names, "outer|inner" when that is nested.
    """

    within: str = ""

    @property
    @abstractmethod
    def line(self) -> str:
        """It in one line."""

    @abstractmethod
    def apply(self, draft: Draft) -> None:
        """Change a draft accordingly."""

    def node(self, name: str) -> str:
        """The new name of a node."""
        return name

    def channel(self, name: str) -> str:
        """The new name of a channel."""
        return name

    @property
    def inverse(self) -> "Migration":
        """What takes names back, as far as it renames."""
        return self


@dataclass(frozen=True)
class RenamedNode(Migration):
    """A node has another name: `RenamedNode("ask", "approve")`."""

    before: str
    after: str

    @property
    def line(self) -> str:
        """It in one line."""
        return f"{_place(self)}node {self.before} renamed to {self.after}"

    def apply(self, draft: Draft) -> None:
        """Rename it wherever it is named."""
        draft.rename(self.node, self.channel)

    def node(self, name: str) -> str:
        """The new name of a node."""
        return self.after if name == self.before else name

    def channel(self, name: str) -> str:
        """The new name of a channel that starts nodes."""
        node = node_of(name)
        if node is None or name == START:
            return name
        if name.startswith(BRANCH):
            return BRANCH + self.node(node)
        pattern = rf"(?<![^+]){re.escape(self.before)}(?![^+])"  # between pluses, or at an end
        return f"{JOIN}{re.sub(pattern, lambda _: self.after, joined(name))}:{self.node(node)}"

    @property
    def inverse(self) -> Migration:
        """Back again."""
        return RenamedNode(self.after, self.before, within=self.within)


@dataclass(frozen=True)
class RenamedKey(Migration):
    """A key of the state has another name: `RenamedKey("n", "count")`."""

    before: str
    after: str

    @property
    def line(self) -> str:
        """It in one line."""
        return f"{_place(self)}key {self.before} renamed to {self.after}"

    def apply(self, draft: Draft) -> None:
        """Rename it, also in what sends and the input give to nodes."""
        draft.rename(lambda node: node, self.channel)
        draft.rename_argument(self.before, self.after)

    def channel(self, name: str) -> str:
        """The new name of a channel."""
        return self.after if name == self.before else name

    @property
    def inverse(self) -> Migration:
        """Back again."""
        return RenamedKey(self.after, self.before, within=self.within)


@dataclass(frozen=True)
class AddedKey(Migration):
    """A key is new, and threads that have no value for it get this one: `AddedKey("tags", [])`."""

    key: str
    default: Any = field(hash=False)

    @property
    def line(self) -> str:
        """It in one line."""
        return f"{_place(self)}key {self.key} added"

    def apply(self, draft: Draft) -> None:
        """Give it the value."""
        draft.add(self.key, self.default)


@dataclass(frozen=True)
class ChangedType(Migration):
    """The values of a key are made from the old ones by a function: `ChangedType("count", str)`.

    Values that are of today's type already stay as they are.
    """

    key: str
    function: Callable[[Any], Any]

    @property
    def line(self) -> str:
        """It in one line."""
        return f"{_place(self)}key {self.key} converted"

    def apply(self, draft: Draft) -> None:
        """Convert what is stored. Raises MigrationError when the function does."""
        draft.change(self.key, lambda value: self._converted(value, draft.channels.get(self.key)))

    def _converted(self, value: Any, channel: Any) -> Any:
        if channel is not None and fits(channel, value):
            return value
        try:
            return self.function(value)
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            raise MigrationError(f"{_place(self)}key {self.key} cannot be converted ({text})") from error


@dataclass(frozen=True)
class RemovedKey(Migration):
    """A key is gone, and its value may go with it: `RemovedKey("scratch")`."""

    key: str

    @property
    def line(self) -> str:
        """It in one line."""
        return f"{_place(self)}key {self.key} removed"

    def apply(self, draft: Draft) -> None:
        """Forget it."""
        draft.remove(self.key)


def _place(migration: Migration) -> str:
    return f"{migration.within}: " if migration.within else ""


def _merged(versions: Mapping[str, Any], channel: Rename) -> dict[str, Any]:
    """Versions by new names; where two become one, the later counts."""
    found: dict[str, Any] = {}
    for name, version in versions.items():
        found[channel(name)] = max(found.get(channel(name), version), version)
    return found


def _renamed(value: Any, channel: str, node: Rename) -> Any:
    """A value with the names of nodes in it: of whom a join has seen, of where sends go; the same if none changes."""
    if channel == SENDS:
        return _each(value, lambda send: _send(send, node(send.node), lambda given: given))
    if not channel.startswith(JOIN):
        return value
    if isinstance(value, str):  # a write: who has finished
        return node(value)
    seen, *rest = value if isinstance(value, tuple) else (value,)
    new = {node(name) for name in seen}
    return value if new == seen else (new, *rest) if rest else new


def _each(value: Any, function: Callable[[Send], Send]) -> Any:
    """The sends of a channel, or the one of a write; the same object if none changes."""
    if isinstance(value, Send):
        return function(value)
    if not isinstance(value, Sequence):
        return value
    new = [function(send) if isinstance(send, Send) else send for send in value]
    return value if all(now is was for now, was in zip(new, value, strict=True)) else new


def _send(send: Send, node: str, function: Callable[[dict[str, Any]], dict[str, Any]]) -> Send:
    given = function(send.arg) if isinstance(send.arg, dict) else send.arg
    if node == send.node and (given is send.arg or given == send.arg):
        return send
    return Send(node, given, timeout=send.timeout)
