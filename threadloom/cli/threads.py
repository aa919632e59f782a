"""`threadloom threads`: what is in the database and where it stands."""

import re
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from threadloom.cli.console import DbOption, JsonOption, ago, command, err, opened, out, print_json, printable, short
from threadloom.errors import UsageError

if TYPE_CHECKING:
    from threadloom.threads import Thread

STYLES = {
    "done": "green", "waiting": "yellow", "failed": "red", "unfinished": "magenta", "foreign": "dim",
    "running": "cyan", "paused": "yellow", "cancelled": "dim", "lost": "magenta",
    "unreadable": "red",
}  # fmt: skip
UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


def threads(
    status: Annotated[str | None, typer.Option(help=f"Only those that are {', '.join(STYLES)}.")] = None,
    graph: Annotated[str | None, typer.Option(help="Only those of this graph.")] = None,
    since: Annotated[str | None, typer.Option(help="Written to since: 90m, 12h, 7d, or a date.")] = None,
    until: Annotated[str | None, typer.Option(help="Not written to since: 90m, 12h, 7d, or a date.")] = None,
    text: Annotated[str, typer.Option(help="With this in the id or in what was asked.")] = "",
    limit: Annotated[int, typer.Option(help="How many, newest first.", min=1)] = 20,
    before: Annotated[str | None, typer.Option(help="Go on after the cursor that the last page ended with.")] = None,
    db: DbOption = None,
    json: JsonOption = False,
) -> None:
    """List the threads of a database, newest first, with where each stands."""
    from threadloom.threads import Wanted, listing

    if status is not None and status not in STYLES:
        raise UsageError(f"--status {status!r}: it is one of {', '.join(STYLES)}")
    wanted = Wanted(status, graph, _moment("--since", since), _moment("--until", until), text)  # type: ignore[arg-type]  # checked above
    with opened(db) as saver:
        found = list(islice(listing(saver, wanted, _cursor(before)), limit + 1))
    more, found = len(found) > limit, found[:limit]
    if json:
        print_json([_as_json(thread, cursor) for thread, cursor in found])
    elif not found:
        _say_nothing(wanted != Wanted() or before is not None)
    else:
        _print([thread for thread, _ in found])
        if more:
            given = {"--status": status, "--graph": graph, "--since": since, "--until": until, "--text": text}
            words = [word for option, value in given.items() if value for word in (option, value)]
            line = command("threads", *words, "--limit", str(limit), "--before", found[-1][1], db=db)
            err.print(f"\nThere are more: {line}", markup=False, highlight=False, soft_wrap=True)


def _cursor(text: str | None) -> tuple[str, str] | None:
    if text is None:
        return None
    checkpoint, slash, thread = text.partition("/")
    if not (checkpoint and slash and thread):
        raise UsageError(f"--before {text!r} is no cursor; a page of this command, or its JSON, says one")
    return checkpoint, thread


def _moment(option: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    if found := re.fullmatch(r"(\d{1,6})([mhd])", text):
        return datetime.now(UTC) - int(found[1]) * UNITS[found[2]]
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        raise UsageError(f"{option} {text!r}: write it like 90m, 12h, 7d or 2026-11-26") from None


def _as_json(thread: "Thread", cursor: str) -> dict[str, Any]:
    keys = ("id", "graph", "status", "question", "updated", "error")
    return {key: getattr(thread, key) for key in keys} | {"cursor": cursor}


def _say_nothing(filtered: bool) -> None:
    words = (
        "No threads like that." if filtered else 'No threads yet. Start one: threadloom run research "your question"'
    )
    err.print(words, markup=False)


def _about(thread: "Thread") -> str:
    from threadloom.checkpoints.importing import is_unfinished

    if is_unfinished(thread.id):
        return "(half of an import; import it again)"
    if thread.status == "unreadable":
        return f"(see: {command('db', 'verify', short(thread.id))})"
    return "(of a graph that is not ours)"


def _print(found: list["Thread"]) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("thread", "graph", "status", "when", "question"):
        table.add_column(heading, no_wrap=heading != "question", overflow="fold")
    for thread in found:
        status = f"[{STYLES[thread.status]}]{thread.status}[/]"
        table.add_row(
            escape(short(thread.id)),
            escape(printable(thread.graph)),
            status,
            ago(thread.updated),
            escape(printable(thread.question) or _about(thread)),
        )
    out.print(table)
