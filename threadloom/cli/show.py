"""`threadloom show`: one thread, its steps, and its state at any of them."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from threadloom.cli import question as questions
from threadloom.cli.console import DbOption, JsonOption, ThreadArgument, command, opened, out, print_json
from threadloom.errors import UsageError

if TYPE_CHECKING:
    from langgraph.types import StateSnapshot

    from threadloom.threads import Thread


def show(
    thread: ThreadArgument,
    at: Annotated[str | None, typer.Option(help="A checkpoint id, or its end: the state as it was then.")] = None,
    db: DbOption = None,
    json: JsonOption = False,
) -> None:
    """Show a thread: where it stands, its checkpoints, its report or its question."""
    from threadloom.threads import compiled, config_for, describe, find

    with opened(db) as saver:
        found = describe(saver, find(saver, thread))
        history = list(compiled(found.graph, saver).get_state_history(config_for(found.id)))
    if at is not None:
        _state(_checkpoint(history, at), as_json=json)
    elif json:
        print_json(_as_json(found, history))
    else:
        _thread(found, history, db)


def _checkpoint(history: list["StateSnapshot"], text: str) -> "StateSnapshot":
    matches = [snapshot for snapshot in history if _id(snapshot).endswith(text) or _id(snapshot).startswith(text)]
    if len(matches) == 1:
        return matches[0]
    problem = "no checkpoint of this thread is" if not matches else f"{len(matches)} checkpoints of this thread are"
    raise UsageError(f"{problem} {text!r}; `threadloom show THREAD` lists them")


def _id(snapshot: "StateSnapshot") -> str:
    return str(snapshot.config.get("configurable", {}).get("checkpoint_id", ""))


def _state(snapshot: "StateSnapshot", *, as_json: bool) -> None:
    if as_json:
        print_json({"checkpoint": _id(snapshot), "next": snapshot.next, "values": snapshot.values})
        return
    out.print(f"checkpoint {_id(snapshot)}, next: {', '.join(snapshot.next) or 'nothing'}", style="bold", markup=False)
    table = Table(box=None, pad_edge=False, show_header=False)
    for key, value in snapshot.values.items():
        table.add_row(escape(key), escape(_brief(value)))
    out.print(table)


def _brief(value: Any) -> str:
    """A value on a line or two: text cut short, collections as their size and what they begin with."""
    if isinstance(value, list | dict) and value:
        first = next(iter(value))
        return f"{len(value)} entries, first: {_brief(first)}"
    text = str(value)
    return text if len(text) <= 120 else text[:117] + "…"


def _as_json(thread: "Thread", history: list["StateSnapshot"]) -> dict[str, Any]:
    from threadloom.result import research_result

    result = research_result(thread.values, thread_id=thread.id, status=thread.status, files=[])  # type: ignore[arg-type]  # the state of the research graph
    checkpoints = [
        {"id": _id(snapshot), "created_at": snapshot.created_at, "next": snapshot.next, **(snapshot.metadata or {})}
        for snapshot in history
    ]
    return result | {
        "graph": thread.graph,
        "pending": thread.pending,
        "error": thread.error,
        "checkpoints": checkpoints,
    }


def _thread(thread: "Thread", history: list["StateSnapshot"], db: str | None) -> None:
    from threadloom.cli.drive import print_report

    again = command("resume", thread.id, db=db)
    if thread.status == "done":
        print_report(str(thread.values["markdown"]))
    out.print(f"\nthread {thread.id}, {thread.status}", style="bold", markup=False, highlight=False)
    table = Table(box=None, pad_edge=False)
    for heading in ("step", "checkpoint", "next"):
        table.add_column(heading, no_wrap=heading != "next", overflow="fold")
    for snapshot in reversed(history):
        step = str((snapshot.metadata or {}).get("step", ""))
        table.add_row(step, _id(snapshot), ", ".join(_counted(snapshot.next)) or "nothing: the end")
    out.print(table)
    if thread.pending:
        questions.show(thread.pending[0], answer_with=again)
    elif thread.status != "done":
        out.print(f"{thread.error or 'The run was cut off.'} Go on with: {again}", markup=False, soft_wrap=True)


def _counted(nodes: tuple[str, ...]) -> list[str]:
    """Node names, each once, with how many branches of it there are."""
    return [name if nodes.count(name) == 1 else f"{name} × {nodes.count(name)}" for name in dict.fromkeys(nodes)]
