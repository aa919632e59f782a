"""What did not succeed at once in a run: by task, how often its node failed, and calls of models and tools in it.

LangGraph keeps nothing of the attempts that a `RetryPolicy` makes, and a node that asks another model where one failed
tells nobody. LangChain's callbacks see both.
"""

import threading
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langgraph.errors import GraphBubbleUp
from typing_extensions import TypedDict

from threadloom.checkpoints.dialects.generic import first_line

KEY = "attempts"  # of a run's details
MOST = 500  # tasks of a run of which it is kept, the latest
LONGEST = 300  # characters of an error
TASK = "graph:step:"  # how a tag begins that LangGraph gives to the chain of a task, and to none within it


class Failed(TypedDict):
    """What failed in a task.

    `times` its node did, the last time with `error`, a line; `calls` of models and tools did, the last one with an
    error of class `call_error`. Of such an error nothing else is kept: it may quote a key.
    """

    times: int
    error: str
    calls: int
    call_error: str


NEVER = Failed(times=0, error="", calls=0, call_error="")


class Attempts(BaseCallbackHandler):
    """Counts what fails in one run.

    Args:
        failed: what was counted before, by the id of the task.
    """

    run_inline = True  # else LangChain sends every event of an event loop through a thread

    def __init__(self, failed: Mapping[str, Failed]) -> None:
        self._failed = dict(failed)
        self._tasks: dict[UUID, str] = {}
        self._lock = threading.Lock()
        self._told = True

    @property
    def failed(self) -> dict[str, Failed]:
        """All that was counted."""
        with self._lock:
            return dict(self._failed)

    def news(self) -> bool:
        """Whether anything failed since this was asked last."""
        with self._lock:
            told, self._told = self._told, True
        return not told

    def on_chain_start(
        self,
        serialized: Any,  # noqa: ARG002  # LangChain's signature
        inputs: Any,  # noqa: ARG002  # the same
        *,
        run_id: UUID,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """An attempt at a task begins; other chains do not count."""
        if any(tag.startswith(TASK) for tag in tags or ()):
            self._begin(run_id, metadata)

    def on_chat_model_start(
        self,
        serialized: Any,  # noqa: ARG002  # LangChain's signature
        messages: Any,  # noqa: ARG002  # the same
        *,
        run_id: UUID,
        metadata: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """A call of a model begins."""
        self._begin(run_id, metadata)

    def on_llm_start(
        self,
        serialized: Any,  # noqa: ARG002  # LangChain's signature
        prompts: Any,  # noqa: ARG002  # the same
        *,
        run_id: UUID,
        metadata: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """A call of a model that takes plain text begins."""
        self._begin(run_id, metadata)

    def on_tool_start(
        self,
        serialized: Any,  # noqa: ARG002  # LangChain's signature
        input_str: Any,  # noqa: ARG002  # the same
        *,
        run_id: UUID,
        metadata: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """A call of a tool begins."""
        self._begin(run_id, metadata)

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **_: Any) -> None:  # noqa: ARG002  # LangChain's signature
        """The attempt succeeded."""
        self._tasks.pop(run_id, None)

    def on_llm_end(self, response: Any, *, run_id: UUID, **_: Any) -> None:  # noqa: ARG002  # LangChain's signature
        """The model answered."""
        self._tasks.pop(run_id, None)

    def on_tool_end(self, output: Any, *, run_id: UUID, **_: Any) -> None:  # noqa: ARG002  # LangChain's signature
        """The tool did."""
        self._tasks.pop(run_id, None)

    def on_chain_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:
        """An attempt failed, if it does not only ask, and was not only cancelled."""
        task = self._tasks.pop(run_id, None)
        if task and isinstance(error, Exception) and not isinstance(error, GraphBubbleUp):
            told = f"{type(error).__name__}: {first_line(error)}"
            self._count(task, times=1, error=told if len(told) <= LONGEST else f"{told[: LONGEST - 1]}…")

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:
        """A call failed."""
        task = self._tasks.pop(run_id, None)
        if task and isinstance(error, Exception) and not isinstance(error, GraphBubbleUp):
            self._count(task, calls=1, call_error=type(error).__name__)

    on_tool_error = on_llm_error

    def _begin(self, run_id: UUID, metadata: dict[str, Any] | None) -> None:
        if task := task_of(str((metadata or {}).get("langgraph_checkpoint_ns", ""))):
            self._tasks[run_id] = task

    def _count(self, task: str, *, times: int = 0, error: str = "", calls: int = 0, call_error: str = "") -> None:
        with self._lock:
            before = self._failed.pop(task, NEVER)
            self._failed[task] = Failed(
                times=before["times"] + times,
                error=error or before["error"],
                calls=before["calls"] + calls,
                call_error=call_error or before["call_error"],
            )
            while len(self._failed) > MOST:
                del self._failed[next(iter(self._failed))]
            self._told = False


def task_of(ns: str) -> str:
    """The innermost task of a namespace of LangGraph's: "node:task|node:task|1" ends with the number of a subgraph."""
    named = [part for part in ns.split("|") if not part.isdigit()]
    return named[-1].rpartition(":")[2] if named else ""
