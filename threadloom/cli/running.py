"""The Runner of the command line: all ready graphs, and those of the user's own that are named."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from threadloom.errors import UsageError

if TYPE_CHECKING:
    from threadloom.checkpoints import SQLSaver
    from threadloom.runs.record import Record
    from threadloom.runs.runner import Runner

MOST = 100  # runs of which a word may be the beginning


@contextmanager
def runner_of(saver: "SQLSaver", graphs: Sequence[str] | None = ()) -> Iterator["Runner"]:
    """A Runner on a store.

    Args:
        saver: the store.
        graphs: more than the ready ones, as `[name=]module:attribute`; None for no graph at all, to look at runs only.

    Raises UsageError, and tells what a Runner refuses in the same way.
    """
    from threadloom.runs.errors import RunError
    from threadloom.runs.runner import Runner

    known, prices = ({}, {}) if graphs is None else _known(graphs)
    try:
        with Runner(saver, known, prices=prices) as runner:
            yield runner
    except RunError as error:
        raise UsageError(str(error)) from error


def _known(graphs: Sequence[str]) -> tuple[dict[str, Any], Any]:
    """Graphs by name, and what their models cost."""
    from threadloom.catalogue import GRAPHS, load
    from threadloom.loading import load_graph
    from threadloom.models.roles import load_models

    found: dict[str, Any] = {name: partial(load, name) for name in GRAPHS}
    for text in graphs:
        name, equals, place = text.rpartition("=")
        loaded = load_graph(place)
        found[name if equals else loaded.name] = loaded.graph
    return found, load_models().prices()


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
