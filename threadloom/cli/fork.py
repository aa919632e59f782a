"""`threadloom fork`: go on from an older checkpoint, with another state."""

import json as jsonlib
from typing import Annotated, Any
from uuid import uuid4

import typer

from threadloom.cli.console import DbOption, JsonOption, OutOption, ThreadArgument, command, opened, out, print_json
from threadloom.cli.running import GraphOption, own, unknown
from threadloom.errors import UsageError


def fork(
    thread: ThreadArgument,
    at: Annotated[str, typer.Option(help="The checkpoint to go on from: its id, or the beginning or end.")],
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
    db: DbOption = None,
    folder: OutOption = None,
    json: JsonOption = False,
) -> None:
    """Fork a thread at one of its checkpoints, with an edited state if you like; the answers so far are kept."""
    from threadloom.catalogue import GRAPHS
    from threadloom.cli.drive import drive
    from threadloom.files import check_folder, folder_for
    from threadloom.runs.errors import ThreadBusyError
    from threadloom.runs.fork import fork as made
    from threadloom.runs.snapshot import find_checkpoint
    from threadloom.threads import compiled, describe, find

    if in_place and new:
        raise UsageError("--thread and --in-place are both given; leave one out")
    given = _values(values or [])
    with own(graph), opened(db) as saver:
        found = describe(saver, find(saver, thread))
        if found.status == "foreign":
            raise UsageError(unknown(found))
        checkpoint = find_checkpoint(saver, found.id, at)
        if run and (reports := folder_for(GRAPHS[found.graph], folder)):
            check_folder(reports)
        to = None if in_place else new or str(uuid4())
        try:
            config = made(compiled(found.graph, saver), found.id, checkpoint, given or None, as_node=as_node, to=to)
        except ThreadBusyError as error:
            raise UsageError(str(error)) from None
        place = config["configurable"]
        if run:
            target = folder_for(GRAPHS[found.graph], folder)
            drive(saver, found.graph, place["thread_id"], None, folder=target, as_json=json, db=db)
            return
    if json:
        print_json(
            {"thread_id": place["thread_id"], "checkpoint_id": place["checkpoint_id"], "forked_from": checkpoint}
        )
        return
    again = command("resume", place["thread_id"], db=db)
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
