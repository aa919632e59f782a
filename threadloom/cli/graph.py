"""`threadloom graph`: a picture of a graph."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from threadloom.cli.console import DbOption, err, opened
from threadloom.errors import UsageError


def graph(
    name: Annotated[
        str,
        typer.Argument(
            help="Name of a ready graph, or module:attribute or path.py:attribute of yours.", metavar="GRAPH"
        ),
    ],
    form: Annotated[Literal["mermaid", "ascii", "png"], typer.Option("--format", help="How to draw it.")] = "mermaid",
    out: Annotated[Path | None, typer.Option("--out", help="File to write; NAME.png by default for png.")] = None,
    thread: Annotated[
        str | None, typer.Option(help="A thread of this graph (its id, or the beginning): mark the path it took.")
    ] = None,
    db: DbOption = None,
) -> None:
    """Draw a graph, and the path a thread took: as Mermaid text, on the terminal, or as a picture."""
    from threadloom.loading import load_graph
    from threadloom.picture import ascii_picture, mermaid_picture, png_picture
    from threadloom.runs.fingerprint import compiled

    loaded = load_graph(name)
    drawable = compiled(loaded.graph).get_graph()
    visits = _visits(loaded.name, thread, db) if thread is not None else None
    if form == "png":
        file = out or Path(f"{loaded.name}.png")
        file.write_bytes(png_picture(drawable, visits))
        err.print(f"written  {file}", markup=False, highlight=False)
        return
    text = mermaid_picture(drawable, visits) if form == "mermaid" else ascii_picture(drawable, visits)
    if out:
        out.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text.rstrip() + "\n")


def _visits(name: str, thread: str, db: str | None) -> dict[str, int]:
    """How often the thread's path came through each node."""
    from threadloom.runs.trail import trail
    from threadloom.threads import describe, find

    with opened(db) as saver:
        found = describe(saver, find(saver, thread))
        if found.graph != name:
            of = f"of the graph {found.graph}" if found.graph else "of a graph that this command does not know"
            raise UsageError(f"thread {found.id} is {of}, not of {name}")
        return dict(trail(saver, found.id).visits)
