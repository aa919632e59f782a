"""`threadloom usage`: what runs have cost."""

from enum import StrEnum
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from threadloom.cli.console import DbOption, JsonOption, err, opened, out, print_json, printable


class By(StrEnum):
    """By what it is told."""

    DAY = "day"
    GRAPH = "graph"
    MODEL = "model"
    NODE = "node"
    RUN = "run"
    THREAD = "thread"


def usage(
    thread: Annotated[
        str | None, typer.Argument(help="Of one only: id of a thread or a run, or its beginning.", metavar="THREAD")
    ] = None,
    by: Annotated[
        By, typer.Option(help=f"What to add up: {', '.join(By)}. A day is one of UTC.", metavar="WHAT")
    ] = By.NODE,
    graph: Annotated[str | None, typer.Option(help="Runs of this graph only.", show_default=False)] = None,
    db: DbOption = None,
    json: JsonOption = False,
) -> None:
    """Show the model calls, tokens and dollars that runs have used."""
    from threadloom.runs.runner import Runner
    from threadloom.threads import find

    with opened(db) as saver, Runner(saver, {}) as runner:
        found = runner.usage(by.value, graph=graph, thread_id=find(saver, thread) if thread else None)
    if json:
        print_json(found)
        return
    if not found:
        err.print(
            "No run like that has called a model." if graph or thread else "No run has called a model yet.",
            markup=False,
        )
        return
    table = Table(box=None, pad_edge=False)
    for heading in (by.value, "calls", "read", "written", "USD"):
        table.add_column(heading, justify="left" if heading == by.value else "right", overflow="fold")
    for name, used in found.items():
        cost = "?" if used["cost_usd"] is None else f"{used['cost_usd']:.4f}"
        counts = (f"{used[key]:,}" for key in ("calls", "input_tokens", "output_tokens"))
        table.add_row(escape(printable(name)), *counts, cost)
    out.print(table)
    if any(used["cost_usd"] is None for used in found.values()):
        err.print("\n? where the price of a model is not known; see docs/configuration.md", markup=False)
