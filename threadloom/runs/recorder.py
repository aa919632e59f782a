"""What models tell one go of a run: noted as they answer, and given again where the run replays the record of another.

A request is the same if a model could not tell the two apart. The n-th time that a run which replays makes a request,
it is given the n-th recorded answer to it, before all others one that the same place in the graph was given; what is
not in the record the model is asked. A run that does not replay asks whatever the record has: who asks twice wants two
answers.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from threading import Lock
from typing import TYPE_CHECKING, Any

from langchain_core.outputs import Generation

from threadloom.checkpoints.errors import CheckpointError
from threadloom.runs import calls
from threadloom.runs.calls import Call
from threadloom.runs.record import Record

if TYPE_CHECKING:
    from threadloom.checkpoints import SQLSaver

REPLAY = "replay"
"""The key in the details of a run that replays: what it holds are a thread, and the checkpoint where it was forked."""
UNSEEN = ("id", "usage_metadata", "response_metadata")
"""What of a message no model is shown."""


@dataclass(frozen=True)
class Request:
    """What a task asks a model: who keeps the record, the task as in `Call`, and the digest of the request."""

    recorder: "Recorder"
    task_id: str
    checkpoint_id: str
    ns: str
    place: str
    digest: bytes


class Recorder:
    """The record of one go at a run.

    Args:
        saver, record, fence: the run, and its lease.
    """

    def __init__(self, saver: "SQLSaver", record: Record, fence: int) -> None:
        self._saver, self._fence = saver, fence
        self._thread_id, self._run_id = record.thread_id, record.run_id
        self._replay = record.details.get(REPLAY)
        self._lock = Lock()
        self._numbers = Counter[str]()
        self._left = defaultdict[bytes, list[Call]](list)
        self._again = defaultdict[tuple[str, bytes], list[Call]](list)

    async def load(self) -> None:
        """Read what the run is to be given again, if it replays: answers since the fork, all of them in memory.

        Those that it was given before it was cut off are kept for the tasks that got them, which may be repeated.
        """
        if self._replay is not None:
            await self._saver.database.offload(self._load, self._replay)

    def _load(self, replay: Mapping[str, str]) -> None:
        read, codec = self._saver.database.read, self._saver.codec
        recorded: dict[calls.Key, Call] = {}
        for call in read(calls.since, codec, replay["thread_id"], replay["checkpoint_id"]):
            if call.run_id != self._run_id:
                recorded.setdefault(call.source, call)  # one answer, however often it was replayed since
        for call in read(calls.of_run, codec, self._thread_id, self._run_id):
            if call.origin:
                self._again[call.task_id, call.digest].append(call)
                recorded.pop(call.source, None)
        for call in recorded.values():
            self._left[call.digest].append(call)

    def has(self, request: Request) -> bool:
        """Whether `recall` would have an answer."""
        with self._lock:
            return bool(self._again.get((request.task_id, request.digest)) or self._left.get(request.digest))

    def recall(self, request: Request) -> Call | None:
        """The recorded answer to a request, as a call of this run; None: the model is to be asked."""
        with self._lock:
            again = self._again[request.task_id, request.digest] if self._replay else ()
            found = again.pop(0) if again else self._next(request)
        return None if found is None else self._call(request, found.answers, found.source)

    def _next(self, request: Request) -> Call | None:
        left = self._left.get(request.digest)
        if not left:
            return None
        here = (number for number, call in enumerate(left) if call.place == request.place)
        return left.pop(next(here, 0))

    def answered(self, request: Request, generations: Sequence[Generation]) -> Call:
        """What a model said to a request."""
        return self._call(request, calls.answers_of(generations), None)

    def _call(self, request: Request, answers: Any, origin: calls.Key | None) -> Call:
        with self._lock:
            number = self._numbers[request.task_id]
            self._numbers[request.task_id] += 1
        return Call(
            thread_id=self._thread_id,
            run_id=self._run_id,
            fence=self._fence,
            task_id=request.task_id,
            number=number,
            checkpoint_id=request.checkpoint_id,
            ns=request.ns,
            place=request.place,
            digest=request.digest,
            answers=answers,
            origin=origin,
        )

    def note(self, call: Call) -> None:
        """Store it. Where that fails the answer counts all the same: a fork will ask the model instead."""
        with suppress(CheckpointError):
            self._saver.database.write(calls.store, calls.row_of(self._saver.codec, call))

    async def anote(self, call: Call) -> None:
        """`note` for event loops."""
        with suppress(CheckpointError):
            await self._saver.database.awrite(calls.store, calls.row_of(self._saver.codec, call))


def digest_of(prompt: str, model: str) -> bytes:
    """Of a request, as LangChain's caches are given it: what is asked, and which model with which settings.

    Ids of messages, what they cost and who answered are left out, and ids of tool calls stand for their order, since
    they are made up anew wherever a server gives none.
    """
    try:
        asked = json.loads(prompt)
    except (ValueError, RecursionError):  # a model that takes plain text
        asked = prompt
    messages = [*map(_seen, asked)] if isinstance(asked, list) else asked
    text = json.dumps([messages, model])
    for number, call_id in enumerate(dict.fromkeys(_tool_calls(messages))):
        text = text.replace(json.dumps(call_id), json.dumps(f"\0{number}"))
    return blake2b(text.encode(), digest_size=16).digest()


def _seen(message: Any) -> Any:
    """A message as a model is shown it."""
    if not isinstance(message, dict) or not isinstance(fields := message.get("kwargs"), dict):
        return message
    return {**message, "kwargs": {name: value for name, value in fields.items() if name not in UNSEEN}}


def _tool_calls(messages: Any) -> Iterator[str]:
    """The ids of the tool calls in messages."""
    for message in messages if isinstance(messages, list) else ():
        fields = message.get("kwargs") if isinstance(message, dict) else None
        for call in (fields.get("tool_calls") if isinstance(fields, dict) else None) or ():
            if isinstance(call, dict) and isinstance(call.get("id"), str):
                yield call["id"]
