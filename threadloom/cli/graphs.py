"""`threadloom graphs`: the ready graphs, and what each can be given."""

from typing import Any

from rich.markup import escape
from rich.table import Table

from threadloom.cli.console import JsonOption, err, out, print_json


def graphs(json: JsonOption = False) -> None:
    """List the ready graphs, what they do and what they can be given."""
    from threadloom.catalogue import ENTRIES, Entry, load
    from threadloom.cli.options import options_of
    from threadloom.inputs import Input, inputs

    found: list[tuple[Entry, list[Input]]] = [(entry, inputs(load(entry.name))) for entry in ENTRIES]
    if json:
        print_json([_as_json(entry, fields) for entry, fields in found])
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("graph", "does", "text", "options"):
        table.add_column(heading, no_wrap=heading == "graph", overflow="fold")
    for entry, fields in found:
        options = " ".join(option.flag for option in options_of(entry, fields))
        table.add_row(entry.name, escape(entry.summary), entry.text, escape(options))
    out.print(table)
    err.print('\nRun one: threadloom run NAME "TEXT"; its options: threadloom run NAME --help', markup=False)


def _as_json(entry: Any, fields: list[Any]) -> dict[str, Any]:
    return {
        "name": entry.name,
        "summary": entry.summary,
        "text": entry.text,
        "example": f"threadloom run {entry.name} {entry.example}",
        "inputs": [one._asdict() for one in fields],
    }
