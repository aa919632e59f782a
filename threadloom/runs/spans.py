"""OpenTelemetry spans of a run: its super-steps, their nodes, and the calls of models and tools in them.

Without `opentelemetry-api` (the extra `otel`), or where no tracer provider is set, there are none and nothing is paid.
Attributes follow the semantic conventions for generative AI: https://opentelemetry.io/docs/specs/semconv/gen-ai/
"""

import threading
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.outputs import LLMResult

from threadloom.runs.calls import REPLAYED
from threadloom.runs.record import Record


def spans_for(record: Record) -> "list[Spans]":
    """The handler that makes the spans of a run, if anybody listens."""
    try:
        from opentelemetry import trace
    except ImportError:
        return []
    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return []
    return [Spans(trace, record)]


class Spans(BaseCallbackHandler):
    """Makes spans of what LangChain's callbacks tell.

    Args:
        trace: the module `opentelemetry.trace`.
        record: the run.
    """

    run_inline = True  # else LangChain sends every event of an event loop, each token even, through a thread

    def __init__(self, trace: Any, record: Record) -> None:
        self._trace, self._tracer = trace, trace.get_tracer("threadloom")
        self._open: dict[UUID, Any] = {}
        self._step: tuple[Any, Any] | None = None
        self._lock = threading.Lock()
        about = {"threadloom.run_id": record.run_id, "threadloom.graph": record.graph}
        about |= {"gen_ai.conversation.id": record.thread_id, "gen_ai.operation.name": "invoke_agent"}
        self._run = self._tracer.start_span(f"invoke_agent {record.graph}", attributes=about)

    def end(self, status: str, error: str) -> None:
        """The run has come to an end or a stop."""
        with self._lock:
            for span in (*self._open.values(), *([self._step[1]] if self._step else [])):
                span.end()
            self._open.clear()
            self._run.set_attribute("threadloom.status", status)
            if status == "failed":
                self._run.set_status(self._trace.StatusCode.ERROR, error)
            self._run.end()

    def on_chain_start(
        self,
        serialized: dict[str, Any] | None,  # noqa: ARG002  # LangChain's signature
        inputs: Any,  # noqa: ARG002  # the same
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        metadata: dict[str, Any] | None = None,
        name: str = "",
        **_: Any,
    ) -> None:
        """A node begins; of other chains none is told."""
        known = metadata or {}
        if name and name == known.get("langgraph_node"):
            step = None if "|" in str(known.get("langgraph_checkpoint_ns", "")) else known.get("langgraph_step")
            attributes = {"threadloom.node": name, "threadloom.step": known.get("langgraph_step", -1)}
            self._start(run_id, parent_run_id, f"node {name}", attributes, step=step)
        elif parent_run_id and parent_run_id in self._open:
            self._open[run_id] = _Borrowed(self._open[parent_run_id])

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **_: Any) -> None:  # noqa: ARG002  # LangChain's signature
        """It ends."""
        self._end(run_id)

    def on_chain_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:
        """It fails, or pauses."""
        self._end(run_id, error)

    def on_chat_model_start(
        self,
        serialized: dict[str, Any],  # noqa: ARG002  # LangChain's signature
        messages: Sequence[Any],  # noqa: ARG002  # the same
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        metadata: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """A model is asked."""
        model = str((metadata or {}).get("ls_model_name") or "unknown")
        attributes = {"gen_ai.operation.name": "chat", "gen_ai.request.model": model}
        self._start(run_id, parent_run_id, f"chat {model}", attributes)

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **_: Any) -> None:
        """It answered."""
        span = self._open.get(run_id)
        message = getattr(response.generations[0][0], "message", None) if response.generations else None
        if span and (used := getattr(message, "usage_metadata", None)):
            span.set_attribute("gen_ai.usage.input_tokens", used["input_tokens"])
            span.set_attribute("gen_ai.usage.output_tokens", used["output_tokens"])
            span.set_attribute("threadloom.replayed", bool(message and message.response_metadata.get(REPLAYED)))
        self._end(run_id)

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:
        """It failed."""
        self._end(run_id, error)

    def on_tool_start(
        self,
        serialized: dict[str, Any] | None,
        input_str: str,  # noqa: ARG002  # LangChain's signature
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **_: Any,
    ) -> None:
        """A tool is called."""
        name = str((serialized or {}).get("name", "unknown"))
        attributes = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name}
        self._start(run_id, parent_run_id, f"execute_tool {name}", attributes)

    def on_tool_end(self, output: Any, *, run_id: UUID, **_: Any) -> None:  # noqa: ARG002  # LangChain's signature
        """It answered."""
        self._end(run_id)

    def on_tool_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:
        """It failed."""
        self._end(run_id, error)

    def _start(
        self, run_id: UUID, parent_id: UUID | None, name: str, attributes: dict[str, Any], step: Any = None
    ) -> None:
        with self._lock:
            parent = self._open.get(parent_id) if parent_id else None
            if parent is None:
                parent = self._run if step is None else self._step_span(step)
            context = self._trace.set_span_in_context(parent.span if isinstance(parent, _Borrowed) else parent)
            self._open[run_id] = self._tracer.start_span(name, context=context, attributes=attributes)

    def _step_span(self, step: Any) -> Any:
        """That of a super-step: it begins with the first of its nodes and ends when the next one begins."""
        if self._step is None or self._step[0] != step:
            if self._step:
                self._step[1].end()
            context = self._trace.set_span_in_context(self._run)
            attributes = {"threadloom.step": step}
            self._step = step, self._tracer.start_span(f"super-step {step}", context=context, attributes=attributes)
        return self._step[1]

    def _end(self, run_id: UUID, error: BaseException | None = None) -> None:
        with self._lock:
            span = self._open.pop(run_id, None)
        if span is None:
            return
        if error is not None and type(error).__name__ != "GraphInterrupt":  # a question is no error
            span.set_status(self._trace.StatusCode.ERROR, f"{type(error).__name__}: {error}")
        span.end()


class _Borrowed:
    """Stands for the span of the node in a chain within it, which has none of its own."""

    def __init__(self, span: Any) -> None:
        self.span: Any = span.span if isinstance(span, _Borrowed) else span

    def set_status(self, *_: Any) -> None:
        """The node's own end says how it ended."""

    def end(self) -> None:
        """The span ends with the node."""
