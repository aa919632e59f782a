"""The Runner of the command line, and the graphs that it knows: the ready ones, and the user's that are named."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from threadloom.errors import UsageError

if TYPE_CHECKING:
    from threadloom.checkpoints import SQLSaver
    from threadloom.runs.record import Record
    from threadloom.runs.runner import Runner
    from threadloom.threads import Thread

GraphOption = Annotated[
    list[str] | None,
    typer.Option("--graph", help="A graph of yours besides the ready ones, as [NAME=]module:attribute; repeatable."),
]
MOST = 100  # runs of which a word may be the beginning


@contextmanager
def own(graphs: Sequence[str] | None) -> Iterator[None]:
    """Know these graphs of the user's besides the ready ones, each as `[name=]module:attribute`; raises UsageError."""
    from threadloom import catalogue
    from threadloom.loading import load_graph

    found = []
    for text in graphs or ():
        name, equals, place = text.rpartition("=")
        loaded = load_graph(place)
        if equals or not loaded.ready:
            name = name if equals else loaded.name
            found.append(catalogue.own(name, place, loaded.graph, loaded.migrations_of(name)))
    with catalogue.also(found):
        yield


@contextmanager
def runner_of(saver: "SQLSaver", *, looks: bool = False) -> Iterator["Runner"]:
    """A Runner on a store, with all graphs that this command knows, or none if it only looks at runs.

    Raises UsageError, and tells what a Runner refuses in the same way.
    """
    from threadloom.runs.errors import RunError, ThreadBusyError
    from threadloom.runs.runner import Runner

    known, prices = ({}, {}) if looks else _known()
    try:
        with Runner(saver, known, prices=prices, migrations=_migrations()) as runner:
            yield runner
    except ThreadBusyError as error:
        told = "a run goes on there just now, in another process; try again when it has come to rest"
        raise UsageError(f"thread {error.thread_id}: {told}" if error.status == "running" else str(error)) from error
    except RunError as error:
        raise UsageError(str(error)) from error


def _known() -> tuple[dict[str, Any], Any]:
    """Graphs by name, and what their models cost."""
    from threadloom.catalogue import GRAPHS, load
    from threadloom.models.roles import load_models

    return {name: partial(load, name) for name in GRAPHS}, load_models().prices()


def _migrations() -> dict[str, Any]:
    from threadloom.catalogue import GRAPHS

    return {name: entry.migrations for name, entry in GRAPHS.items() if entry.migrations is not None}


def find_run(runner: "Runner", text: str) -> "Record | None":
    """The run that a word means, by its id or its thread's, or the beginning of one; of a thread the latest.

    Raises UsageError when it fits several; returns None when there is no run like that.
    """
    found = runner.saver.database.read(runner.records.named, text, MOST) if text else []
    latest = {record.thread_id: record for record in reversed(found)}
    exact = [record for record in found if text in (record.run_id, record.thread_id)]
    by_id = {record.run_id: record for record in found if record.run_id.startswith(text)}
    by_thread = {record.run_id: record for record in latest.values() if record.thread_id.startswith(text)}
    matches = exact[:1] or list((by_id | by_thread).values())
    if len(matches) > 1:
        names = ", ".join(record.thread_id for record in matches[:3])
        raise UsageError(f"{text!r} fits {len(matches)} runs, in threads {names}…; give more of the id")
    return matches[0] if matches else None


def the_run(runner: "Runner", text: str) -> "Record":
    """The run that a word means; raises UsageError when there is none, or several."""
    if (found := find_run(runner, text)) is None:
        raise UsageError(f"no run {text!r} in this database; `threadloom runs` lists those there are")
    return found


def unknown(found: "Thread", record: "Record | None" = None) -> str:
    """What is said of a thread whose graph this command does not know."""
    if name := found.graph or (record.graph if record else ""):
        return f"thread {found.id} is of graph {name}: --graph {name}=module:attribute says where that is"
    return f"thread {found.id} is of a graph that this command does not know; its program can go on with it"
