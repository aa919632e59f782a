"""What runs cost, and the spans that they leave."""

import operator
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from langchain_core.tools import tool
from langgraph.graph import StateGraph
from langgraph.types import interrupt
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import SecretStr
from typing_extensions import TypedDict

from tests.servers.openai_server import OpenAIServer, Reply
from threadloom import Runner
from threadloom.models.openai import chat_model
from threadloom.models.settings import ModelEntry


class State(TypedDict):
    """What was said."""

    said: Annotated[list[str], operator.add]


@tool
def look(where: str) -> str:
    """Look there."""
    return f"nothing in {where}"


def _graph(server: OpenAIServer) -> Any:
    chat = chat_model(ModelEntry(model="small", base_url=server.url, api_key=SecretStr("k")), max_retries=0)

    def ask(state: State) -> dict[str, Any]:
        look.invoke({"where": "the box"})
        return {"said": [chat.invoke("hello").text]}

    def wait(state: State) -> dict[str, Any]:
        return {"said": [interrupt("go on?")]}

    inner, graph = StateGraph(State), StateGraph(State)
    inner.add_node("ask", ask).add_edge("__start__", "ask")
    graph.add_node("first", ask).add_node("wait", wait).add_node("last", inner.compile())
    return graph.add_edge("__start__", "first").add_edge("first", "wait").add_edge("wait", "last")


def test_calls_are_counted_by_node_over_resumes_and_other_processes(server: OpenAIServer) -> None:
    server.reply(Reply("one", usage=(1000, 100)), Reply("two", usage=(2000, 200)))
    with Runner("sqlite://", {"g": _graph(server)}, prices={"small": (1.0, 10.0)}) as runner:
        run = runner.start("g", {"said": []})
        assert run.wait().status == "waiting"
        assert list(runner.usage("node")) == ["g/first"]
        with Runner(runner.saver, {"g": _graph(server)}, prices={"small": (1.0, 10.0)}) as other:
            assert other.resume(run.id, "yes").wait().status == "done"
        usage = runner.usage("node")
        assert usage["g/first"] == {"calls": 1, "input_tokens": 1000, "output_tokens": 100, "cost_usd": 0.002}
        assert usage["g/ask"] == {"calls": 1, "input_tokens": 2000, "output_tokens": 200, "cost_usd": 0.004}
        for by, key in (("model", "small"), ("graph", "g"), ("run", run.id), ("thread", run.thread_id)):
            assert runner.usage(by)[key]["cost_usd"] == pytest.approx(0.006)
        assert len(runner.usage("day")) == 1
        assert runner.usage("run", graph="another") == {}


def test_the_cost_is_unknown_where_a_price_is(server: OpenAIServer) -> None:
    with Runner("sqlite://", {"g": _graph(server)}) as runner:
        runner.start("g", {"said": []}).wait()
        assert runner.usage("graph")["g"]["cost_usd"] is None


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    yield exporter
    provider.shutdown()


def test_a_run_leaves_spans_that_lie_within_each_other(server: OpenAIServer, spans: InMemorySpanExporter) -> None:
    with Runner("sqlite://", {"g": _graph(server)}) as runner:
        run = runner.start("g", {"said": []})
        run.wait()
        run.resume("yes").wait()
    found = {span.context.span_id: span for span in spans.get_finished_spans() if span.context}
    ways = set()
    for span in found.values():
        way, above = [span.name], span.parent
        while above:
            way.append(found[above.span_id].name)
            above = found[above.span_id].parent
        ways.add(" < ".join(way))
    assert ways == {
        "invoke_agent g",
        *(f"super-step {step} < invoke_agent g" for step in (1, 2, 3)),
        "node first < super-step 1 < invoke_agent g",
        "chat small < node first < super-step 1 < invoke_agent g",
        "execute_tool look < node first < super-step 1 < invoke_agent g",
        "node wait < super-step 2 < invoke_agent g",
        "node last < super-step 3 < invoke_agent g",
        "node ask < node last < super-step 3 < invoke_agent g",
        "chat small < node ask < node last < super-step 3 < invoke_agent g",
        "execute_tool look < node ask < node last < super-step 3 < invoke_agent g",
    }
    [chat, *_] = [span for span in found.values() if span.name == "chat small"]
    assert dict(chat.attributes or {})["gen_ai.usage.input_tokens"] == 11
    runs = sorted((s for s in found.values() if s.name == "invoke_agent g"), key=lambda s: s.start_time or 0)
    assert [dict(s.attributes or {})["threadloom.status"] for s in runs] == ["waiting", "done"]
    assert all(span.status.is_ok or span.status.is_unset for span in found.values())
