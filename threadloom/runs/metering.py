"""What a run costs: tokens and dollars of its model calls, by day, node and model, as the calls end."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage
from langchain_core.outputs import LLMResult

from threadloom.runs.calls import REPLAYED
from threadloom.runs.record import Record
from threadloom.state.usage import Usage, add_usage

Prices = Mapping[str, tuple[float, float]]
"""By model name: USD per million tokens read and written."""
Spent = dict[str, dict[str, dict[str, Usage]]]
"""By day (UTC), node and model."""

FIELDS: Mapping[str, Callable[[Record, tuple[str, str, str]], str]] = {
    "day": lambda _, place: place[0],
    "node": lambda record, place: f"{record.graph}/{place[1]}",
    "model": lambda _, place: place[2],
    "graph": lambda record, _: record.graph,
    "thread": lambda record, _: record.thread_id,
    "run": lambda record, _: record.run_id,
}
"""By what usage can be told."""


class Meter(BaseCallbackHandler):
    """Counts the model calls of one run.

    Args:
        spent: what was counted before.
        prices: of models; the cost of others is not known.
    """

    run_inline = True  # else LangChain sends every event of an event loop, each token even, through a thread

    def __init__(self, spent: Spent, prices: Prices) -> None:
        self._spent, self._prices = {day: dict(nodes) for day, nodes in spent.items()}, prices
        self._nodes: dict[UUID, str] = {}
        self._lock = threading.Lock()
        self._told = True

    @property
    def ignore_chain(self) -> bool:
        """Nodes and other chains call no model by themselves."""
        return True

    @property
    def spent(self) -> Spent:
        """All that was counted."""
        with self._lock:
            return {day: {node: dict(of) for node, of in nodes.items()} for day, nodes in self._spent.items()}

    def news(self) -> Spent | None:
        """`spent`, if anything was counted since this was asked last."""
        with self._lock:
            told, self._told = self._told, True
        return None if told else self.spent

    def on_chat_model_start(
        self,
        serialized: dict[str, Any],  # noqa: ARG002  # LangChain's signature
        messages: list[list[Any]],  # noqa: ARG002  # the same
        *,
        run_id: UUID,
        metadata: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """A call begins."""
        self._begin(run_id, metadata)

    def on_llm_start(
        self,
        serialized: dict[str, Any],  # noqa: ARG002  # LangChain's signature
        prompts: list[str],  # noqa: ARG002  # the same
        *,
        run_id: UUID,
        metadata: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """A call of a model that takes plain text begins."""
        self._begin(run_id, metadata)

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:  # noqa: ARG002  # LangChain's
        """It failed; what it cost, nobody said."""
        self._nodes.pop(run_id, None)

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **_: Any) -> None:
        """It answered."""
        node = self._nodes.pop(run_id, "")
        for message in _messages(response):
            name = str(message.response_metadata.get("model_name") or "unknown")
            if message.response_metadata.get(REPLAYED):
                name = f"{name} (replayed)"
            used = message.usage_metadata
            self._count(node, name, used["input_tokens"] if used else 0, used["output_tokens"] if used else 0)

    def _begin(self, run_id: UUID, metadata: dict[str, Any] | None) -> None:
        self._nodes[run_id] = str((metadata or {}).get("langgraph_node", ""))

    def _count(self, node: str, name: str, read: int, written: int) -> None:
        usage = one_call(name, read, written, self._prices)
        day = datetime.now(UTC).date().isoformat()
        with self._lock:
            of = self._spent.setdefault(day, {}).setdefault(node, {})
            of[name] = add_usage(of[name], usage) if name in of else usage
            self._told = False


def one_call(name: str, read: int, written: int, prices: Prices) -> Usage:
    """What one call of a model took; its cost is unknown where the price is, unless nothing was read or written."""
    price = prices.get(name) if read or written else (0.0, 0.0)
    cost = None if price is None else (read * price[0] + written * price[1]) / 1_000_000
    return Usage(calls=1, input_tokens=read, output_tokens=written, cost_usd=cost)


def usage_of(records: Iterable[Record], by: str) -> dict[str, Usage]:
    """Usage of runs, added up.

    Args:
        records: the runs.
        by: a key of FIELDS; a node is told as "graph/node".
    """
    total: dict[str, Usage] = {}
    for record in records:
        for place, usage in _entries(record):
            key = FIELDS[by](record, place)
            total[key] = add_usage(total[key], usage) if key in total else usage
    return dict(sorted(total.items()))


def _entries(record: Record) -> Iterator[tuple[tuple[str, str, str], Usage]]:
    for day, nodes in record.details.get("usage", {}).items():
        for node, models in nodes.items():
            for name, usage in models.items():
                yield (day, node, name), usage


def _messages(response: LLMResult) -> Iterator[AIMessage]:
    for generations in response.generations:
        for generation in generations[:1]:
            if isinstance(message := getattr(generation, "message", None), AIMessage):
                yield message
