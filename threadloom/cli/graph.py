"""`threadloom graph`: a picture of a graph."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from threadloom.cli.console import err


def graph(
    name: Annotated[str, typer.Argument(help="Name of the graph, such as research.")],
    form: Annotated[Literal["mermaid", "ascii", "png"], typer.Option("--format", help="How to draw it.")] = "mermaid",
    out: Annotated[Path | None, typer.Option("--out", help="File to write; NAME.png by default for png.")] = None,
) -> None:
    """Draw a graph: as Mermaid text, on the terminal, or as a picture."""
    from threadloom.catalogue import load
    from threadloom.picture import ascii_picture, png_picture

    drawable = load(name).compile(name=name).get_graph()
    if form == "png":
        file = out or Path(f"{name}.png")
        file.write_bytes(png_picture(drawable))
        err.print(f"written  {file}", markup=False, highlight=False)
        return
    text = drawable.draw_mermaid() if form == "mermaid" else ascii_picture(drawable)
    if out:
        out.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text.rstrip() + "\n")
