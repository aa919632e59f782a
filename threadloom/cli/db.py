"""`threadloom db …`: look after a checkpoint database: what it is, what takes its room, whether all can be restored."""

import importlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.filesize import decimal
from rich.markup import escape
from rich.table import Table

from threadloom.cli.console import DbOption, JsonOption, err, opened, out, print_json, short
from threadloom.errors import UsageError, UserError

if TYPE_CHECKING:
    from threadloom.checkpoints import SQLSaver
    from threadloom.checkpoints.sizes import ThreadSize
    from threadloom.checkpoints.verify import Problem

app = typer.Typer(
    help="Look after the checkpoint database: what is in it, and whether all of it can be restored.",
    epilog="Example: threadloom db sizes",
    no_args_is_help=True,
)


@app.command(epilog="Example: threadloom db check --db postgresql://postgres@localhost/runs")
def check(db: DbOption = None, json: JsonOption = False) -> None:
    """Say whether the database can be opened, what it is, and how much is in it."""
    with opened(db) as saver:
        found = saver.overview()
    if json:
        print_json(found._asdict())
        return
    out.print(
        f"{found.database} by way of {found.driver}, schema {found.schema_version}, "
        f"threads: {found.threads:,}, checkpoints: {found.checkpoints:,}"
        f"{', encrypted with: ' if found.keys else ''}{', '.join(found.keys)}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


@app.command(epilog="Example: threadloom db upgrade --db postgresql://postgres@localhost/runs")
def upgrade(db: DbOption = None, json: JsonOption = False) -> None:
    """Create the tables, or convert those of an older release; stop what uses them first, and have a backup."""
    with opened(db, create=True) as saver:
        with err.status("Upgrading…"):
            before = saver.setup()
        after = saver.overview().schema_version
    if json:
        print_json({"before": before, "after": after})
    elif before == after:
        out.print(f"Nothing to do: the tables are of version {after} already.", markup=False, highlight=False)
    else:
        done = f"Converted from version {before} to {after}." if before else f"Created the tables, version {after}."
        out.print(done, markup=False, highlight=False)


@app.command(epilog="Example: threadloom db sizes 3f2a")
def sizes(
    thread: Annotated[str | None, typer.Argument(help="Thread id, or its beginning.", metavar="THREAD")] = None,
    limit: Annotated[int, typer.Option(help="How many threads, largest first.", min=1)] = 20,
    db: DbOption = None,
    json: JsonOption = False,
) -> None:
    """Show how many bytes threads take, or the channels of one."""
    with opened(db) as saver:
        found = saver.sizes(limit=limit) if thread is None else [find_size(saver, thread)]
    if json:
        listed = [_as_json(size) for size in found]
        print_json(listed if thread is None else listed[0])
    elif not found:
        err.print("Nothing is stored in this database yet.", markup=False)
    else:
        columns = ("checkpoints", "values", "writes", "elements", "runs")
        _table(
            ("thread", "total", *columns),
            (
                (short(s.thread_id) if thread is None else s.thread_id, s.total, *(getattr(s, c) for c in columns))
                for s in found
            ),
        )
        if thread is not None:
            out.print()
            _table(("namespace", "channel", "values", "writes", "elements", "alone"), found[0].channels)


@app.command(epilog="Example: threadloom db verify --allow my_agent.state:Invoice")
def verify(
    thread: Annotated[str | None, typer.Argument(help="Thread id, or its beginning.", metavar="THREAD")] = None,
    allow: Annotated[
        list[str] | None, typer.Option(help="A class that the program allows, as module:Class; may be repeated.")
    ] = None,
    alias: Annotated[
        list[str] | None, typer.Option(help="A renamed class, as old.module:Old=new.module:New; may be repeated.")
    ] = None,
    db: DbOption = None,
    json: JsonOption = False,
) -> None:
    """Read all that is stored against today's code: what could not be restored, is missing, damaged or of no use."""
    allowed, aliases = [type_name(text) for text in allow or ()], dict(_alias(text) for text in alias or ())
    with opened(db, allow=allowed, aliases=aliases) as saver:
        found = []
        for problem in saver.verify(None if thread is None else find_size(saver, thread).thread_id):
            found.append(problem._asdict())
            if not json:
                out.print(line_of(problem), markup=False, highlight=False, soft_wrap=True)
    if json:
        print_json(found)
    else:
        err.print(f"problems: {len(found)}" if found else "Everything that is stored can be restored.", markup=False)
    if found:
        raise typer.Exit(1)


@app.command(epilog="Example: THREADLOOM_ENCRYPTION_KEYS_FILE=keys.txt threadloom db rekey")
def rekey(db: DbOption = None, json: JsonOption = False) -> None:
    """Encrypt all that is stored with the first of the keys; what was interrupted goes on where it was."""
    from threadloom.checkpoints.errors import InvalidRequestError

    with opened(db) as saver, err.status("rekey") as status:
        try:
            done = saver.rekey(
                lambda so_far: status.update(escape(f"{so_far.threads:,} threads, {so_far.rows:,} rows"))
            )
        except InvalidRequestError:
            raise UserError("there is no key to encrypt with: set THREADLOOM_ENCRYPTION_KEYS, or _KEYS_FILE") from None
    if json:
        print_json({"threads": done.threads, "rows": done.rows})
    else:
        err.print(f"Everything has the current key. Threads: {done.threads:,}, rows encrypted now: {done.rows:,}.")


def _alias(text: str) -> tuple[str, type]:
    old, _, new = text.partition("=")
    try:
        module, name = type_name(new)
        return ":".join(type_name(old)), getattr(importlib.import_module(module), name)
    except (UsageError, ImportError, AttributeError) as error:
        raise UsageError(f"--alias {text!r}: write it as old.module:Old=new.module:New ({error})") from None


def type_name(text: str) -> tuple[str, str]:
    """What `--allow` says, as (module, class)."""
    module, colon, name = text.partition(":")
    if not (module and colon and name):
        raise UsageError(f"{text!r} names no class: write it as module:Class")
    return module, name


def line_of(problem: "Problem") -> str:
    """A problem in one line."""
    where = {"thread": problem.thread_id, "namespace": problem.ns, "checkpoint": problem.checkpoint_id}
    place = ", ".join(f"{name} {value}" for name, value in (where | {"channel": problem.channel}).items() if value)
    return f"{problem.kind}: {place}: {problem.type_name}{': ' if problem.type_name else ''}{problem.reason}"


def find_size(saver: "SQLSaver", text: str) -> "ThreadSize":
    """The size of the one thread that is, or begins with, `text`; does not read its state, which may be damaged."""
    from threadloom.threads import find

    found = saver.sizes(text) if text else []
    return found[0] if found else saver.sizes(find(saver, text))[0]


def _as_json(size: "ThreadSize") -> dict[str, Any]:
    shown = size._asdict() | {"total": size.total, "channels": [channel._asdict() for channel in size.channels]}
    return shown if size.channels else {key: value for key, value in shown.items() if key != "channels"}


def _table(headings: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    table = Table(box=None, pad_edge=False)
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="left" if number == 0 or heading == "channel" else "right", overflow="fold")
    for row in rows:
        table.add_row(*(decimal(cell) if isinstance(cell, int) else escape(cell) for cell in row))
    out.print(table)
