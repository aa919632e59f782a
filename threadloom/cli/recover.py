"""`threadloom recover`: go on with runs whose process is gone, once or again and again."""

import json as jsonlib
import signal
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from threadloom.cli.console import INTERRUPTED, DbOption, JsonOption, err, one_line, opened, print_json, printable
from threadloom.cli.running import GraphOption, own, runner_of
from threadloom.errors import UserError

if TYPE_CHECKING:
    from threadloom.runs.run import Run
    from threadloom.runs.runner import Runner


def recover(
    watch: Annotated[
        float | None, typer.Option(help="Look again after so many seconds, until it is stopped.", min=0.1)
    ] = None,
    graph: GraphOption = None,
    db: DbOption = None,
    json: JsonOption = False,
) -> None:
    """Go on with all runs whose process is gone, and do what is due of questions that nobody answered in time.

    With --watch it is a service: it keeps going on with runs as they are lost; Ctrl-C hands over what it has.
    """
    with own(graph), opened(db, create=watch is not None) as saver, runner_of(saver) as runner:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # how services are stopped
        try:
            under_way = _begun(runner, as_json=json)
            _say_left(runner)
            while watch is not None:
                under_way = [run for run in under_way if not _told(run, as_json=json)]
                time.sleep(watch)
                under_way += _begun(runner, as_json=json, again=True)
            ended = [_end(run) for run in under_way]
        except KeyboardInterrupt:
            err.print("\nStopped. What goes on here is handed over at its next super-step.", markup=False)
            raise typer.Exit(INTERRUPTED) from None
    if json and watch is None:
        print_json(ended)
    if any(one["status"] in ("failed", "lost") for one in ended):
        raise typer.Exit(UserError.exit_code)


def _begun(runner: "Runner", *, as_json: bool, again: bool = False) -> list["Run"]:
    from threadloom.checkpoints.errors import CheckpointError

    try:
        found = runner.recover()
    except CheckpointError as error:  # a service outlives a database that is away for a while
        if not again:
            raise
        err.print(f"cannot look: {one_line(error)}", style="red", markup=False, soft_wrap=True)
        return []
    if not found and not again and not as_json:
        err.print("Nothing to go on with.", markup=False)
    for run in found:
        _say(run, "goes on")
    return found


def _say_left(runner: "Runner") -> None:
    """Of which graphs there are lost runs that nobody goes on with here."""
    for name in sorted({record.graph for record in runner.runs(status="lost", limit=None)} - {*runner.graphs}):
        line = f"There are lost runs of graph {name}: --graph {name}=module:attribute says where it is."
        err.print(printable(line), style="yellow", markup=False, highlight=False, soft_wrap=True)


def _told(run: "Run", *, as_json: bool) -> bool:
    """Say how it ended, if it has; as JSON a line for each."""
    if not run.ended:
        return False
    ended = _end(run)
    if as_json:
        sys.stdout.write(jsonlib.dumps(ended) + "\n")
        sys.stdout.flush()
    return True


def _end(run: "Run") -> dict[str, Any]:
    from threadloom.checkpoints.errors import CheckpointError

    try:
        outcome = run.wait()
        status, error = str(outcome.status), outcome.error
    except CheckpointError as problem:  # of the database, or somebody else took it over
        status, error = "lost", one_line(problem)
    _say(run, f"{status}{': ' if error else ''}{error}")
    return {"run_id": run.id, "thread_id": run.thread_id, "graph": run.graph, "status": status, "error": error}


def _say(run: "Run", words: str) -> None:
    line = f"{run.id[:8]}  {run.graph}  thread {run.thread_id}: {words}"
    err.print(printable(line), markup=False, highlight=False, soft_wrap=True)
