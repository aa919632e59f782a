"""`threadloom db prune`: drop history that is no longer wanted, and give the room back to the disk."""

import re
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.filesize import decimal

from threadloom.cli.console import INTERRUPTED, DbOption, JsonOption, err, opened, out, print_json
from threadloom.cli.db import find_size
from threadloom.errors import UsageError

if TYPE_CHECKING:
    from threadloom.checkpoints import SQLSaver
    from threadloom.checkpoints.pruning import Pruned

UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def prune(
    threads: Annotated[
        list[str] | None, typer.Argument(help="Thread ids, or their beginnings.", metavar="THREAD")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All threads.")] = False,
    keep: Annotated[
        int | None, typer.Option(help="How many checkpoints to keep of each namespace.", min=1, show_default="1")
    ] = None,
    older_than: Annotated[
        str | None, typer.Option(help="Only what is older: 90m, 12h, 30d or 8w.", metavar="AGE")
    ] = None,
    delete: Annotated[bool, typer.Option("--delete", help="Delete threads whole.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be deleted.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    db: DbOption = None,
    json: JsonOption = False,
) -> None:
    """Drop the history of threads, after asking; resume goes on from where they stand."""
    if bool(threads) == every:
        raise UsageError("say which threads: THREAD… or --all" + (", not both" if threads else ""))
    if delete and keep is not None:
        raise UsageError("--delete keeps nothing: leave out --keep")
    how: dict[str, Any] = {
        "strategy": "delete" if delete else "keep_latest",
        "keep": keep or 1,
        "older_than": None if older_than is None else datetime.now(UTC) - _age(older_than),
    }
    if not (dry_run or yes or (sys.stdin.isatty() and not json)):
        raise UsageError("this deletes for good and there is no terminal to ask at: pass --yes, or --dry-run")
    with opened(db) as saver:
        chosen = list(dict.fromkeys(find_size(saver, text).thread_id for text in threads)) if threads else None
        done: list[Any] = []
        if dry_run or not yes:
            done = _done(saver, chosen, dry_run=True, **how)
            if not dry_run and not (
                any(p.bytes for p in done) and typer.confirm(f"{_summary(done)} Delete?", err=True)
            ):
                err.print("Nothing was deleted.")
                return
        if not dry_run:
            done = _done(saver, chosen, dry_run=False, **how)
            with err.status("giving back room"):
                saver.compact()
    if json:
        print_json({"dry_run": dry_run, "threads": [pruned._asdict() for pruned in done]})
    else:
        out.print(("Would go: " if dry_run else "Gone: ") + _summary(done), markup=False, highlight=False)


def _done(saver: "SQLSaver", threads: list[str] | None, **how: Any) -> "list[Pruned]":
    count = 0
    with err.status("looking" if how["dry_run"] else "pruning") as status:

        def show(_: "Pruned") -> None:
            nonlocal count
            count += 1
            status.update(f"{count:,} threads")

        try:
            return saver.prune(threads, **how, progress=show)
        except KeyboardInterrupt:
            err.print("Stopped. All that is left can be read; the same command goes on from here.")
            raise typer.Exit(INTERRUPTED) from None


def _summary(done: "list[Pruned]") -> str:
    checkpoints, writes, size = (sum(each) for each in zip((0, 0, 0), *(pruned[1:] for pruned in done), strict=True))
    touched = sum(bool(pruned.bytes) for pruned in done)
    return f"{checkpoints:,} checkpoints and {writes:,} writes of {touched:,} threads, {decimal(size)}."


def _age(text: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,6})([mhdw])", text)
    if found is None:
        raise UsageError(f"--older-than {text!r}: write it like 90m, 12h, 30d or 8w")
    return timedelta(**{UNITS[found[2]]: int(found[1])})
