"""What commands share in talking to a person: consoles, errors, times, the options they have in common."""

import json
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from threadloom.errors import StoppedError, UsageError, UserError

if TYPE_CHECKING:
    from threadloom.checkpoints import SQLSaver

DbOption = Annotated[
    str | None,
    typer.Option("--db", help="Checkpoint database, as an SQLAlchemy URL.", show_default="sqlite:///threadloom.db"),
]
OutOption = Annotated[Path | None, typer.Option("--out", help="Folder for reports.", show_default="reports")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON only.")]
ThreadArgument = Annotated[str, typer.Argument(help="Id of a thread or a run, or its beginning.", metavar="THREAD")]

_MADE_UP = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

INTERRUPTED = 130
"""Exit code of a command that was stopped by Ctrl-C, as shells have it."""

out = Console()
err = Console(stderr=True)


def report_error(error: BaseException, *, as_json: bool) -> int:
    """Say in one line what went wrong; returns the exit code."""
    code = _exit_code(error)
    text = one_line(error)
    if as_json:
        thread = {"thread_id": error.thread_id} if isinstance(error, StoppedError) else {}
        status = "refused" if code == UsageError.exit_code else getattr(error, "status", UserError.status)
        print_json(thread | {"status": status, "error": text, "exit_code": code})
    err.print(f"threadloom: {text}", style="red", markup=False, highlight=False, soft_wrap=True)
    if not isinstance(error, UserError) and not _explained(error):
        err.print("(run again with `threadloom --debug …` for the traceback)", style="dim", markup=False)
    return code


def _exit_code(error: BaseException) -> int:
    from threadloom.models.settings import ConfigError

    return UsageError.exit_code if isinstance(error, ConfigError) else getattr(error, "exit_code", UserError.exit_code)


def one_line(error: BaseException) -> str:
    """The error's text on one line, with its kind when the text alone would not say what happened."""
    text = " ".join(str(error).split())
    return text if text and (isinstance(error, UserError) or _explained(error)) else f"{type(error).__name__}: {text}"


def _explained(error: BaseException) -> bool:
    """Errors of the checkpoint store say by themselves what is wrong and what to do."""
    return type(error).__module__.startswith("threadloom.")


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n")


@contextmanager
def opened(db: str | None, *, create: bool = False, **options: Any) -> Iterator["SQLSaver"]:
    """The checkpoint database that the command or the settings name, with more of SQLSaver's options.

    Raises UsageError when it cannot be one, or is a file that does not exist and `create` is not wanted: a command
    that only looks must not leave an empty database behind.
    """
    from threadloom.checkpoints import SQLSaver
    from threadloom.checkpoints.errors import CheckpointError
    from threadloom.settings import RunSettings

    settings = RunSettings()
    url = db or settings.db
    if not create and (file := missing_file(url)):
        raise UsageError(f"no database at {file} yet; `threadloom run` makes it, --db names another")
    try:
        saver = SQLSaver(url, encryption=settings.encryption(), **options)
    except CheckpointError as error:
        raise UsageError(str(error)) from None
    with saver:
        yield saver


def missing_file(url: str) -> str:
    """The path of an SQLite URL when there is no file; empty when there is one or the URL is of another kind."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parsed = make_url(url)
    except ArgumentError:
        return ""
    path = parsed.database or ""
    is_file = parsed.get_backend_name() == "sqlite" and path and not path.startswith((":", "file:"))
    return path if is_file and not Path(path).exists() else ""


def short(thread_id: str) -> str:
    """An id as lists show it: enough of one that was made up, all of one that somebody gave."""
    return thread_id[:8] if _MADE_UP.fullmatch(thread_id) else printable(thread_id)


def cut(text: str, longest: int) -> str:
    """A text, or as much of it as fits into so many characters."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def ago(moment: datetime | None) -> str:
    """How long ago, in words."""
    if moment is None:
        return ""
    seconds = (datetime.now(UTC) - moment).total_seconds()
    for size, word in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {word}{'s' if count > 1 else ''} ago"
    return "just now"


def command(*words: str, db: str | None = None, graph: str = "") -> str:
    """A command line to copy: this very program, found the way the user found it; it says where a `graph` is.

    Of one that this command does not know it has a place to fill in.
    """
    from threadloom.catalogue import GRAPHS

    program = "threadloom" if shutil.which("threadloom") else sys.argv[0]
    module = GRAPHS[graph].module if graph in GRAPHS else "module:attribute"
    ready = not graph or (graph in GRAPHS and GRAPHS[graph].own is None)
    return shlex.join(
        [
            program,
            *words,
            *([] if ready else ["--graph", f"{graph}={module}"]),
            *(["--db", db] if db else []),
        ]
    )


def printable(text: str) -> str:
    """Without control characters: what comes from outside must not steer the terminal."""
    return "".join(char if char.isprintable() else " " for char in text)
