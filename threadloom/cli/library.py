"""`threadloom library …`: search, list and extend the library of papers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from threadloom.cli.console import JsonOption, err, out, print_json
from threadloom.errors import UsageError

if TYPE_CHECKING:
    from threadloom.state.papers import Paper

app = typer.Typer(
    help="Search, list and extend the library of papers.",
    epilog="Example: threadloom library add references.bib",
    no_args_is_help=True,
)


@app.command(epilog='Example: threadloom library search "minimum wage" --limit 3')
def search(
    query: Annotated[str, typer.Argument(help="Words to look for.", metavar="QUERY")],
    limit: Annotated[int, typer.Option(help="How many papers.", min=1)] = 10,
    json: JsonOption = False,
) -> None:
    """Search the bundled papers and your own."""
    from threadloom.tools.fulltext import search_words
    from threadloom.tools.library.catalogue import Library

    with _readable():
        papers = Library().search(search_words(query), limit)
    _list(papers, as_json=json)


@app.command("list", epilog="Example: threadloom library list --json")
def list_papers(json: JsonOption = False) -> None:
    """List all papers of the library."""
    from threadloom.tools.library.catalogue import Library

    with _readable():
        papers = Library().entries()
    _list(papers, as_json=json)


@app.command(epilog="Example: threadloom library add refs.bib notes.md")
def add(
    files: Annotated[
        list[Path], typer.Argument(help="BibTeX (.bib), JSON (.json; ours or CSL-JSON) or notes (.md).", metavar="FILE")
    ],
    json: JsonOption = False,
) -> None:
    """Add papers of your own; they are searched with the bundled ones from then on."""
    from threadloom.tools.library.catalogue import Library

    with _readable():
        report = Library().add(*files)
    if json:
        print_json(asdict(report))
    else:
        for word, lines in asdict(report).items():
            for line in lines:
                out.print(f"{word:<9} {line}", markup=False, highlight=False)
    if report.skipped:
        raise typer.Exit(1)


@contextmanager
def _readable() -> Iterator[None]:
    """The user's own library may be damaged or out of reach."""
    try:
        yield
    except ValueError as error:
        raise UsageError(str(error)) from None


def _list(papers: list["Paper"], *, as_json: bool) -> None:
    if as_json:
        print_json(papers)
        return
    if not papers:
        err.print("Nothing fits. `threadloom library list` shows all papers, `add` takes your own.", markup=False)
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("year", "paper", "id"):
        table.add_column(heading, overflow="fold")
    for paper in papers:
        first = paper["authors"][0]["family"] if paper["authors"] else ""
        by = f"{first} et al." if len(paper["authors"]) > 1 else first
        table.add_row(str(paper["year"] or ""), escape(f"{paper['title']}\n{by}"), escape(paper["id"]))
    out.print(table)
