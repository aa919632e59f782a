"""A fork of an agent is given what its models said: over tool calls whose ids are made up, fallbacks and sub-agents."""

from typing import Any

import pytest

from tests.graphs.agents import ASKED, entry, looks, weather
from tests.servers.openai_server import OpenAIServer, Reply, error
from threadloom import Runner
from threadloom.catalogue import load
from threadloom.graphs.react import build
from threadloom.models.roles import Models
from threadloom.runs.calls import Counts


def _forked(runner: Runner, graph: str, step: int) -> tuple[Any, Any, Counts]:
    """The states of a thread and of a fork after one of its steps, and where the answers of that came from."""
    before = runner.runs(thread_id="t")[0]
    origin = next(moment.checkpoint_id for moment in runner.saver.timeline("t") if moment.step == step)
    run = runner.fork(graph, "t", origin, to="f", replay=True)
    return runner.outcome(before).state, run.wait(60).state, run.calls()


def test_an_agent_and_its_fallback(server: OpenAIServer, second: OpenAIServer) -> None:
    """The server numbers the calls of each message from zero, so the second message's get ids that are made up."""
    server.scenario = lambda _: error(503)
    second.reply(looks("Lima"), looks("Oslo"), Reply("Sunny.", usage=None))
    models = Models({"m": entry(server), "n": entry(second, "n")}, {"default": ("m", "n")})
    with Runner("sqlite://", {"agent": build(tools=[weather], models=models)}) as runner:
        assert runner.start("agent", ASKED, thread_id="t").wait(60).status == "done"
        failed = len(server.requests)
        before, after, calls = _forked(runner, "agent", 1)
        assert [message.text for message in after["messages"]] == [message.text for message in before["messages"]]
        assert calls == Counts(3, 0)
        assert len(second.requests) == 3
        assert len(server.requests) >= failed  # whoever failed is asked again: there is no answer to give
        assert after["usage"]["n"] == {"calls": 3, "input_tokens": 0, "output_tokens": 0, "cost_usd": 0.0}


@pytest.mark.parametrize("name", ["react", "routing", "supervisor", "debate"])
def test_the_ready_graphs_without_a_language_model(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THREADLOOM_DISABLED", "europepmc,crossref,arxiv,openalex")
    given: dict[str, Any] = {"messages": [("user", "Which trials tested mRNA vaccines?")]}
    if name == "debate":
        given = {"question": "Do mRNA vaccines prevent Covid-19?"}
    with Runner("sqlite://", {name: load(name)}) as runner:
        run = runner.start(name, given, thread_id="t")
        assert run.wait(120).status in ("done", "waiting")
        before, after, calls = _forked(runner, name, 0)
        assert calls == Counts(run.calls().asked, 0)
        assert calls.replayed > 0
        assert sorted(before) == sorted(after)
