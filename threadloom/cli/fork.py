"""`threadloom fork`: go on from an older checkpoint, with another state."""

import json as jsonlib
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer

from threadloom.cli.console import DbOption, JsonOption, OutOption, ThreadArgument, command, opened, out, print_json
from threadloom.cli.running import GraphOption, own, runner_of, unknown
from threadloom.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from threadloom.checkpoints import SQLSaver
    from threadloom.runs.run import Run
    from threadloom.runs.runner import Runner
    from threadloom.threads import Thread


def fork(
    thread: ThreadArgument,
    at: Annotated[
        str, typer.Option(help="The checkpoint to go on from: its step, its id, or the beginning or end of that.")
    ],
    values: Annotated[
        list[str] | None, typer.Option("--set", help="Write into the state, as KEY=JSON; may be repeated.")
    ] = None,
    as_node: Annotated[
        str | None, typer.Option(help="As if this node had written it; the one that wrote last unless told.")
    ] = None,
    new: Annotated[str | None, typer.Option("--thread", help="Id of the new thread; one is made up.")] = None,
    in_place: Annotated[bool, typer.Option("--in-place", help="In the thread itself, not in a new one.")] = False,
    run: Annotated[bool, typer.Option("--run", help="Go on from there at once.")] = False,
    graph: GraphOption = None,
    replay: Annotated[
        bool,
        typer.Option(
            "--replay",
            help="Go on at once, and where models are asked what they were asked before, take their old answers.",
        ),
    ] = False,
    db: DbOption = None,
    folder: OutOption = None,
    json: JsonOption = False,
) -> None:
    """Fork a thread at one of its checkpoints, with an edited state if you like; the answers so far are kept."""
    from threadloom.checkpoints.errors import ThreadExistsError
    from threadloom.runs.snapshot import find_checkpoint
    from threadloom.threads import describe, find

    if in_place and new:
        raise UsageError("--thread and --in-place are both given; leave one out")
    given = _values(values or [])
    with own(graph), opened(db) as saver, runner_of(saver, looks=not (run or replay)) as runner:
        found = describe(saver, find(saver, thread))
        if not found.known:
            raise UsageError(unknown(found))
        checkpoint = find_checkpoint(saver, found.id, at)
        how: dict[str, Any] = {"as_node": as_node, "to": None if in_place else new or str(uuid4())}
        try:
            if run or replay:
                place = found.id, checkpoint, given or None
                _go_on(runner, found.graph, place, {**how, "replay": replay}, folder=folder, as_json=json, db=db)
            else:
                _leave(saver, found, checkpoint, given or None, how, as_json=json, db=db)
        except ThreadExistsError as error:
            raise UsageError(f"{error}: --thread NEW") from None


def _go_on(
    runner: "Runner",
    graph: str,
    place: tuple[str, str, dict[str, Any] | None],
    how: dict[str, Any],
    *,
    folder: "Path | None",
    as_json: bool,
    db: str | None,
) -> None:
    """Fork it, and show the run that goes on from there; ends the command."""
    from threadloom.catalogue import GRAPHS
    from threadloom.cli.drive import follow
    from threadloom.files import check_folder, folder_for

    if home := folder_for(GRAPHS[graph], folder):
        check_folder(home)

    def begin(modes: list[Any]) -> "Run":
        return runner.fork(graph, *place, stream_mode=modes, **how)

    follow(runner, begin, graph, how["to"] or place[0], folder=home, as_json=as_json, db=db)


def _leave(
    saver: "SQLSaver",
    found: "Thread",
    checkpoint: str,
    values: dict[str, Any] | None,
    how: dict[str, Any],
    *,
    as_json: bool,
    db: str | None,
) -> None:
    """Fork it, and say how to go on."""
    from threadloom.runs.fork import fork as made
    from threadloom.threads import compiled

    place = made(compiled(found.graph, saver), found.id, checkpoint, values, **how)["configurable"]
    if as_json:
        print_json(
            {"thread_id": place["thread_id"], "checkpoint_id": place["checkpoint_id"], "forked_from": checkpoint}
        )
        return
    again = command("resume", place["thread_id"], db=db, graph=found.graph)
    words = f"thread {place['thread_id']} stands at checkpoint {place['checkpoint_id']}. Go on with: {again}"
    out.print(words, markup=False, highlight=False, soft_wrap=True)


def _values(texts: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not (key and equals):
            raise UsageError(f"--set {text!r}: write it as KEY=JSON")
        try:
            found[key] = jsonlib.loads(value)
        except ValueError as error:
            raise UsageError(f"--set {key}: {value!r} is not JSON ({error}); text goes into double quotes") from None
    return found
