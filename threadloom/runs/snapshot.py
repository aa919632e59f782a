"""The state of a thread at one of its checkpoints, for any graph, also for one that is not at hand."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from langchain_core.runnables import RunnableConfig

from threadloom.checkpoints import SQLSaver
from threadloom.errors import UsageError
from threadloom.runs.timeline import is_control


@dataclass(frozen=True)
class Snapshot:
    """A checkpoint; `values` are those of the state's channels. `next` is None where no graph was given."""

    thread_id: str
    ns: str
    checkpoint_id: str
    parent_id: str | None
    created: datetime
    step: int
    source: str
    values: dict[str, Any] = field(repr=False)
    metadata: dict[str, Any] = field(repr=False)
    next: tuple[str, ...] | None = None


def snapshot(
    saver: SQLSaver, thread_id: str, checkpoint_id: str | None = None, ns: str = "", *, graph: Any = None
) -> Snapshot:
    """The state at a checkpoint, or the latest.

    Args:
        saver, thread_id, ns: where; "" is the root graph.
        checkpoint_id: which one; None for the latest.
        graph: compiled with this saver. Without it, channels that are rebuilt from ancestors (LangGraph's
            DeltaChannel) have no value where none is stored, since only the graph knows how.

    Raises UsageError when there is no such checkpoint.
    """
    place = {"thread_id": thread_id, "checkpoint_ns": ns}
    config = RunnableConfig(configurable=place | ({"checkpoint_id": checkpoint_id} if checkpoint_id else {}))
    stored = saver.get_tuple(config)
    if stored is None:
        which = f"checkpoint {checkpoint_id!r}" if checkpoint_id else "checkpoint"
        raise UsageError(f"thread {thread_id!r} has no {which}{f' in {ns!r}' if ns else ''}; it may have been pruned")
    values, following = stored.checkpoint["channel_values"], None
    if graph is not None:
        state = graph.get_state(stored.config)
        values, following = state.values, state.next
    return Snapshot(
        thread_id,
        ns,
        stored.checkpoint["id"],
        stored.parent_config["configurable"]["checkpoint_id"] if stored.parent_config else None,
        datetime.fromisoformat(stored.checkpoint["ts"]).astimezone(UTC),
        stored.metadata.get("step", 0),
        stored.metadata.get("source", ""),
        {channel: value for channel, value in values.items() if not is_control(channel)},
        {**stored.metadata},
        following,
    )


def find_checkpoint(saver: SQLSaver, thread_id: str, text: str, ns: str = "") -> str:
    """The id of the one checkpoint of this step, or that begins or ends so.

    Raises UsageError when there is none, or several: a thread that was forked in place has steps of the same number.
    """
    moments = [*saver.timeline(thread_id, ns)]
    matches = [each.checkpoint_id for each in moments if text and str(each.step) == text]
    if not matches:
        ids = (each.checkpoint_id for each in moments)
        part = text.removeprefix("…")  # as `threadloom timeline` shows the end of one
        matches = [each for each in ids if part and (each.startswith(text) or each.endswith(part))]
    if text in matches or len(matches) == 1:
        return text if text in matches else matches[0]
    problem = f"{text!r} fits {len(matches)} checkpoints" if matches else f"no checkpoint of this thread is {text!r}"
    raise UsageError(f"{problem}; `threadloom show THREAD` lists them")
