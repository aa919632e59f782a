"""Drive a run to its end or its next pause, show what happens, and say what can be done next."""

import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple

import typer
from rich.console import Console
from rich.markdown import Markdown

from threadloom.cli import question as questions
from threadloom.cli.console import INTERRUPTED, command, err, one_line, out, print_json, printable
from threadloom.cli.progress import Progress
from threadloom.errors import StoppedError, UserError

if TYPE_CHECKING:
    from threadloom.checkpoints import SQLSaver
    from threadloom.runs.run import Run
    from threadloom.runs.runner import Runner
    from threadloom.threads import Thread

WAITING = 3
PATIENCE = 2.0  # seconds for giving a lease back


def drive(
    saver: "SQLSaver", graph: str, thread_id: str, given: object, *, folder: Path | None, as_json: bool, db: str | None
) -> None:
    """`follow` for a thread that no Runner has made: run the graph with an input, a Command, or None to go on."""
    from threadloom.threads import compiled, config_for

    flow, config = compiled(graph, saver), config_for(thread_id, graph)

    def events(modes: list[Any]) -> Iterator[Any]:
        how: Any = {"stream_mode": modes, "subgraphs": True, "durability": "sync"}
        yield from flow.stream(given, config, **how)

    _show(saver, Flow(graph, thread_id, events, lambda: None), folder=folder, as_json=as_json, db=db)


def follow(
    runner: "Runner",
    begin: "Callable[[list[Any]], Run]",
    graph: str,
    thread_id: str,
    *,
    folder: Path | None,
    as_json: bool,
    db: str | None,
) -> None:
    """Start or resume a run and show it; ends the command with its exit code.

    The answer is written into `folder`, if there is one.

    Raises StoppedError when a node fails: everything finished so far is in the database by then.
    """

    def events(modes: list[Any]) -> Iterator[Any]:
        run = begin(modes)
        return _events(run) if run.here else iter(())

    _show(runner.saver, Flow(graph, thread_id, events, runner.let_go), folder=folder, as_json=as_json, db=db)


class Flow(NamedTuple):
    """What is shown: a graph on a thread, its events in some stream modes, and what to do before leaving at once."""

    graph: str
    thread_id: str
    events: "Callable[[list[Any]], Iterator[Any]]"
    let_go: "Callable[[], None]"


def _events(run: "Run") -> Iterator[Any]:
    yield from run.stream()
    outcome = run.wait()
    if outcome.status == "failed":
        raise UserError(outcome.error)


def _show(saver: "SQLSaver", flow: Flow, *, folder: Path | None, as_json: bool, db: str | None) -> None:
    from threadloom.threads import describe

    again = command("resume", flow.thread_id, db=db, graph=flow.graph)
    with Progress(flow.graph, quiet=as_json) as progress, _ctrl_c(progress, flow, again):
        events = flow.events([*progress.modes])
        try:
            for event in events:
                progress.show(*event)
        except Exception as error:
            advice = f" Go on with: {again}" if _stored(saver, flow.thread_id) else ""
            raise StoppedError(flow.thread_id, f"the run stopped: {one_line(error).rstrip('.')}.{advice}") from error
    thread = describe(saver, flow.thread_id)
    if thread.status not in ("done", "waiting"):
        advice = "" if thread.status == "cancelled" else f" Go on with: {again}"
        raise StoppedError(flow.thread_id, f"the run is {thread.status}.{advice}", thread.status)
    conclude(thread, folder, as_json=as_json, db=db)


def _stored(saver: "SQLSaver", thread_id: str) -> bool:
    """Whether there is anything to resume: the database may have failed before the first step was in it."""
    from threadloom.threads import config_for

    try:
        return saver.get_tuple(config_for(thread_id)) is not None
    except Exception:  # noqa: BLE001  # the error that is being reported says more than one of this look
        return True


def conclude(thread: "Thread", folder: Path | None, *, as_json: bool, db: str | None) -> None:
    """Print the answer of a thread that is done, or the questions of one that waits, which ends the command."""
    from threadloom.files import write_report
    from threadloom.result import run_result

    files: list[Path] = []
    problem = ""
    try:
        files = write_report(folder, thread) if folder and thread.status == "done" else []
    except OSError as error:
        again = command("show", thread.id, "--out", "FOLDER", db=db, graph=thread.graph)
        problem = f"the report could not be written: {error}; this tries again: {again}"
    if as_json:
        more = {"pending": thread.pending, "error": problem}
        print_json(run_result(thread, files) | {key: value for key, value in more.items() if value})
    elif thread.status == "waiting":
        questions.show(thread.pending, answer_with=command("resume", thread.id, db=db, graph=thread.graph))
    else:
        print_report(thread.answer)
        _next_steps(thread, files, db)
    if problem:
        err.print(problem, style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1)
    if thread.status == "waiting":
        raise typer.Exit(WAITING)


def print_report(markdown: str, console: Console = out) -> None:
    """Formatted on a terminal; as it is into a pipe or file."""
    if console.is_terminal:
        console.print(Markdown(markdown))
    else:
        console.file.write(markdown.rstrip() + "\n")


def _next_steps(thread: "Thread", files: list[Path], db: str | None) -> None:
    from threadloom.catalogue import GRAPHS

    page = next((file for file in files if file.suffix == ".html"), None)
    ready = GRAPHS[thread.graph].own is None
    err.print()
    if ready and (stopped := thread.values.get("stopped")):
        err.print(f"stopped  {printable(stopped)}", style="yellow", markup=False, highlight=False, soft_wrap=True)
    if thread.calls:
        told = f"replayed {thread.calls.replayed}, asked {thread.calls.asked}: answers of models"
        err.print(told, markup=False, highlight=False, soft_wrap=True)
    for file in files:
        err.print(f"written  {file}", markup=False, highlight=False, soft_wrap=True)
    err.print(f"thread   {thread.id}", markup=False, highlight=False, soft_wrap=True)
    err.print("\nTry next:", style="bold")
    for line in (
        command("show", thread.id, db=db, graph=thread.graph),
        command("run", thread.graph, "--help") if ready else command("timeline", thread.id, db=db),
        f"{'open' if sys.platform == 'darwin' else 'xdg-open'} {shlex.quote(str(page))}"
        if page
        else command("threads", db=db),
    ):
        err.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)


@contextmanager
def _ctrl_c(progress: Progress, flow: Flow, again: str) -> Iterator[None]:
    """Leave at once on Ctrl-C, instead of after the slowest branch.

    Nodes run in threads that cannot be stopped, and every finished step is in the database already: leaving the
    process hard is no worse than a power cut, which the store is built for. The lease is given back first, unless the
    database takes too long.
    """

    def leave(_signal: int, _frame: FrameType | None) -> Any:
        progress.close()
        letting_go = threading.Thread(target=flow.let_go, daemon=True)
        letting_go.start()
        letting_go.join(PATIENCE)
        err.print(f"\nStopped. What was finished is kept. Go on with: {again}", markup=False, soft_wrap=True)
        sys.stdout.flush()
        os._exit(INTERRUPTED)

    before = signal.signal(signal.SIGINT, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
