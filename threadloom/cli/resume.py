"""`threadloom resume`: go on with a run that waits, is paused, failed or was cut off."""

import json as jsonlib
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from threadloom.cli import question as questions
from threadloom.cli.console import INTERRUPTED, DbOption, JsonOption, OutOption, err, opened
from threadloom.cli.running import GraphOption, find_run, own, runner_of, unknown
from threadloom.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from threadloom.runs.record import Record
    from threadloom.runs.run import Run
    from threadloom.runs.runner import Runner
    from threadloom.threads import Thread


def resume(
    thread: Annotated[str, typer.Argument(help="Id of a thread or a run, or its beginning.", metavar="THREAD")],
    answer: Annotated[str | None, typer.Option(help="The answer to the pending question, as JSON.")] = None,
    handle: Annotated[
        str | None, typer.Option(help="Which question it answers, or the beginning of that; needed for several.")
    ] = None,
    by: Annotated[str, typer.Option(help="Who answers.")] = "",
    why: Annotated[str, typer.Option(help="Why so: kept with the answer.")] = "",
    graph: GraphOption = None,
    db: DbOption = None,
    out: OutOption = None,
    json: JsonOption = False,
) -> None:
    """Go on with a run that waits for an answer, is paused, failed or was cut off."""
    from threadloom.catalogue import GRAPHS
    from threadloom.cli.drive import drive
    from threadloom.files import check_folder, folder_for
    from threadloom.threads import describe, find

    with own(graph), opened(db) as saver, runner_of(saver) as runner:
        record = find_run(runner, thread)
        found = describe(saver, record.thread_id if record else find(saver, thread))
        _check_resumable(found, record)
        if record and found.run_id == record.run_id and (handles := _adapted(runner, record)):
            found, answer = describe(saver, found.id), _renamed(answer, handles)
            handle = handle and next((new for old, new in handles.items() if old.startswith(handle)), handle)
        name = found.graph or (record.graph if record else "")
        if answer is not None and not found.pending:
            raise UsageError(f"thread {found.id} is {found.status} and asks nothing: resume it without --answer")
        if folder := folder_for(GRAPHS[name], out):
            check_folder(folder)
        overdue = record is not None and runner.is_overdue(record.run_id)
        answers = _answers(found, answer, handle, at_terminal=not json and not overdue and sys.stdin.isatty())
        if record and (found.run_id == record.run_id or not found.graph):
            _go_on(runner, record, found, answers, by=by, why=why, folder=folder, as_json=json, db=db)
            return
        if by or why:
            raise UsageError(f"thread {found.id} has no run that could keep --by and --why; leave them out")
        from langgraph.types import Command

        drive(saver, name, found.id, Command(resume=answers) if answers else None, folder=folder, as_json=json, db=db)


def _adapted(runner: "Runner", record: "Record") -> dict[str, str]:
    """Bring a run to the graph of today before its questions are looked at; returns new handles by old ones."""
    from threadloom.runs.errors import GraphChangedError

    try:
        return runner.adapt(record.run_id)
    except GraphChangedError as error:
        raise UsageError(
            f"run {error.run_id} would not go on with today's graph {record.graph}: {'; '.join(error.problems)}. "
            "`threadloom check` tells this of all its threads; give the graph's module `migrations` "
            "(docs/graph-changes.md), or resume with the graph as it was"
        ) from None


def _renamed(answer: str | None, handles: dict[str, str]) -> str | None:
    """Handles in an answer as they are now."""
    for old, new in handles.items():
        answer = answer and answer.replace(jsonlib.dumps(old), jsonlib.dumps(new))
    return answer


