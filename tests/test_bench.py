"""The benchmarks run: a tiny one over two peers, to the table and the files. No figure is judged."""

import json
from pathlib import Path

from rich.console import Console

from bench import table
from bench.__main__ import run
from bench.databases import FOLDER
from bench.peers import PEERS
from bench.scale import TINY


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
