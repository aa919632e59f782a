"""`threadloom check`: whether the unfinished threads of a graph would go on with it as it is today."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from threadloom.cli.console import DbOption, JsonOption, err, opened, out, print_json, printable, short

if TYPE_CHECKING:
    from threadloom.checkpoints import SQLSaver
    from threadloom.loading import Loaded
    from threadloom.runs.verdict import Verdict

PAGE = 100  # threads


def check(
    graph: Annotated[
        str,
        typer.Argument(
            help="Name of a ready graph, or module:attribute or path.py:attribute of yours.", metavar="GRAPH"
        ),
    ],
    db: DbOption = None,
    json: JsonOption = False,
) -> None:
    """Say for every unfinished thread of a graph whether it would go on with the graph as it is today."""
    from threadloom.loading import load_graph
    from threadloom.runs.fingerprint import fingerprint

    loaded = load_graph(graph)
    with opened(db) as saver:
        found = [*_verdicts(saver, loaded)]
    digest = fingerprint(loaded.graph).digest
    if json:
        print_json({"graph": loaded.name, "fingerprint": digest, "threads": [_as_json(verdict) for verdict in found]})
    else:
        _print(found, loaded.name, digest)
    if not all(verdict.resumes for verdict in found):
        raise typer.Exit(1)


def _verdicts(saver: "SQLSaver", loaded: "Loaded") -> Iterator["Verdict"]:
    """What is said of each unfinished thread, newest first; one is read at a time."""
    from threadloom.checkpoints.errors import CheckpointError
    from threadloom.checkpoints.importing import is_unfinished
    from threadloom.runs.fingerprint import compiled
    from threadloom.runs.verdict import Verdict

    graph, last = compiled(loaded.graph), None
    while page := saver.threads(limit=PAGE, before=last):
        last = page[-1]
        for thread in page:
            if is_unfinished(thread.thread_id):
                continue
            try:
                verdict = _verdict(saver, loaded, graph, thread)
            except CheckpointError as error:
                verdict = Verdict(thread.thread_id, True, (), (" ".join(str(error).split()),), ())
            if verdict and verdict.unfinished:
                yield verdict


def _verdict(saver: "SQLSaver", loaded: "Loaded", graph: Any, thread: Any) -> "Verdict | None":
    """What is said of a thread; None when it is of another graph."""
    from threadloom.catalogue import GRAPHS
    from threadloom.runs.adapting import steps_to
    from threadloom.runs.errors import MigrationError
    from threadloom.runs.fingerprint import Fingerprint, fingerprint
    from threadloom.runs.migrating import try_out
    from threadloom.runs.record import ENDED, Records
    from threadloom.runs.verdict import judge

    run = saver.database.read(Records(lambda: saver.codec).latest, thread.thread_id)
    name = run.graph if run else str(thread.metadata.get("graph") or thread.metadata.get("graph_id") or "")
    if name != loaded.name and (loaded.ready or name in GRAPHS or not _is_of(saver, graph, thread.thread_id)):
        return None
    if run and run.status in ENDED and thread.metadata.get("run_id") == run.run_id:
        return None  # a cancelled run has work left, and nobody goes on with it
    kept = run.details.get("fingerprint") if run else None
    before = Fingerprint.parse(kept) if kept else None
    verdict = judge(saver, graph, thread.thread_id, before)
    steps = steps_to(loaded.migrations_of(name), before, fingerprint(graph))
    if not (verdict.unfinished and steps):
        return verdict
    try:
        return replace(verdict, problems=(), migrations=try_out(saver, graph, thread.thread_id, steps))
    except MigrationError as error:
        return replace(verdict, problems=(str(error),))


def _is_of(saver: "SQLSaver", graph: Any, thread_id: str) -> bool:
    """Whether a thread looks like one of the graph: some of its nodes have run in it or are next."""
    from threadloom.runs.due import START, awaited
    from threadloom.runs.verdict import config_of, starts

    stored = saver.get_tuple(config_of(thread_id))
    if stored is None:  # deleted meanwhile
        return False
    nodes = {*stored.checkpoint["versions_seen"], *awaited(stored.checkpoint, starts(graph))}
    return not (nodes - {START}).isdisjoint(graph.nodes)


def _as_json(verdict: "Verdict") -> dict[str, Any]:
    return {
        "id": verdict.thread_id,
        "resumes": verdict.resumes,
        "next": [*verdict.nodes],
        "problems": [*verdict.problems],
        "migrations": [*verdict.migrations],
        "differences": [difference.line for difference in verdict.differences],
    }


def _print(found: list["Verdict"], name: str, digest: str) -> None:
    err.print(f"{name}, fingerprint {digest}", markup=False, highlight=False)
    if not found:
        err.print("No thread of this graph is unfinished.", markup=False)
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("thread", "resumes", "next", "what differs"):
        table.add_column(heading, no_wrap=heading in ("thread", "resumes"), overflow="fold")
    for verdict in found:
        lines = verdict.problems or tuple(f"will be migrated: {line}" for line in verdict.migrations)
        lines = lines or tuple(difference.line for difference in verdict.differences)
        table.add_row(
            escape(short(verdict.thread_id)),
            "[green]yes[/]" if verdict.resumes else "[red]no[/]",
            escape(printable(", ".join(verdict.nodes))),
            escape("\n".join(map(printable, lines))),
        )
    out.print(table)
    if not all(verdict.resumes for verdict in found):
        err.print("What does not resume can be migrated: docs/graph-changes.md", markup=False, highlight=False)
