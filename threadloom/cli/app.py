"""The `threadloom` command: its sub-commands, and the one place where errors become a line and an exit code."""

import sys
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from threadloom.cli import (
    check,
    db,
    diff,
    doctor,
    effects,
    fork,
    graph,
    graphs,
    importing,
    library,
    pruning,
    recover,
    resume,
    run,
    runs,
    show,
    threads,
    timeline,
    transport,
    usage,
)
from threadloom.cli.console import report_error
from threadloom.errors import UsageError, UserError

BAD_USAGE: Any = typer.BadParameter.__base__  # which typer does not export, and has had from click or of its own


class InOrder(TyperGroup):
    """Lists the commands in the order in which one meets them, not groups last."""

    order = (
        *(
            "run",
            "graphs",
            "resume",
            "runs",
            "pause",
            "cancel",
            "recover",
            "threads",
            "show",
            "timeline",
            "diff",
            "fork",
            "effects",
        ),
        *("export", "import", "usage", "graph", "check", "library", "db", "doctor"),
    )

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]  # typer's own Context
        """Names of the commands."""
        return sorted(super().list_commands(ctx), key=self.order.index)


app = typer.Typer(
    name="threadloom",
    cls=InOrder,
    help="Research reports, agents and other graphs whose runs can be paused, resumed and inspected.",
    epilog='Begin with: threadloom run research "How effective are mRNA vaccines?"',
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.add_typer(run.app, name="run")
app.command("graphs", epilog="Example: threadloom graphs --json")(graphs.graphs)
app.command("resume", epilog="""Example: threadloom resume 3f2a --answer '{"approve": true}'""")(resume.resume)
app.command("runs", epilog="Example: threadloom runs --status waiting")(runs.runs)
app.command("pause", epilog="Example: threadloom pause 3f2a")(runs.pause)
app.command("cancel", epilog="Example: threadloom cancel 3f2a")(runs.cancel)
app.command("recover", epilog="Example: threadloom recover --watch 5 --graph my_graphs:agent")(recover.recover)
app.command("threads", epilog="Example: threadloom threads --limit 5")(threads.threads)
app.command("show", epilog="Example: threadloom show 3f2a --json")(show.show)
app.command("usage", epilog="Example: threadloom usage --by day")(usage.usage)
app.command("timeline", epilog="Example: threadloom timeline 3f2a --limit 10")(timeline.timeline)
app.command("diff", epilog="Example: threadloom diff 3f2a --from a1b2 --to c3d4")(diff.diff)
app.command("fork", epilog="""Example: threadloom fork 3f2a --at c3d4 --set 'question="Another?"' --run""")(fork.fork)
app.command("effects", epilog="Example: threadloom effects 3f2a --settle charge-7 happened")(effects.effects)
app.command("export", epilog="Example: threadloom export 3f2a run.thread")(transport.export)
app.command("import", epilog="Example: threadloom import run.thread --thread copy")(transport.import_file)
app.command("graph", epilog="Example: threadloom graph research --format png --out research.png")(graph.graph)
app.command("check", epilog="Example: threadloom check my_graphs.py:graph")(check.check)
app.add_typer(library.app, name="library")
db.app.command("prune", epilog="Example: threadloom db prune --all --older-than 30d --keep 3")(pruning.prune)
db.app.command("import", epilog="Example: threadloom db import checkpoints.sqlite")(importing.import_threads)
app.add_typer(db.app, name="db")
app.command("doctor", epilog="Example: threadloom doctor --deadline 2")(doctor.doctor)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"threadloom {version('threadloom')}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,  # main reads it
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Options that come before the command."""


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 failed, 2 bad usage, 3 paused and waiting, 130 interrupted."""
    try:
        sys.exit(app(standalone_mode=False))
    except typer.Abort:
        sys.exit(report_error(UserError("stopped"), as_json="--json" in sys.argv))
    except Exception as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # the help has been printed
            sys.exit(UsageError.exit_code)
        told = _bad_usage(error)
        if told is None and "--debug" in sys.argv:
            raise
        sys.exit(report_error(told or error, as_json="--json" in sys.argv))


def _bad_usage(error: Any) -> UsageError | None:
    """What typer says of words that it cannot read, said as all else is: in one line, or as JSON."""
    if not isinstance(error, BAD_USAGE):
        return None
    known = getattr(error, "ctx", None)
    more = f"; `{known.command_path} --help` says what there is" if known else ""
    return UsageError(f"{error.format_message().rstrip('.')}{more}")
