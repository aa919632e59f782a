"""What models answered in runs: a row for each call, so that a fork can be given the same answers again.

A row belongs to the task that asked, and goes with the checkpoint of the root graph from which its step began. When a
task is repeated, what it was told before is forgotten as soon as it is told something new: the record is of what led to
the state, and not of attempts that a crash cut off.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from langchain_core.outputs import ChatGeneration, Generation
from sqlalchemy import ColumnElement, delete, exists, func, select

from threadloom.checkpoints.elements import enter_thread
from threadloom.checkpoints.errors import UnrestorableValueError
from threadloom.checkpoints.session import Session
from threadloom.checkpoints.values import Codec

REPLAYED = "replayed"
"""The key in the `response_metadata` of an answer that was replayed."""
Key = tuple[str, str, int]
"""Of a call: thread, task, number."""


class Counts(NamedTuple):
    """Of a run: how many answers of models were replayed, and how many were asked for."""

    replayed: int
    asked: int


@dataclass(frozen=True)
class Call:
    """An answer of a model, and for what.

    Attributes:
        thread_id, run_id, fence: of the run, and of the lease under which it was noted.
        task_id, number: the task that asked, and which of its calls.
        checkpoint_id: of the root graph, from which the task's step began.
        ns: the namespace of the task: the names and ids of those above it, and its own.
        place: where in the graph the task is, alike in every fork.
        digest: of the request.
        answers: the generations, as LangChain's caches keep them; usually one.
        origin: of a replayed one the call to which the model really gave it.
    """

    thread_id: str
    run_id: str
    fence: int
    task_id: str
    number: int
    checkpoint_id: str
    ns: str
    place: str
    digest: bytes
    answers: tuple[Mapping[str, Any], ...]
    origin: Key | None = None

    @property
    def source(self) -> Key:
        """The call to which the model gave the answer."""
        return self.origin or (self.thread_id, self.task_id, self.number)

    def generations(self) -> list[Generation]:
        """The answers as a model gives them again: they cost nothing now, and say that they are replayed."""
        return [_generation(answer) for answer in self.answers]


def answers_of(generations: Sequence[Generation]) -> tuple[Mapping[str, Any], ...]:
    """What is kept of a model's answers."""
    return tuple(
        {"message": one.message if isinstance(one, ChatGeneration) else None, "text": one.text}
        | {"info": one.generation_info}
        for one in generations
    )


def _generation(answer: Mapping[str, Any]) -> Generation:
    message, info = answer["message"], answer["info"]
    if message is None:
        return Generation(text=answer["text"], generation_info=info)
    told = {
        "usage_metadata": {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0},
        "response_metadata": {**message.response_metadata, REPLAYED: True},
    }
    return ChatGeneration(message=message.model_copy(update=told), generation_info=info)


def row_of(codec: Codec, call: Call) -> dict[str, Any]:
    """What is stored of a call, but the time; raises UnsavableValueError."""
    columns = ("thread_id", "run_id", "fence", "task_id", "number", "checkpoint_id", "ns")
    kept = ("place", "digest", "answers", "origin")
    body = codec.pack("the answer of a model", {name: getattr(call, name) for name in kept})
    return {name: getattr(call, name) for name in columns} | {"replayed": call.origin is not None, "body": body}


def store(session: Session, row: Mapping[str, Any]) -> None:
    """Store a call, under the lease with its fence; raises LeaseLostError when that is lost."""
    enter_thread(session, row["thread_id"], "share", fence=row["fence"])
    table = session.tables.calls
    own = table.c.thread_id == row["thread_id"], table.c.task_id == row["task_id"]
    session.execute(delete(table).where(*own, table.c.fence != row["fence"]))  # another go at the task was told that
    now = session.execute(select(session.dialect.now())).scalar()
    session.insert_or_replace(table, [{**row, "at": now}])


def of_run(session: Session, codec: Codec, thread_id: str, run_id: str) -> list[Call]:
    """The calls of a run."""
    return _load(session, codec, thread_id, session.tables.calls.c.run_id == run_id)


def since(session: Session, codec: Codec, thread_id: str, checkpoint_id: str) -> list[Call]:
    """The calls in the steps of a thread that began from a checkpoint or a later one, as far as those are still there.

    In the order in which they were answered.
    """
    calls, checkpoints = session.tables.calls.c, session.tables.checkpoints.c
    began = checkpoints.thread_id == calls.thread_id, checkpoints.checkpoint_id == calls.checkpoint_id
    there = exists().where(*began, checkpoints.ns == "")
    return _load(session, codec, thread_id, calls.checkpoint_id >= checkpoint_id, there)


def count(session: Session, thread_id: str, run_id: str) -> Counts:
    """How often a run was given a recorded answer, and how often models gave it one."""
    calls = session.tables.calls.c
    own = calls.thread_id == thread_id, calls.run_id == run_id
    rows = session.execute(select(calls.replayed, func.count()).where(*own).group_by(calls.replayed))
    found = {bool(replayed): number for replayed, number in rows}
    return Counts(found.get(True, 0), found.get(False, 0))


def replayed_in(session: Session, thread_id: str) -> Counter[str]:
    """By the id of each task of a thread how many answers were replayed in it, what is below it included."""
    calls = session.tables.calls.c
    spaces = session.execute(select(calls.ns).where(calls.thread_id == thread_id, calls.replayed)).scalars()
    return Counter(part.rpartition(":")[2] for ns in spaces for part in ns.split("|"))


def _load(session: Session, codec: Codec, thread_id: str, *conditions: ColumnElement[bool]) -> list[Call]:
    table = session.tables.calls
    query = select(table).where(table.c.thread_id == thread_id, *conditions)
    rows = session.execute(query.order_by(table.c.checkpoint_id, table.c.at, table.c.number)).all()
    return list(_calls(session, codec, rows))


def _calls(session: Session, codec: Codec, rows: Any) -> Iterator[Call]:
    for row in session.opened(session.tables.calls, rows):
        with suppress(UnrestorableValueError):  # the model can be asked instead
            body = codec.unpack(row.thread_id, "the answer of a model", row.body)
            origin = body.pop("origin")
            yield Call(
                thread_id=row.thread_id,
                run_id=row.run_id,
                fence=row.fence,
                task_id=row.task_id,
                number=row.number,
                checkpoint_id=row.checkpoint_id,
                ns=row.ns,
                origin=None if origin is None else tuple(origin),
                place=body["place"],
                digest=body["digest"],
                answers=tuple(body["answers"]),
            )
