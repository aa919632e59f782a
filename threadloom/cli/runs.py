"""`threadloom runs`, `pause` and `cancel`: what was started, where it stands, what it waits for; and stopping it."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from rich.markup import escape
from rich.table import Table

from threadloom.cli.console import (
    DbOption,
    JsonOption,
    ago,
    command,
    cut,
    err,
    opened,
    out,
    print_json,
    printable,
    short,
)
from threadloom.cli.running import GraphOption, own, runner_of, the_run
from threadloom.errors import UsageError

if TYPE_CHECKING:
    from threadloom.runs.record import Record, Status
    from threadloom.runs.runner import Runner

STYLES = {
    "running": "cyan", "waiting": "yellow", "paused": "yellow", "done": "green", "failed": "red", "cancelled": "dim",
    "lost": "magenta",
}  # fmt: skip
RunArgument = Annotated[str, typer.Argument(help="Id of a run or its thread, or its beginning.", metavar="RUN")]
WIDEST = 60  # characters of what a run waits for
LONGEST_KEY = 16  # characters of the key of an effect: with the rest two lines at 80 columns


def runs(
    status: Annotated[str | None, typer.Option(help=f"Only those that are {', '.join(STYLES)}.")] = None,
    graph: Annotated[str | None, typer.Option(help="Only those of the graph of this name.")] = None,
    limit: Annotated[int, typer.Option(help="How many, newest first.", min=1)] = 20,
    db: DbOption = None,
    json: JsonOption = False,
) -> None:
    """List runs, newest first: where each stands, what it cost, who runs it, what it waits for or was asked."""
    if status is not None and status not in STYLES:
        raise UsageError(f"--status {status!r}: it is one of {', '.join(STYLES)}")
    with opened(db) as saver, runner_of(saver, looks=True) as runner:
        records = runner.runs(status=cast("Status | None", status), graph=graph, limit=limit)
        found = [(record, _about(runner, record, brief=not json)) for record in records]
    if json:
        print_json([_as_json(record, about) for record, about in found])
    elif not found:
        err.print("No runs like that." if status or graph else "No runs yet.", markup=False)
    else:
        _print(found)
        if any(record.status == "lost" for record, _ in found):
            err.print(f"\nGo on with those that are lost: {command('recover', db=db)}", markup=False, soft_wrap=True)


def pause(run: RunArgument, db: DbOption = None, json: JsonOption = False) -> None:
    """Have a running run stop after its super-step, wherever it runs; `threadloom resume` goes on with it."""
    with opened(db) as saver, runner_of(saver, looks=True) as runner:
        record = the_run(runner, run)
        runner.pause(record.run_id)
        _say(runner.record(record.run_id), "pause", as_json=json)


def cancel(run: RunArgument, graph: GraphOption = None, db: DbOption = None, json: JsonOption = False) -> None:
    """End a run for good, wherever it runs, and undo of its effects what can be undone.

    Of a run that was cancelled it tries again to undo what it could not. Ends with 1 if something was not undone.
    """
    with own(graph), opened(db) as saver, runner_of(saver) as runner:
        record = the_run(runner, run)
        if record.graph in runner.graphs:
            runner.graph(record.graph)  # whose modules register what undoes its effects
        runner.cancel(record.run_id)
        _say(runner.record(record.run_id), "cancel", as_json=json)
        if _has_left(runner, record):
            again = command("cancel", record.run_id, db=db, graph=record.graph)
            if not json:
                err.print(f"To try again to undo it: {printable(again)}", markup=False, soft_wrap=True)
            raise typer.Exit(1)


def _has_left(runner: "Runner", record: "Record") -> bool:
    """Whether there is something that could not be undone, and may be tried again."""
    from threadloom.runs.outcomes import effects_of

    effects = effects_of(runner.saver, record.thread_id)
    return any(entry.scope == record.run_id and entry.state == "not undone" for entry in effects)


def _say(record: "Record", wanted: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"run_id": record.run_id, "status": record.status, "error": record.error})
        return
    asked = f"asked {record.owner} to {wanted} it"
    word = asked if record.status == "running" else f"{record.status}. {record.error}".rstrip(" .")
    out.print(f"run {record.run_id}: {printable(word)}.", markup=False, highlight=False, soft_wrap=True)


def _about(runner: "Runner", record: "Record", *, brief: bool) -> str:
    """What it waits for, or why it failed, or what of it could not be undone; else what it was asked."""
    if record.status != "waiting":
        return record.error or _given(record)
    asked: dict[str, Any] = {}
    for event in runner.trail(record.run_id):
        if event.event == "asked":
            asked[event.handle] = (brief and _effect(event.handle)) or event.body["prompt"]
        elif event.event == "answered":
            asked.pop(event.handle, None)
    return "; ".join(map(_prompt, asked.values()))


def _effect(handle: str) -> str:
    """The question about an effect in a few words: all but its key is the same for all; of other questions nothing."""
    from threadloom.runs.question import EFFECT

    key = handle.removeprefix(EFFECT)
    return "" if key == handle else f"did {cut(key, LONGEST_KEY)!r} happen?"


def _given(record: "Record") -> str:
    """What it was asked: what its graph takes for that, or else the first text that it was given."""
    from threadloom.catalogue import GRAPHS

    given = record.input if isinstance(record.input, dict) else {"": record.input}
    first = given.get(GRAPHS[record.graph].text) if record.graph in GRAPHS else None
    return next((text for value in (first, *given.values()) if (text := _text(value))), "")


def _text(value: Any) -> str:
    """A text on one line; of a message what it says, of messages what the last one says; else nothing."""
    if isinstance(value, list | tuple):
        return _text(value[-1]) if value else ""
    said = value.get("content") if isinstance(value, dict) else getattr(value, "text", value)
    return " ".join(said.split()) if isinstance(said, str) else ""


def _prompt(asked: Any) -> str:
    text = asked.get("prompt", asked) if isinstance(asked, dict) else asked
    return " ".join(str(text).split())


def _cost(record: "Record") -> float | None:
    from threadloom.runs.metering import usage_of

    costs = [usage["cost_usd"] for usage in usage_of([record], "run").values()]
    return None if None in costs else sum(cost for cost in costs if cost)


def _as_json(record: "Record", about: str) -> dict[str, Any]:
    keys = ("run_id", "thread_id", "graph", "status", "owner")
    times = {key: _time(getattr(record, key)) for key in ("created", "updated", "ended")}
    waits = {"waits_for": about} if record.status == "waiting" else {"question": _given(record)}
    return {key: getattr(record, key) for key in keys} | times | {
        "cost_usd": _cost(record), "error": record.error, **waits,
    }  # fmt: skip


def _print(found: Iterable[tuple["Record", str]]) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("run", "thread", "graph", "status", "when", "cost", "what about"):
        table.add_column(heading, no_wrap=heading in ("run", "status", "cost"), overflow="fold")
    for record, about in found:
        cost = _cost(record)
        told = f"in {record.owner}" if record.owner else about
        table.add_row(
            escape(record.run_id[:8]),
            escape(short(record.thread_id)),
            escape(printable(record.graph)),
            f"[{STYLES[record.status]}]{record.status}[/]",
            ago(_time(record.updated)),
            "?" if cost is None else f"${cost:.2f}",
            escape(printable(cut(told, WIDEST))),
        )
    out.print(table)


def _time(at: int | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at / 1000, UTC)
