"""A paused run's question, shown and answered on the terminal."""

import json
from typing import Any

import typer
from rich.markup import escape
from rich.table import Table

from threadloom.cli.console import err, out


def show(question: dict[str, Any], *, answer_with: str) -> None:
    """Print the question, what it is about, and the command that answers it."""
    display(question)
    out.print(question["prompt"], style="bold", markup=False)
    example = json.dumps(question["example"])
    err.print(f"\nPaused. Answer with:\n  {answer_with} --answer '{example}'", markup=False, soft_wrap=True)
    err.print(f"or, to be asked here:\n  {answer_with}", markup=False, soft_wrap=True)


def display(question: dict[str, Any]) -> None:
    """Print what the question is about."""
    from threadloom.cli.drive import print_report

    if question["refused"]:
        err.print(f"The last answer was refused: {question['refused']}", style="red", markup=False)
    if question["papers"]:
        out.print(_papers(question["papers"]))
    if question["markdown"]:
        print_report(question["markdown"])


def ask(question: dict[str, Any]) -> dict[str, Any]:
    """Ask at the terminal, again until the answer fits; returns it in the shape the run expects."""
    from threadloom.nodes.question import check

    display(question)
    while True:
        try:
            answer = _asked(question)
            check(question, answer)
        except ValueError as error:
            err.print(f"That does not fit: {error}", style="red", markup=False)
        else:
            return answer


def _asked(question: dict[str, Any]) -> dict[str, Any]:
    """Raises ValueError for what is not JSON, where it is asked for as JSON."""
    if question["kind"] == "papers":
        return _ask_papers(question["papers"])
    if question["kind"] == "report":
        return _ask_report()
    out.print(question["prompt"], style="bold", markup=False)
    answer: dict[str, Any] = json.loads(typer.prompt("Answer, as JSON", default=json.dumps(question["example"])))
    return answer


def _papers(papers: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("", "read", "paper", "why"):
        table.add_column(heading, justify="right" if not heading else "left", overflow="fold")
    for number, paper in enumerate(papers, 1):
        title = f"{paper['title']} ({paper['year'] or 'n.d.'})\n{paper['id']}"
        table.add_row(str(number), "yes" if paper["kept"] else "no", escape(title), escape(paper["reason"]))
    return table


def _ask_papers(papers: list[dict[str, Any]]) -> dict[str, Any]:
    out.print("Which papers should be read? Those marked yes, unless you change it:", style="bold")
    drop = typer.prompt("Numbers not to read, separated by spaces (Enter for none)", default="", show_default=False)
    add = typer.prompt("Numbers to read after all (Enter for none)", default="", show_default=False)
    return {"drop": _ids(drop, papers), "add": _ids(add, papers)}


def _ids(numbers: str, papers: list[dict[str, Any]]) -> list[str]:
    """Numbers of the list become ids; anything else stays as typed, for the run to refuse or know."""
    words = numbers.replace(",", " ").split()
    return [papers[int(word) - 1]["id"] if word.isdigit() and 0 < int(word) <= len(papers) else word for word in words]


def _ask_report() -> dict[str, Any]:
    if typer.confirm("Is the report final?", default=True):
        return {"approve": True}
    drop = typer.prompt(
        "Ids of findings to leave out, separated by spaces (Enter for none)", default="", show_default=False
    )
    comment = typer.prompt("What should the new version do differently?", default="", show_default=False)
    return {"approve": False, "drop": drop.split(), "comment": comment}
