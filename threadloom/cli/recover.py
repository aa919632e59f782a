"""`threadloom recover`: go on with runs whose process is gone, once or again and again."""

import json as jsonlib
import signal
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from threadloom.cli.console import (
    INTERRUPTED,
    DbOption,
    JsonOption,
    command,
    err,
    one_line,
    opened,
    print_json,
    printable,
)
from threadloom.cli.running import GraphOption, own, runner_of
from threadloom.errors import UserError

if TYPE_CHECKING:
    from threadloom.runs.record import Record
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
            under_way, rested = _begun(runner, db, as_json=json)
            _say_left(runner)
            while watch is not None:
                _print_lines(rested, as_json=json)
                under_way = [run for run in under_way if not _told(run, as_json=json)]
                time.sleep(watch)
                begun, rested = _begun(runner, db, as_json=json, again=True)
                under_way += begun
            ended = rested + [_end(run) for run in under_way]
        except KeyboardInterrupt:
            err.print("\nStopped. What goes on here is handed over at its next super-step.", markup=False)
            raise typer.Exit(INTERRUPTED) from None
    if json and watch is None:
        print_json(ended)
    if any(one["status"] in ("failed", "lost") for one in ended):
        raise typer.Exit(UserError.exit_code)


def _begun(
    runner: "Runner", db: str | None, *, as_json: bool, again: bool = False
) -> tuple[list["Run"], list[dict[str, Any]]]:
    """The runs that go on here, and what is said of those that were lost and came to rest instead."""
    from threadloom.checkpoints.errors import CheckpointError

    try:
        lost = runner.runs(status="lost", limit=None)
        found = runner.recover()
        rested = [_rested(record, db) for record in _at_rest(runner, lost, found)]
    except CheckpointError as error:  # a service outlives a database that is away for a while
        if not again:
            raise
        err.print(f"cannot look: {one_line(error)}", style="red", markup=False, soft_wrap=True)
        return [], []
    if not (found or rested or again or as_json):
        err.print("Nothing to go on with.", markup=False)
    for run in found:
        _say(run.id, run.graph, run.thread_id, "goes on")
    return found, rested


def _at_rest(runner: "Runner", lost: list["Record"], found: list["Run"]) -> list["Record"]:
    """Of runs that were lost, those that now wait for a person, or have ended, since they could not go on."""
    going_on = {run.id for run in found}
    now = [runner.record(record.run_id) for record in lost if record.run_id not in going_on]
    return [record for record in now if record.status not in ("lost", "running")]


def _rested(record: "Record", db: str | None) -> dict[str, Any]:
    again = command("resume", record.thread_id, db=db, graph=record.graph)
    words = f"waits for an answer: {again}" if record.status == "waiting" else record.status
    _say(record.run_id, record.graph, record.thread_id, f"{words}{': ' if record.error else ''}{record.error}")
    return _as_json(record.run_id, record.thread_id, record.graph, record.status, record.error)


def _say_left(runner: "Runner") -> None:
    """Of which graphs there are lost runs that nobody goes on with here."""
    for name in sorted({record.graph for record in runner.runs(status="lost", limit=None)} - {*runner.graphs}):
        line = f"There are lost runs of graph {name}: --graph {name}=module:attribute says where it is."
        err.print(printable(line), style="yellow", markup=False, highlight=False, soft_wrap=True)


def _told(run: "Run", *, as_json: bool) -> bool:
    """Say how it ended, if it has; as JSON a line for each."""
    if not run.ended:
        return False
    _print_lines([_end(run)], as_json=as_json)
    return True


def _print_lines(ended: list[dict[str, Any]], *, as_json: bool) -> None:
    for one in ended if as_json else ():
        sys.stdout.write(jsonlib.dumps(one) + "\n")
        sys.stdout.flush()


def _end(run: "Run") -> dict[str, Any]:
    from threadloom.checkpoints.errors import CheckpointError

    try:
        outcome = run.wait()
        status, error = str(outcome.status), outcome.error
    except CheckpointError as problem:  # of the database, or somebody else took it over
        status, error = "lost", one_line(problem)
    _say(run.id, run.graph, run.thread_id, f"{status}{': ' if error else ''}{error}")
    return _as_json(run.id, run.thread_id, run.graph, status, error)


def _as_json(run_id: str, thread_id: str, graph: str, status: str, error: str) -> dict[str, Any]:
    return {"run_id": run_id, "thread_id": thread_id, "graph": graph, "status": status, "error": error}


def _say(run_id: str, graph: str, thread_id: str, words: str) -> None:
    line = f"{run_id[:8]}  {graph}  thread {thread_id}: {words}"
    err.print(printable(line), markup=False, highlight=False, soft_wrap=True)
