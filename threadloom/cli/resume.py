"""`threadloom resume`: go on with a run that waits, failed or was cut off."""

import json as jsonlib
import sys
from typing import Annotated, Any

import typer

from threadloom.cli import question as questions
from threadloom.cli.console import INTERRUPTED, DbOption, JsonOption, OutOption, ThreadArgument, err, opened
from threadloom.errors import UsageError


def resume(
    thread: ThreadArgument,
    answer: Annotated[str | None, typer.Option(help="The answer to the pending question, as JSON.")] = None,
    db: DbOption = None,
    out: OutOption = None,
    json: JsonOption = False,
) -> None:
    """Go on with a run that waits for an answer, failed or was cut off."""
    from threadloom.catalogue import GRAPHS
    from threadloom.cli.drive import drive
    from threadloom.files import check_folder, folder_for
    from threadloom.threads import describe, find

    with opened(db) as saver:
        found = describe(saver, find(saver, thread))
        if found.status == "done":
            raise UsageError(f"thread {found.id} is finished; `threadloom show {found.id}` prints its answer")
        if found.status == "foreign":
            raise UsageError(
                f"thread {found.id} is of a graph that this command does not know; its program can resume it"
            )
        if answer is not None and not found.pending:
            raise UsageError(f"thread {found.id} is {found.status} and asks nothing: resume it without --answer")
        if folder := folder_for(GRAPHS[found.graph], out):
            check_folder(folder)
        given = None
        if found.pending:
            given = _command(found.pending[0], answer, at_terminal=not json and sys.stdin.isatty())
        drive(saver, found.graph, found.id, given, folder=folder, as_json=json, db=db)


def _command(question: dict[str, Any], text: str | None, *, at_terminal: bool) -> Any:
    """The Command that answers the question, or None to meet the same pause again and have it shown."""
    from langgraph.types import Command

    from threadloom.nodes.question import check

    if text is None and not at_terminal:
        return None
    try:
        answer = questions.ask(question) if text is None else _json(text)
        check(question, answer)
    except typer.Abort:
        err.print("\nStill paused; resume it when you are ready.")
        raise typer.Exit(INTERRUPTED) from None
    except ValueError as error:
        raise UsageError(f"answer refused, the run stays paused: {error}") from None
    return Command(resume={question["id"]: answer})


def _json(text: str) -> Any:
    try:
        return jsonlib.loads(text)
    except ValueError as error:
        raise UsageError(f"--answer is not JSON: {error}") from None
