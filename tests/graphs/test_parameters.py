"""What the graphs' `build` takes: the same names for the same things, and each of them documented."""

import re
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

import pytest

from tests.graphs.agents import models
from tests.servers.openai_server import OpenAIServer
from threadloom.graphs import debate, goal, handoff, parallel, react, research, routing, sequential, supervisor
from threadloom.nodes.handoff import Peer

DOCS = Path(__file__).parent.parent.parent / "docs"
PAGES: dict[Any, str] = {
    react.build: "agents.md",
    goal.build: "patterns/goal.md",
    supervisor.build: "patterns/supervisor.md",
    handoff.build: "patterns/handoff.md",
    debate.build: "patterns/debate.md",
    routing.build: "patterns/routing.md",
    parallel.build: "patterns/parallel.md",
    sequential.letter_steps: "patterns/sequential.md",
    research.build: "research.md",
}
AGENTS = (react.build, goal.build, supervisor.build, handoff.build)


def test_the_same_thing_has_the_same_name_and_default() -> None:
    taken = {build: signature(build).parameters for build in PAGES}
    assert [build for build, names in taken.items() if list(names)[:2] != ["model", "models"]] == []
    assert {str(names["models"]) for names in taken.values()} == {
        "models: threadloom.models.roles.Models | None = None"
    }
    assert all(one.kind is Parameter.KEYWORD_ONLY for names in taken.values() for one in names.values())
    for shared in ("at_limit", "window"):
        assert len({str(taken[build][shared]) for build in AGENTS}) == 1
    for shared in ("review", "timeout"):
        assert len({str(taken[build][shared]) for build in (react.build, goal.build, handoff.build)}) == 1


@pytest.mark.parametrize("build", PAGES, ids=lambda build: str(build.__module__))
def test_every_parameter_is_documented(build: Any) -> None:
    rows = re.findall(r"^\| (`.*?) \|", (DOCS / PAGES[build]).read_text(), re.MULTILINE)
    told = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert set(signature(build).parameters) - told == set()


@pytest.mark.parametrize("build", PAGES, ids=lambda build: str(build.__module__))
def test_a_chat_model_and_models_are_not_given_both(server: OpenAIServer, build: Any) -> None:
    known = models(server)
    with pytest.raises(ValueError, match="model, models: give one of them"):
        build(model=known.chat("default"), models=known)


@pytest.mark.parametrize("build", [one for one in PAGES if "budget" in signature(one).parameters])
@pytest.mark.parametrize("measure", ["steps", "model_calls", "tokens", "usd", "seconds"])
def test_a_budget_of_zero_is_refused_when_it_is_built(build: Any, measure: str) -> None:
    with pytest.raises(ValueError, match=f"budget: {measure} is 0, which allows nothing"):
        build(budget={measure: 0})


ASKED: Any = {"messages": [{"role": "user", "content": "Compare tea to coffee"}]}


@pytest.mark.parametrize(
    ("build", "options", "given"),
    [
        (goal.build, {}, {"goal": "Know more of tea"}),
        (supervisor.build, {}, ASKED),
        (handoff.build, {"peers": [Peer("ann", "Knows.", "You are ann.")]}, ASKED),
        (react.build, {}, ASKED),
        (routing.build, {"people": False}, ASKED),
        (debate.build, {}, {"question": "Does raising the minimum wage reduce employment?"}),
    ],
)
def test_a_share_of_nothing_ends_explained_and_asks_no_model(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, build: Any, options: Any, given: Any
) -> None:
    monkeypatch.setenv("THREADLOOM_DISABLED", "europepmc,crossref,arxiv,openalex")
    monkeypatch.setenv("THREADLOOM_NOTES", str(tmp_path))
    zero = {"model_calls": 0, "steps": 0, "tokens": 0, "seconds": 0}
    state = build(models=models(server), **options).compile().invoke({**given, "budget": zero})
    assert server.requests == []
    assert state["finished_at"]
    text = state.get("markdown") or state["messages"][-1].text
    assert "budget" in text
