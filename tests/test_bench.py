"""The benchmarks run: a tiny one over two peers, to the table and the files. No figure is judged."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from rich.console import Console

from bench import table
from bench.__main__ import run
from bench.bars import BARS
from bench.databases import FOLDER
from bench.measure import Figure
from bench.peers import PEERS
from bench.scale import TINY
from bench.teams import CASES, asking
from bench.works import WORKS
from tests.graphs.agents import THREAD
from tests.servers.openai_server import OpenAIServer
from threadloom.tools.workspace.workspace import Workspace


def test_a_tiny_run_measures_shows_and_keeps(tmp_path: Path) -> None:
    peers = [peer for peer in PEERS if peer.name in {"InMemorySaver", "threadloom sqlite"}]
    before = set(FOLDER.glob("bench-*"))
    works, facts = run(["chat", "disk"], peers, TINY)
    assert set(FOLDER.glob("bench-*")) == before
    assert not [label for label in facts if label.startswith(("left out", "failed"))]
    for name, figures in works.items():
        for figure in figures:
            assert set(figure.samples) >= {"threadloom sqlite"}, (name, figure.name)
            assert all(sample > 0 for samples in figure.samples.values() for sample in samples)
    console = Console(width=80, record=True)
    table.show(console, table.grids(works), facts)
    shown = console.export_text()
    assert "turn at 40" in shown
    assert all(len(line) <= 80 for line in shown.splitlines())
    markdown, data = table.keep(tmp_path / "tiny", works, facts)
    assert "| threadloom sqlite |" in markdown.read_text()
    assert json.loads(data.read_text())["works"].keys() == works.keys()


def test_what_was_measured_before_an_interruption_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> Iterator[Figure]:
        raise KeyboardInterrupt

    monkeypatch.setitem(WORKS, "wide", replace(WORKS["wide"], measure=interrupted))
    peers = [peer for peer in PEERS if peer.name == "InMemorySaver"]
    works, facts = run(["chat", "wide", "files"], peers, TINY)
    assert (list(works), "failed: wide" in facts) == (["chat"], True)


def test_every_pattern_is_measured_and_held_to_a_bar() -> None:
    works, facts = run(["teams"], [], TINY)
    assert not [label for label in facts if label.startswith("failed")]
    figures = {figure.name: figure for figure in works["teams"]}
    assert len(figures) == len(CASES)
    assert all(any(bar.figure == name and bar.ratio(figures) for bar in BARS) for name in figures)


@pytest.mark.parametrize("name", CASES)
def test_a_pattern_and_the_graph_wired_by_hand_ask_for_the_same(
    server: OpenAIServer, tmp_path: Path, name: str
) -> None:
    server.scenario = CASES[name].says
    ours, by_hand, given, calls = CASES[name].pair(asking(server), Workspace(tmp_path))
    sizes = []
    for graph in (ours, by_hand):
        server.requests.clear()
        state = graph.compile(checkpointer=InMemorySaver()).invoke(given, THREAD)
        assert not state.get("stopped")
        assert len(server.requests) == calls
        sizes.append(sum(len(json.dumps(request.body)) for request in server.requests))
    assert sizes[0] == pytest.approx(sizes[1], rel=0.1)
