"""`threadloom db import`: copy threads out of the databases of LangGraph's own savers."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from threadloom.cli.console import INTERRUPTED, DbOption, JsonOption, err, missing_file, opened, out, print_json
from threadloom.cli.db import line_of, type_name
from threadloom.errors import UsageError

if TYPE_CHECKING:
    from threadloom.checkpoints import SQLSaver
    from threadloom.checkpoints.importing import Imported
    from threadloom.checkpoints.sources.source import Source


def import_threads(
    source: Annotated[
        str,
        typer.Argument(
            help="SQLite file, or URL, of langgraph-checkpoint-sqlite or -postgres. It is not changed.",
            metavar="SOURCE",
        ),
    ],
    thread: Annotated[
        list[str] | None, typer.Option(help="This thread only (its id there, or the beginning); may be repeated.")
    ] = None,
    allow: Annotated[
        list[str] | None, typer.Option(help="A class that may be restored, as module:Class; may be repeated.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read everything and store nothing.")] = False,
    db: DbOption = None,
    json: JsonOption = False,
) -> None:
    """Copy threads of LangGraph's own savers into the database; those that are there already stay as they are."""
    counts: dict[str, int] = {"imported": 0, "present": 0, "failed": 0}
    listed: list[dict[str, Any]] = []
    with _opened_source(source) as found, _target(db, dry_run=dry_run) as saver:
        wider = cast("SQLSaver", saver.with_allowlist([type_name(text) for text in allow or ()]))
        chosen = None if thread is None else list(dict.fromkeys(_found(found, text) for text in thread))
        try:
            for result in _shown(found, wider, chosen, dry_run=dry_run, quiet=json):
                counts[result.status] += 1
                listed.append(result._asdict() | {"problems": [problem._asdict() for problem in result.problems]})
                if not json:
                    _print(result)
        except KeyboardInterrupt:
            err.print(f"Stopped; {_summary(counts, dry_run=dry_run)}. The same command goes on from here.")
            raise typer.Exit(INTERRUPTED) from None
    if json:
        print_json({"dry_run": dry_run, **counts, "threads": listed})
    else:
        out.print(_summary(counts, dry_run=dry_run), markup=False, highlight=False)
    if counts["failed"]:
        _remedy(problem["type_name"] for one in listed for problem in one["problems"])
        raise typer.Exit(1)


@contextmanager
def _opened_source(text: str) -> Iterator["Source"]:
    from threadloom.checkpoints.errors import MissingDriverError, NotASourceError
    from threadloom.checkpoints.sources import open_source

    try:
        source = open_source(text)
    except (NotASourceError, MissingDriverError) as error:
        raise UsageError(str(error)) from None
    with source:
        yield source


@contextmanager
def _target(db: str | None, *, dry_run: bool) -> Iterator["SQLSaver"]:
    from threadloom.settings import RunSettings

    db = db or RunSettings().db
    with opened("sqlite://" if dry_run and missing_file(db) else db, create=True) as saver:
        yield saver


def _found(source: "Source", text: str) -> str:
    """The id of the one thread of the source that is, or begins with, `text`."""
    matches = list(source.threads(text)) if text else []
    if text in matches or len(matches) == 1:
        return text if text in matches else matches[0]
    if matches:
        raise UsageError(f"{text!r} fits {len(matches)} threads: {', '.join(matches[:3])}…; give more of the id")
    raise UsageError(f"no thread {text!r} in {source.name}")


def _shown(
    source: "Source", saver: "SQLSaver", chosen: list[str] | None, *, dry_run: bool, quiet: bool
) -> Iterator["Imported"]:
    """Import, with a bar of checkpoints on standard error."""
    columns = TextColumn("checkpoints"), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=err, transient=True, disable=quiet or not err.is_terminal) as bar:
        task = bar.add_task("", total=source.count(chosen))
        yield from saver.import_threads(source, chosen, dry_run=dry_run, progress=lambda: bar.advance(task))


def _print(result: "Imported") -> None:
    for problem in result.problems:
        out.print(line_of(problem), markup=False, highlight=False, soft_wrap=True)


def _summary(counts: dict[str, int], *, dry_run: bool) -> str:
    imported, present, failed = counts.values()
    what = "could be imported" if dry_run else "imported"
    return f"threads {what}: {imported:,}, there already: {present:,}, left out: {failed:,}"


def _remedy(type_names: Iterable[str]) -> None:
    """What would let the threads in that were left out because of classes."""
    names = sorted({":".join(name.rsplit(".", 1)) for name in type_names if name})
    if names:
        options = " ".join(f"--allow {name}" for name in names)
        words = f"If these classes are yours, run it again with {options}"
        err.print(words, markup=False, highlight=False, soft_wrap=True)
