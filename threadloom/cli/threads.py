"""`threadloom threads`: what is in the database and where it stands."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from threadloom.cli.console import DbOption, JsonOption, ago, err, opened, out, print_json, printable

STYLES = {
    "done": "green", "waiting": "yellow", "failed": "red", "unfinished": "magenta", "foreign": "dim",
    "running": "cyan", "paused": "yellow", "cancelled": "dim", "lost": "magenta",
}  # fmt: skip


def threads(
    limit: Annotated[int, typer.Option(help="How many, newest first.", min=1)] = 20,
    db: DbOption = None,
    json: JsonOption = False,
) -> None:
    """List the threads of a database, newest first, with where each stands."""
    from threadloom.threads import describe

    with opened(db) as saver:
        found = [describe(saver, summary.thread_id) for summary in saver.threads(limit=limit)]
    if json:
        keys = ("id", "graph", "status", "question", "updated", "error")
        print_json([{key: getattr(thread, key) for key in keys} for thread in found])
        return
    if not found:
        err.print('No threads yet. Start one: threadloom run research "your question"', markup=False)
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("thread", "graph", "status", "when", "question"):
        table.add_column(heading, no_wrap=heading != "question", overflow="fold")
    for thread in found:
        status = f"[{STYLES[thread.status]}]{thread.status}[/]"
        table.add_row(
            escape(thread.id[:8]),
            escape(printable(thread.graph)),
            status,
            ago(thread.updated),
            escape(printable(thread.question) or "(of a graph that is not ours)"),
        )
    out.print(table)
