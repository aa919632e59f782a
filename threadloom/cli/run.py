"""`threadloom run NAME …`: start a run of any ready graph.

`threadloom run --help` lists the graphs without importing one; naming one builds its command from its input schema.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import typer
from typer.core import TyperGroup

from threadloom.catalogue import ENTRIES, Entry, find
from threadloom.cli.console import opened
from threadloom.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from threadloom.checkpoints import SQLSaver
    from threadloom.runs.run import Run


class Graphs(TyperGroup):
    """A command for each graph of the catalogue, built when it is named."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command of the graph that the first word names. Raises UsageError with the nearest names."""
        from threadloom.cli.options import command_of

        if args[0].startswith("-"):
            return super().resolve_command(ctx, args)
        return args[0], command_of(find(args[0]), start), args[1:]


app = typer.Typer(
    cls=Graphs,
    help="Start a run of a graph; `threadloom run NAME --help` says what it can be given.",
    epilog='Example: threadloom run research "Does the minimum wage cost jobs?"',
    no_args_is_help=True,
)


@app.callback()
def group() -> None:
    """Start a run of a graph."""


for _entry in ENTRIES:
    app.command(_entry.name, help=_entry.summary)(group)  # listed by --help; Graphs builds the one that is run


def start(
    entry: Entry,
    given: Mapping[str, Any],
    *,
    thread: str | None,
    db: str | None,
    folder: "Path | None",
    as_json: bool,
) -> None:
    """Run the graph, on a new thread or the one named. Raises UsageError before anything is kept."""
    from threadloom.catalogue import load
    from threadloom.cli.drive import follow
    from threadloom.cli.running import runner_of
    from threadloom.files import check_folder, folder_for
    from threadloom.inputs import inputs, validated
    from threadloom.models.roles import load_models
    from threadloom.settings import RunSettings

    graph = load(entry.name)
    settings = RunSettings().model_dump(exclude={"db", "out"})
    defaults = {one.name: settings[one.name] for one in inputs(graph) if one.name in settings}
    asked = validated(entry, graph, {**defaults, **given})
    load_models()  # raises ConfigError
    entry.check(asked)
    if home := folder_for(entry, folder):
        check_folder(home)
    with opened(db, create=True) as saver, runner_of(saver) as runner:
        thread_id = thread or str(uuid4())
        _refuse_other(saver, thread_id, entry)

        def begin(modes: list[Any]) -> "Run":
            return runner.start(entry.name, asked, thread_id=thread_id, stream_mode=modes)

        follow(runner, begin, entry.name, thread_id, folder=home, as_json=as_json, db=db)


def _refuse_other(saver: "SQLSaver", thread_id: str, entry: Entry) -> None:
    """A thread that is there already has to be a finished one of this graph."""
    from threadloom.runs.record import ENDED
    from threadloom.threads import config_for, describe, latest_run

    status = "done"
    if saver.get_tuple(config_for(thread_id)):
        found = describe(saver, thread_id)
        if found.graph != entry.name:
            raise UsageError(f"thread {thread_id} is of {found.graph or 'another graph'}; --thread takes a new id")
        status = found.status
    elif record := latest_run(saver, thread_id):
        status = record.status
    if status not in ENDED:
        raise UsageError(f"thread {thread_id} is {status}; go on with `threadloom resume {thread_id}`")