def _go_on(
    runner: "Runner",
    record: "Record",
    found: "Thread",
    answers: dict[str, Any],
    *,
    by: str,
    why: str,
    folder: "Path | None",
    as_json: bool,
    db: str | None,
) -> None:
    from threadloom.cli.drive import conclude, follow
    from threadloom.runs.errors import AnswerRefusedError
    from threadloom.threads import describe

    def begin(modes: list[Any]) -> "Run":
        given = {"answer": answers} if answers else {}
        return runner.resume(record.run_id, by=by, why=why, stream_mode=modes, **given)

    try:
        follow(runner, begin, record.graph, record.thread_id, folder=folder, as_json=as_json, db=db)
    except AnswerRefusedError as error:
        if answers:
            raise UsageError(f"answer refused, the run stays paused: {error}") from None
        conclude(describe(runner.saver, found.id), folder, as_json=as_json, db=db)


def _check_resumable(found: "Thread", record: "Record | None") -> None:
    from threadloom.catalogue import GRAPHS

    if found.status == "done":
        raise UsageError(f"thread {found.id} is finished; `threadloom show {found.id}` prints its answer")
    if found.status == "cancelled":
        entry = GRAPHS.get(found.graph)
        start = (
            f"`threadloom run {found.graph} …` with --thread" if entry and entry.own is None else "a Runner's start in"
        )
        raise UsageError(f"thread {found.id} is cancelled; {start} {found.id} goes on from there")
    if found.status == "running" and record:
        raise UsageError(
            f"thread {found.id} is running, in {record.owner}; if that is gone, the run is lost "
            "in some seconds, and this goes on with it"
        )
    if not found.known and not (record and not found.graph and record.graph in GRAPHS):
        raise UsageError(unknown(found, record))


def _answers(found: "Thread", text: str | None, handle: str | None, *, at_terminal: bool) -> dict[str, Any]:
    """Answers by handle; none where nobody gives one, to meet the same pause again and have it shown."""
    from threadloom.runs.question import is_by_handles

    if handle is not None and text is None and not at_terminal:
        raise UsageError("--handle needs an --answer")
    pending = found.pending if handle is None else [_question(found, handle)]
    if text is None:
        return _asked(pending) if at_terminal else {}
    given = _json(text)
    handles = {question["id"]: question for question in found.pending}
    named = handle is None and is_by_handles(given)
    if named and (unknown := [key for key in given if key not in handles]):
        raise UsageError(f"no question is pending with handle {unknown[0]!r}; `threadloom show` has those that are")
    if named or (handle is None and len(pending) > 1):
        if not isinstance(given, dict) or not given or any(key not in handles for key in given):
            ids = ", ".join(question["id"][:8] for question in pending)
            raise UsageError(f"{len(pending)} questions are pending: say which with --handle, of {ids}")
        answers = given
    else:
        answers = {pending[0]["id"]: given}
    for key, one in answers.items():
        _check(handles[key], one)
    return answers


def _asked(pending: list[dict[str, Any]]) -> dict[str, Any]:
    """Ask at the terminal, one question after the other."""
    try:
        return {question["id"]: questions.ask(question) for question in pending}
    except typer.Abort:
        err.print("\nStill paused; resume it when you are ready.")
        raise typer.Exit(INTERRUPTED) from None


def _question(found: "Thread", handle: str) -> dict[str, Any]:
    matches = [question for question in found.pending if question["id"].startswith(handle)]
    if len(matches) != 1:
        ids = ", ".join(question["id"][:8] for question in found.pending) or "none"
        raise UsageError(f"{handle!r} fits {len(matches)} of the pending questions, which are: {ids}")
    return matches[0]


def _check(question: dict[str, Any], answer: Any) -> None:
    from threadloom.nodes.question import check

    try:
        if question["kind"]:
            check(question, answer)
    except ValueError as error:
        raise UsageError(f"answer refused, the run stays paused: {error}") from None


def _json(text: str) -> Any:
    try:
        return jsonlib.loads(text)
    except ValueError as error:
        raise UsageError(f"--answer is not JSON ({error}); text goes into double quotes: '\"yes\"'") from None
