"""`threadloom effects`: what a thread did to the world, and what to make of it where nobody knows."""

import json as jsonlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from threadloom.cli.console import (
    DbOption,
    JsonOption,
    ThreadArgument,
    ago,
    command,
    err,
    opened,
    out,
    print_json,
    printable,
)
from threadloom.errors import UsageError

if TYPE_CHECKING:
    from threadloom.checkpoints import SQLSaver
    from threadloom.runs.ledger import Effect
    from threadloom.runs.record import Record


def effects(
    thread: ThreadArgument,
    settle: Annotated[
        tuple[str, str] | None,
        typer.Option(
            help="Of one without a run whose outcome is not known: happened, retry or give-up.", metavar="KEY OUTCOME"
        ),
    ] = None,
    value: Annotated[str | None, typer.Option(help="What it returned, as JSON, if it happened.")] = None,
    task: Annotated[str | None, typer.Option(help="Whose, where several tasks have the key.")] = None,
    db: DbOption = None,
    json: JsonOption = False,
) -> None:
    """List what a thread did to the world; of what may have happened in a graph without a Runner, say what did."""
    from threadloom.runs.outcomes import effects_of

    if settle is None and (value is not None or task is not None):
        raise UsageError("--value and --task go with --settle")
    with opened(db) as saver:
        name = _thread(saver, thread)
        if settle:
            _settle(saver, name, *settle, value=value, task=task)
        found = effects_of(saver, name)
        runs = _runs(saver, name, found)
    if json:
        print_json([_as_json(entry) for entry in found])
    elif not found:
        err.print("Nothing was done to the world in this thread.", markup=False)
    else:
        _print(found)
        for line in _advice(name, found, runs, db):
            err.print(line, markup=False, highlight=False, soft_wrap=True)


def _thread(saver: "SQLSaver", text: str) -> str:
    """Its id; effects may be stored before the first checkpoint is."""
    from threadloom.runs.outcomes import effects_of
    from threadloom.threads import find

    return text if effects_of(saver, text) else find(saver, text)


def _settle(saver: "SQLSaver", thread: str, key: str, outcome: str, *, value: str | None, task: str | None) -> None:
    from threadloom.runs.errors import EffectError
    from threadloom.runs.outcomes import settle

    try:
        returned = None if value is None else jsonlib.loads(value)
    except ValueError as error:
        raise UsageError(f"--value is not JSON: {error}") from None
    try:
        settle(saver, thread, key, outcome.replace("-", " "), value=returned, task=task)
    except EffectError as error:
        raise UsageError(str(error)) from None


def _of(entry: "Effect") -> tuple[str, str]:
    """What an effect belongs to: "run" or "task", and its id."""
    from threadloom.runs.ledger import OF_TASK

    whose = entry.scope.removeprefix(OF_TASK)
    return ("run" if whose == entry.scope else "task"), whose


def _as_json(entry: "Effect") -> dict[str, Any]:
    from threadloom.runs.plain import plain

    kind, whose = _of(entry)
    return {
        "key": entry.key,
        "state": entry.state,
        "run_id": whose if kind == "run" else None,
        "task_id": entry.task,
        "node": entry.place.rpartition(" ")[0],
        "at": _time(entry),
        "value": plain(entry.value),
        "error": entry.error,
        "compensation": entry.compensation,
    }


def _print(found: Iterable["Effect"]) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("effect", "state", "when", "node", "of", "error"):
        table.add_column(heading, no_wrap=heading in ("state", "of"), overflow="fold")
    for entry in found:
        kind, whose = _of(entry)
        row = entry.key, entry.state, ago(_time(entry)), entry.place.rpartition(" ")[0], f"{kind} {whose[:8]}"
        table.add_row(*(escape(printable(cell)) for cell in (*row, entry.error)))
    out.print(table)


def _runs(saver: "SQLSaver", thread: str, found: Iterable["Effect"]) -> dict[str, "Record"]:
    """The runs that these effects of a thread belong to, by their ids."""
    from threadloom.runs.register import Register

    runs = {whose for kind, whose in map(_of, found) if kind == "run"}
    records = saver.database.read(Register(saver).records.of, thread, runs) if runs else []
    return {record.run_id: record for record in records}


def _advice(thread: str, found: Sequence["Effect"], runs: Mapping[str, "Record"], db: str | None) -> Iterable[str]:
    """What to do about those whose outcome is not known, or which could not be undone."""
    from threadloom.runs.ledger import UNKNOWN
    from threadloom.runs.record import ENDED

    for entry in found:
        kind, whose = _of(entry)
        run = runs.get(whose)
        where: dict[str, Any] = {"db": db, "graph": run.graph if run else ""}
        if entry.state == "not undone":
            yield f"\n{entry.key!r} was not undone. To try again: {command('cancel', whose, **where)}"
        elif entry.state in UNKNOWN and run and run.status in ENDED:
            yield f"\nWhether {entry.key!r} happened is not known, and its run has ended: look where it would show."
        elif entry.state in UNKNOWN and kind == "run":
            yield f"\nWhether {entry.key!r} happened is asked, or will be: {command('resume', whose, **where)}"
        elif entry.state in UNKNOWN:
            several = sum(other.key == entry.key for other in found) > 1
            words = ("--settle", entry.key, "happened", *(("--task", whose[:8]) if several else ()))
            yield (
                f"\nWhether {entry.key!r} happened is not known. Look where it would show, and say so, or retry or "
                f"give-up:\n  {command('effects', thread, *words, db=db)}\nand run the graph again."
            )


def _time(entry: "Effect") -> datetime:
    return datetime.fromtimestamp(entry.at / 1000, UTC)
