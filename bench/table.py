"""The results as tables: for the terminal, and as files to keep."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.bars import BARS, Bar
from bench.measure import Figure
from bench.works import WORKS

ABOUT_BARS = "What the store sets out to reach: ratios of medians of this run."


@dataclass(frozen=True)
class Grid:
    """A title, a sentence, a header and rows of text; all columns but the first `left` ones hold numbers."""

    title: str
    about: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]]
    left: int = 1

    def markdown(self) -> str:
        """As a Markdown section."""
        rule = ("---",) * self.left + ("---:",) * (len(self.header) - self.left)
        lines = ["| " + " | ".join(row) + " |" for row in (self.header, rule, *self.rows)]
        return "\n".join([f"## {self.title}", "", self.about, "", *lines, ""])

    def rich(self) -> Table:
        """As a table for the terminal."""
        table = Table(box=SIMPLE, pad_edge=False)
        for number, name in enumerate(self.header):
            table.add_column(name, justify="left" if number < self.left else "right", overflow="fold")
        for row in self.rows:
            table.add_row(*row)
        return table


def grids(works: dict[str, list[Figure]]) -> list[Grid]:
    """The bars that could be checked, then each kind of work: a row for each peer, a column for each figure."""
    figures = {figure.name: figure for found in works.values() for figure in found}
    checked = [_bar_row(bar, ratio) for bar in BARS if (ratio := bar.ratio(figures)) is not None]
    header = ("figure", "of", "against", "bar", "measured", "")
    bars = [Grid("bars", ABOUT_BARS, header, checked, left=3)] if checked else []
    return [*bars, *(_work_grid(name, found) for name, found in works.items() if any(f.samples for f in found))]


def _bar_row(bar: Bar, ratio: float) -> tuple[str, ...]:
    sign = "≥" if bar.at_least else "≤"
    against = bar.base if bar.ours == bar.theirs else bar.theirs
    return (
        bar.figure,
        bar.ours,
        against,
        f"{sign} {bar.limit:.3g}",
        f"{ratio:.3g}",
        "met" if bar.met(ratio) else "missed",
    )


def _work_grid(name: str, figures: Sequence[Figure]) -> Grid:
    peers = list({peer: None for figure in figures for peer in figure.samples})
    rows = [(peer, *(_cell(figure, peer) for figure in figures)) for peer in peers]
    return Grid(name, WORKS[name].about, ("median", *(f"{figure.name}, {figure.unit}" for figure in figures)), rows)


def _cell(figure: Figure, peer: str) -> str:
    median = figure.median(peer)
    return "–" if median is None else f"{median:,.0f}" if median >= 100 else f"{median:.3g}"


def show(console: Console, found: Sequence[Grid], facts: dict[str, str]) -> None:
    """Print the tables and what they were measured on."""
    for grid in found:
        console.print(f"[bold]{grid.title}[/]: {escape(grid.about)}", highlight=False)
        console.print(grid.rich())
    for label, fact in facts.items():
        console.print(f"[bold]{label}[/]: {fact}", highlight=False)


def keep(stem: Path, works: dict[str, list[Figure]], facts: dict[str, str]) -> list[Path]:
    """Write the tables as Markdown and every sample as JSON; returns both paths."""
    stem.parent.mkdir(exist_ok=True)
    notes = "\n".join(f"- {label}: {fact}" for label, fact in facts.items())
    text = "\n".join([f"# Benchmarks, {stem.name}", "", notes, "", *(grid.markdown() for grid in grids(works))])
    samples = {name: [asdict(figure) for figure in found] for name, found in works.items()}
    markdown, data = stem.with_suffix(".md"), stem.with_suffix(".json")
    markdown.write_text(text, encoding="utf-8")
    data.write_text(json.dumps({"facts": facts, "works": samples}, indent=1, ensure_ascii=False), encoding="utf-8")
    return [markdown, data]
