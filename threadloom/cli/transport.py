"""`threadloom export` and `threadloom import`: one thread as one file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from threadloom.cli.console import DbOption, JsonOption, ThreadArgument, err, opened, out, print_json
from threadloom.cli.db import line_of, type_name
from threadloom.errors import UsageError, UserError

if TYPE_CHECKING:
    from threadloom.checkpoints import SQLSaver


def export(
    thread: ThreadArgument,
    file: Annotated[Path, typer.Argument(help="A new file to write.", metavar="FILE")],
    db: DbOption = None,
    json: JsonOption = False,
) -> None:
    """Write all of a thread into one file that any database can import; it is not encrypted."""
    from threadloom.checkpoints.errors import InvalidRequestError
    from threadloom.threads import find

    with opened(db) as saver:
        try:
            done = saver.export_thread(find(saver, thread), file)
        except InvalidRequestError as error:
            raise UsageError(str(error)) from None
        except OSError as error:
            raise UsageError(f"{file} cannot be written: {error.strerror}") from None
    if json:
        print_json(done._asdict() | {"file": str(file)})
    else:
        words = f"written  {file}: thread {done.thread_id}, checkpoints: {done.checkpoints:,}, writes: {done.writes:,}"
        err.print(words, markup=False, highlight=False, soft_wrap=True)


def import_file(
    file: Annotated[Path, typer.Argument(help="A file that `threadloom export` wrote.", metavar="FILE")],
    thread: Annotated[str | None, typer.Option(help="Another id than the thread had.")] = None,
    allow: Annotated[
        list[str] | None, typer.Option(help="A class that may be restored, as module:Class; may be repeated.")
    ] = None,
    db: DbOption = None,
    json: JsonOption = False,
) -> None:
    """Bring in a thread from a file, whole or not at all; what is there already stays as it is."""
    from threadloom.checkpoints.archive import Archive
    from threadloom.checkpoints.errors import NotAnArchiveError, ThreadExistsError

    allowed = [type_name(text) for text in allow or ()]
    try:
        Archive(file)  # before there is a database
        with opened(db, create=True) as saver:
            done = cast("SQLSaver", saver.with_allowlist(allowed)).import_thread(file, thread)
    except NotAnArchiveError as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None
    except ThreadExistsError as error:
        raise UsageError(f"{error}: --thread NEW") from None
    if json:
        print_json(done._asdict() | {"problems": [problem._asdict() for problem in done.problems]})
    elif done.status == "imported":
        words = f"thread {done.thread_id}, checkpoints: {done.checkpoints:,}, writes: {done.writes:,}"
        out.print(words, markup=False, highlight=False, soft_wrap=True)
    if done.status != "imported":
        _refuse([line_of(problem) for problem in done.problems], {p.type_name for p in done.problems if p.type_name})


def _refuse(problems: list[str], classes: set[str]) -> None:
    for line in problems[1:]:
        err.print(line, markup=False, highlight=False, soft_wrap=True)
    options = " ".join(f"--allow {':'.join(name.rsplit('.', 1))}" for name in sorted(classes))
    raise UserError(f"nothing was stored: {problems[0]}{f'; if these classes are yours: {options}' if classes else ''}")
