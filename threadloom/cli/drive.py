"""Drive a run to its end or its next pause, show what happens, and say what can be done next."""

import os
import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.markdown import Markdown

from threadloom.cli import question as questions
from threadloom.cli.console import INTERRUPTED, command, err, one_line, out, print_json, printable
from threadloom.cli.progress import Progress
from threadloom.errors import StoppedError

if TYPE_CHECKING:
    from threadloom.checkpoints import SQLSaver
    from threadloom.threads import Thread

WAITING = 3


def drive(
    saver: "SQLSaver", graph: str, thread_id: str, given: object, *, folder: Path | None, as_json: bool, db: str | None
) -> None:
    """Run the graph on the thread with an input, a Command, or None to go on; ends the command with its exit code.

    The answer is written into `folder`, if there is one.

    Raises StoppedError when a node fails: everything finished so far is in the database by then.
    """
    from threadloom.threads import compiled, config_for, describe

    flow = compiled(graph, saver)
    config = config_for(thread_id, graph)
    again = command("resume", thread_id, db=db)
    with Progress(graph, quiet=as_json) as progress, _ctrl_c(progress, again):
        try:
            for event in flow.stream(given, config, stream_mode=progress.modes, subgraphs=True, durability="sync"):
                progress.show(*event)
        except Exception as error:
            advice = f" Go on with: {again}" if _stored(saver, thread_id) else ""
            raise StoppedError(thread_id, f"the run stopped: {one_line(error).rstrip('.')}.{advice}") from error
    thread = describe(saver, thread_id)
    if thread.status not in ("done", "waiting"):
        raise StoppedError(thread_id, f"the run is {thread.status}. Go on with: {again}")
    _conclude(thread, folder, as_json=as_json, db=db)
    if thread.status == "waiting":
        raise typer.Exit(WAITING)


def _stored(saver: "SQLSaver", thread_id: str) -> bool:
    """Whether there is anything to resume: the database may have failed before the first step was in it."""
    from threadloom.threads import config_for

    try:
        return saver.get_tuple(config_for(thread_id)) is not None
    except Exception:  # noqa: BLE001  # the error that is being reported says more than one of this look
        return True


def _conclude(thread: "Thread", folder: Path | None, *, as_json: bool, db: str | None) -> None:
    from threadloom.files import write_report
    from threadloom.result import run_result

    files: list[Path] = []
    problem = ""
    try:
        files = write_report(folder, thread) if folder and thread.status == "done" else []
    except OSError as error:
        again = command("show", thread.id, "--out", "FOLDER", db=db)
        problem = f"the report could not be written: {error}; this tries again: {again}"
    if as_json:
        more = {"pending": thread.pending, "error": problem}
        print_json(run_result(thread, files) | {key: value for key, value in more.items() if value})
    elif thread.status == "waiting":
        questions.show(thread.pending[0], answer_with=command("resume", thread.id, db=db))
    else:
        print_report(thread.answer)
        _next_steps(thread, files, db)
    if problem:
        err.print(problem, style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1)


def print_report(markdown: str, console: Console = out) -> None:
    """Formatted on a terminal; as it is into a pipe or file."""
    if console.is_terminal:
        console.print(Markdown(markdown))
    else:
        console.file.write(markdown.rstrip() + "\n")


def _next_steps(thread: "Thread", files: list[Path], db: str | None) -> None:
    page = next((file for file in files if file.suffix == ".html"), None)
    err.print()
    if stopped := thread.values.get("stopped"):
        err.print(f"stopped  {printable(stopped)}", style="yellow", markup=False, highlight=False, soft_wrap=True)
    for file in files:
        err.print(f"written  {file}", markup=False, highlight=False, soft_wrap=True)
    err.print(f"thread   {thread.id}", markup=False, highlight=False, soft_wrap=True)
    err.print("\nTry next:", style="bold")
    for line in (
        command("show", thread.id, db=db),
        command("run", thread.graph, "--help"),
        f"{'open' if sys.platform == 'darwin' else 'xdg-open'} {shlex.quote(str(page))}"
        if page
        else command("threads", db=db),
    ):
        err.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)


@contextmanager
def _ctrl_c(progress: Progress, again: str) -> Iterator[None]:
    """Leave at once on Ctrl-C, instead of after the slowest branch.

    Nodes run in threads that cannot be stopped, and every finished step is in the database already: leaving the
    process hard is no worse than a power cut, which the store is built for.
    """

    def leave(_signal: int, _frame: FrameType | None) -> Any:
        progress.close()
        err.print(f"\nStopped. What was finished is kept. Go on with: {again}", markup=False, soft_wrap=True)
        sys.stdout.flush()
        os._exit(INTERRUPTED)

    before = signal.signal(signal.SIGINT, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
