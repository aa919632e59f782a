"""The tasks that are due at a stored checkpoint, told without the graph that stored it.

LangGraph keeps what starts a node in channels named after it ("branch:to:node", "join:a+b:node"), sends in a channel of
their own, and what tasks have done so far under ids that are hashes of the checkpoint, the namespace, the node and what
starts it. So a checkpoint tells which nodes are next and which stored writes are theirs, even when today's graph does
not know these nodes: LangGraph itself then says that there is nothing to do.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from langgraph.checkpoint.base import Checkpoint, CheckpointTuple
from langgraph.types import Interrupt, Send
from xxhash import xxh3_128_hexdigest

# LangGraph's own names: of channels, of what is written for a task, and of ways to start one.
START, SENDS, INTERRUPT, RESUME, FAILED_NODE = (
    "__start__",
    "__pregel_tasks",
    "__interrupt__",
    "__resume__",
    "__error_source_node__",
)
PULL, PUSH = "__pregel_pull", "__pregel_push"
BRANCH, JOIN = "branch:to:", "join:"
NO_TASK = "00000000-0000-0000-0000-000000000000"  # whose writes are input to the step: answers, commands

Starts = Mapping[str, Sequence[str]]
"""The channels that start each node of today's graph."""
Path = tuple[str, str | int]
"""How a task is started: (PULL, its node) by edges, (PUSH, its number) by a `Send`."""


class Due(NamedTuple):
    """A task that is due. It has one of the `ids`; which one is told by what is stored under it."""

    node: str
    path: Path
    ids: tuple[str, ...]


def node_of(channel: str) -> str | None:
    """The node that a channel starts; None for one of the state."""
    if channel == START:
        return START
    if channel.startswith(BRANCH):
        return channel.removeprefix(BRANCH)
    return channel.rsplit(":", 1)[1] if channel.startswith(JOIN) and channel.count(":") > 1 else None


def is_key(channel: str) -> bool:
    """Whether a channel is one of the state, as far as its name tells."""
    return node_of(channel) is None and (not channel.startswith("__") or channel in ("__root__", "__previous__"))


def joined(channel: str) -> str:
    """The nodes that a join waits for, "a+b"."""
    return channel.removeprefix(JOIN).rsplit(":", 1)[0]


def awaited(checkpoint: Checkpoint, starts: Starts) -> dict[str, str]:
    """The nodes to which something leads already, with what."""
    found: dict[str, str] = {}
    for channel, value in checkpoint["channel_values"].items():
        node = node_of(channel)
        if node is not None and (not channel.startswith(JOIN) or _contents(value)):
            found[_begin(starts) if channel == START else node] = channel
    return found


def _begin(starts: Starts) -> str:
    """What the input starts: a StateGraph calls it so, an `entrypoint` has the name of its function."""
    return next((node for node, channels in starts.items() if START in channels), START)


def due(stored: CheckpointTuple, starts: Starts) -> list[Due]:
    """The tasks that are due.

    Args:
        stored: the checkpoint, with its pending writes.
        starts: which channels may start a node, beside those that the checkpoint knows.
    """
    checkpoint = stored.checkpoint
    found = [
        Due(send.node, (PUSH, number), (_id(stored, send.node, PUSH, str(number)),))
        for number, send in enumerate(checkpoint["channel_values"].get(SENDS, ()))
        if isinstance(send, Send)
    ]
    sent = {task.ids[0] for task in found}
    for node, leading in awaited(checkpoint, starts).items():
        known = {channel for channel in checkpoint["channel_versions"] if node_of(channel) == node_of(leading)}
        if any(_fires(checkpoint, node, channel) for channel in known):
            others = {*starts.get(node, ())}
            ids = [_id(stored, node, PULL, *sorted(triggers)) for triggers in (known, others, known | others)]
            ids += [task_id for task_id in _asking(stored, node) if task_id not in sent]
            found.append(Due(node, (PULL, node), tuple(dict.fromkeys(ids))))
    return found


def interrupt_id(ns: str, answered: int = 0) -> str:
    """The handle of the question that a task in a namespace asks after so many answers."""
    return Interrupt.from_ns(None, f"{ns}|{answered}" if answered else ns).id


def task_ns(ns: str, node: str, task_id: str) -> str:
    """The namespace of a task of a graph in a namespace, which is where its subgraph keeps checkpoints."""
    return f"{ns}|{node}:{task_id}" if ns else f"{node}:{task_id}"


def place_of(stored: CheckpointTuple) -> tuple[str, str, str]:
    """Thread, namespace and id of a checkpoint."""
    place = stored.config["configurable"]
    return place["thread_id"], place.get("checkpoint_ns", ""), stored.checkpoint["id"]


def step_of(stored: CheckpointTuple) -> int:
    """The number of a checkpoint's step."""
    return stored.metadata.get("step", -1)


def _fires(checkpoint: Checkpoint, node: str, channel: str) -> bool:
    """Whether the channel starts the node now: it is full, and has changed since the node ran."""
    values: dict[str, Any] = checkpoint["channel_values"]
    seen: dict[str, Any] = checkpoint["versions_seen"].get(node, {})
    version: Any = checkpoint["channel_versions"].get(channel)
    if channel not in values or (channel in seen and version <= seen[channel]):
        return False
    value = values[channel]
    if isinstance(value, tuple) and len(value) == 2 and value[1] is False:  # of a deferred node: not yet
        return False
    # Names are not told apart by splitting at "+", which they may contain. Those present are some of those awaited.
    return not channel.startswith(JOIN) or len("+".join(_contents(value))) == len(joined(channel))


def _contents(value: Any) -> set[str]:
    """The nodes that a join has seen."""
    return set(value[0] if isinstance(value, tuple) else value)


def _asking(stored: CheckpointTuple, node: str) -> Iterator[str]:
    """The tasks whose questions have handles that are of a task of this node, whatever started it."""
    _, ns, _ = place_of(stored)
    for task_id, channel, value in stored.pending_writes or ():
        if channel == INTERRUPT and interrupt_id(task_ns(ns, node, task_id)) in {asked.id for asked in value}:
            yield task_id


def _id(stored: CheckpointTuple, node: str, kind: str, *ways: str) -> str:
    """The id that LangGraph gives to a task of a node, started like this."""
    _, ns, checkpoint_id = place_of(stored)
    parts = (f"{ns}|{node}" if ns else node, str(step_of(stored) + 1), node, kind, *ways)
    return str(UUID(xxh3_128_hexdigest(UUID(checkpoint_id).bytes + "".join(parts).encode())))
