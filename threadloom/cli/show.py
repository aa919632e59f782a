"""`threadloom show`: one thread, its steps, and its state at any of them."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from threadloom.cli import question as questions
from threadloom.cli.console import (
    DbOption,
    JsonOption,
    OutOption,
    ThreadArgument,
    command,
    cut,
    err,
    opened,
    out,
    print_json,
    printable,
)
from threadloom.cli.running import GraphOption, own, unknown

if TYPE_CHECKING:
    from threadloom.runs.snapshot import Snapshot
    from threadloom.threads import Step, Thread


def show(
    thread: ThreadArgument,
    at: Annotated[
        str | None, typer.Option(help="A step, or a checkpoint id or its end: the state as it was then.")
    ] = None,
    graph: GraphOption = None,
    db: DbOption = None,
    folder: OutOption = None,
    json: JsonOption = False,
) -> None:
    """Show a thread: where it stands, its checkpoints, its report or its question; --out writes the report again."""
    from threadloom.files import check_folder, write_report
    from threadloom.runs.snapshot import find_checkpoint, snapshot
    from threadloom.threads import compiled, describe, find, history

    if folder:
        check_folder(folder)
    with own(graph), opened(db) as saver:
        found = describe(saver, find(saver, thread))
        if at is not None:
            known = compiled(found.graph, saver) if found.known else None
            _state(snapshot(saver, found.id, find_checkpoint(saver, found.id, at), graph=known), as_json=json)
            return
        steps = history(saver, found)
        files = write_report(folder, found) if folder and found.known and found.status == "done" else []
        if json:
            print_json(_as_json(found, steps, [str(file) for file in files]))
            return
        _thread(found, steps, db)
    for file in files:
        err.print(f"written  {file}", markup=False, highlight=False, soft_wrap=True)


def _state(found: "Snapshot", *, as_json: bool) -> None:
    from threadloom.runs.plain import plain

    if as_json:
        print_json({"checkpoint": found.checkpoint_id, "next": found.next, "values": plain(found.values)})
        return
    out.print(f"checkpoint {found.checkpoint_id}, next: {_next(found.next)}", style="bold", markup=False)
    table = Table(box=None, pad_edge=False, show_header=False)
    for key, value in found.values.items():
        table.add_row(escape(key), escape(printable(_brief(value))))
    out.print(table)


def _brief(value: Any) -> str:
    """A value on a line or two: text cut short, collections as their size and what they begin with."""
    if isinstance(value, list | dict) and value:
        first = next(iter(value))
        return f"{len(value)} {'entries' if len(value) > 1 else 'entry'}, first: {_brief(first)}"
    text = str(getattr(value, "text", value))  # of a message what it says
    return cut(text, 120)


def _as_json(thread: "Thread", steps: list["Step"], files: list[str]) -> dict[str, Any]:
    from threadloom.result import run_result

    checkpoints = [
        {"id": step.id, "created_at": step.created, "step": step.step, "source": step.source, "next": step.next}
        for step in steps
    ]
    return run_result(thread, files) | {
        "pending": thread.pending,
        "error": thread.error,
        "checkpoints": checkpoints,
    }


def _thread(thread: "Thread", steps: list["Step"], db: str | None) -> None:
    from threadloom.cli.drive import print_report

    if thread.known and thread.status == "done":
        print_report(thread.answer)
    out.print(f"\nthread {thread.id}, {thread.status}", style="bold", markup=False, highlight=False)
    table = Table(box=None, pad_edge=False)
    for heading in ("step", "checkpoint", "next"):
        table.add_column(heading, no_wrap=heading != "next", overflow="fold")
    for step in reversed(steps):
        table.add_row(str(step.step), step.id, _next(step.next))
    out.print(table)
    if thread.pending:
        questions.show(thread.pending, answer_with=command("resume", thread.id, db=db, graph=thread.graph))
    elif words := _advice(thread, db):
        out.print(words, markup=False, highlight=False, soft_wrap=True)


def _advice(thread: "Thread", db: str | None) -> str:
    """What is to be said of where it stands, and how to go on."""
    if not thread.known:
        return unknown(thread)
    again = command("resume", thread.id, db=db, graph=thread.graph)
    all_of_them = command("recover", db=db, graph=thread.graph)
    error = f"{printable(thread.error)}. " if thread.error else ""
    told = {
        "failed": f"{error}Go on with: {again}",
        "paused": f"Go on with: {again}",
        "lost": f"Its process is gone. Go on with: {again}, or with all: {all_of_them}",
        "running": f"Under way in another process, as run {thread.run_id}.",
        "unfinished": f"Under way in another process, or cut off. If it was cut off: {again}",
    }
    return told.get(thread.status, error)


def _next(nodes: tuple[str, ...] | None) -> str:
    """Node names, each once, with how many branches of it there are."""
    if nodes is None:
        return ""
    counts = {name: nodes.count(name) for name in nodes}
    return ", ".join(f"{name} × {n}" if n > 1 else name for name, n in counts.items()) or "nothing: the end"
