"""A state dict of 200 files, 2 kB each, edited one at a time: the time of a whole edit and the disk that it takes."""

import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Annotated, Any

from langgraph.channels.delta import DeltaChannel
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from bench.material import text
from bench.measure import Figure, interleaved, timed
from bench.peers import OpenPeer, Peer, fresh
from bench.scale import Scale

FILES = 200
EDIT = "edit"


def _merged(files: dict[str, str], changed: dict[str, str]) -> dict[str, str]:
    return {**files, **changed}


def _all_merged(files: dict[str, str], changes: Sequence[dict[str, str]]) -> dict[str, str]:
    return {name: content for part in (files, *changes) for name, content in part.items()}


class State(TypedDict):
    """Files by path."""

    files: Annotated[dict[str, str], _merged]


class DeltaFiles(TypedDict):
    """The same, storing the edits."""

    files: Annotated[dict[str, str], DeltaChannel(_all_merged)]


class Project:
    """One thread of a peer, begun with all files."""

    def __init__(self, peer: OpenPeer) -> None:
        self._peer, self._chance = peer, random.Random(3)
        graph: StateGraph[Any] = StateGraph(DeltaFiles if peer.peer.delta else State)
        graph.add_node("edit", self._rewrite)
        graph.add_edge(START, "edit")
        self._graph = graph.compile(checkpointer=peer.saver)
        self._run({name: content for number in range(FILES) for name, content in self._file(number).items()})

    def edit(self) -> None:
        """A run that rewrites one file."""
        self._run({})

    def _rewrite(self, state: Any) -> dict[str, dict[str, str]]:  # noqa: ARG002  # a node takes it
        return {"files": self._file(self._chance.randrange(FILES))}

    def _run(self, files: dict[str, str]) -> None:
        self._peer.call(self._graph, "invoke", {"files": files}, {"configurable": {"thread_id": "project"}})

    def _file(self, number: int) -> dict[str, str]:
        return {f"src/module_{number:03}.py": text(self._chance, 2_000)}


def measure(peers: Sequence[Peer], scale: Scale) -> Iterator[Figure]:
    """Edits of all peers in turn, then what they left on disk."""
    edits = 10 * scale.runs
    with ExitStack() as stack:
        at_work = [stack.enter_context(fresh(peer)) for peer in peers]
        projects = {peer.name: Project(peer) for peer in at_work}
        before = {peer.name: peer.size() for peer in at_work}
        yield Figure(EDIT, "ms", interleaved({name: timed(project.edit) for name, project in projects.items()}, edits))
        grown = {peer.name: [(peer.size() - before[peer.name]) / edits / 1e3] for peer in at_work if peer.size()}
        yield Figure("disk of an edit", "kB", grown)
