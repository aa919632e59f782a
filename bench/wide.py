"""A state of 300 channels, of which each run changes three: the time of a whole run."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any

from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from bench.measure import Figure, interleaved, timed
from bench.peers import OpenPeer, Peer, fresh
from bench.scale import Scale

CHANNELS = 300
_DYNAMIC: Any = TypedDict  # type checkers accept literal fields only
RUN = f"run on {CHANNELS} channels"


class Form:
    """One thread of a peer, begun with every field filled in."""

    def __init__(self, peer: OpenPeer) -> None:
        self._peer, self._runs = peer, 0
        state = _DYNAMIC("State", {_field(number): str for number in range(CHANNELS)})
        graph: StateGraph[Any] = StateGraph(state)
        graph.add_node("fill", self._fill)
        graph.add_edge(START, "fill")
        self._graph = graph.compile(checkpointer=peer.saver)
        self._run({_field(number): f"first value of field {number}" for number in range(CHANNELS)})

    def run(self) -> None:
        """One field comes in, the node changes two more."""
        self._run({_field(self._runs * 3 + 2): f"value {self._runs}"})

    def _fill(self, state: Any) -> dict[str, str]:  # noqa: ARG002  # a node takes it
        return {_field(self._runs * 3 + i): f"value {self._runs}" for i in range(2)}

    def _run(self, fields: dict[str, str]) -> None:
        self._runs += 1
        self._peer.call(self._graph, "invoke", fields, {"configurable": {"thread_id": "form"}})


def _field(number: int) -> str:
    return f"field_{number % CHANNELS:03}"


def measure(peers: Sequence[Peer], scale: Scale) -> Iterator[Figure]:
    """Runs of all peers in turn; nothing grows here, so DeltaChannel has no part."""
    with ExitStack() as stack:
        forms = {peer.name: Form(stack.enter_context(fresh(peer))) for peer in peers if not peer.delta}
        runs = {name: timed(form.run) for name, form in forms.items()}
        yield Figure(RUN, "ms", interleaved(runs, 10 * scale.runs))
