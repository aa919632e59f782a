"""`threadloom timeline`: what a thread did, step by step."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from threadloom.cli.console import (
    DbOption,
    JsonOption,
    ThreadArgument,
    command,
    cut,
    err,
    opened,
    out,
    print_json,
    printable,
)

if TYPE_CHECKING:
    from threadloom.runs.timeline import Step, Task
    from threadloom.state.usage import Usage


SHOWN = 8  # characters of the id of a checkpoint, whose beginning is alike in those of one hour


def timeline(
    thread: ThreadArgument,
    limit: Annotated[int, typer.Option(help="How many steps of the root graph, the newest.", min=1)] = 50,
    before: Annotated[
        str | None,
        typer.Option(help="Only steps before this one, or before this checkpoint (its id, or the beginning or end)."),
    ] = None,
    db: DbOption = None,
    json: JsonOption = False,
) -> None:
    """Show the steps of a thread: which nodes ran, how long, tokens and dollars, what they wrote, errors, questions."""
    from threadloom.models.roles import load_models
    from threadloom.runs.snapshot import find_checkpoint
    from threadloom.runs.timeline import timeline as steps_of
    from threadloom.threads import find

    with opened(db) as saver:
        name = find(saver, thread)
        until = find_checkpoint(saver, name, before) if before is not None else None
        steps, more = _page(steps_of(saver, name, prices=load_models().prices(), before=until), limit)
    if json:
        print_json({"thread_id": name, "more": more, "steps": [step_json(step) for step in reversed(steps)]})
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("step", "checkpoint", "node", "s", "tokens", "USD", "wrote"):
        table.add_column(heading, no_wrap=heading not in ("node", "wrote"), overflow="fold")
    for row in _rows(reversed(steps), ""):
        table.add_row(*map(escape, map(printable, row)))
    out.print(table)
    if more:
        line = command("timeline", name, "--limit", str(limit), "--before", str(steps[-1].checkpoint_id), db=db)
        err.print(f"\nThere are older ones: {line}", markup=False, highlight=False, soft_wrap=True)


def _page(steps: Iterator["Step"], limit: int) -> tuple[list["Step"], bool]:
    """So many steps, and those without a checkpoint that follow: at one the next page begins; and whether it does."""
    page: list[Step] = []
    for step in steps:
        if len(page) >= limit and page[-1].checkpoint_id:
            return page, True
        page.append(step)
    return page, False


def step_json(step: "Step") -> dict[str, Any]:
    """A step as scripts read it."""
    return {
        "step": step.number,
        "source": step.source,
        "status": step.status,
        "checkpoint_id": step.checkpoint_id,
        "parent_id": step.parent_id,
        "ns": step.ns,
        "began": step.began,
        "ended": step.ended,
        "seconds": step.seconds,
        "channels": step.channels,
        "retries": step.retries,
        **_usage(step.usage),
        "replayed": step.replayed,
        "tasks": [_task_json(task) for task in step.tasks],
    }


def _task_json(task: "Task") -> dict[str, Any]:
    from threadloom.runs.plain import plain

    return {
        "id": task.id,
        "node": task.node,
        "ended": task.ended,
        "tried": task.tried,
        "retried": task.retried,
        "error": task.error,
        "failed_calls": task.failed_calls,
        "call_error": task.call_error,
        "interrupts": plain(task.interrupts),
        "channels": task.channels,
        **_usage(task.usage),
        "replayed": task.replayed,
        "steps": [step_json(step) for step in task.steps],
    }


def _usage(usage: "Usage") -> dict[str, Any]:
    tokens = {"input": usage["input_tokens"], "output": usage["output_tokens"]}
    return {"calls": usage["calls"], "tokens": tokens, "cost_usd": usage["cost_usd"]}


def _rows(steps: Iterable["Step"], indent: str) -> Iterable[tuple[str, ...]]:
    for step in steps:
        seconds = "" if step.seconds is None else f"{step.seconds:.2f}"
        state = "" if step.status == "done" else step.status
        number, checkpoint = f"{indent}{step.number}", _short(step)
        if not step.tasks:
            yield number, checkpoint, f"({step.source})", "", "", "", ", ".join(step.channels)
        for task in step.tasks:
            node = task.node.strip("_") or f"({step.source})"
            yield number, checkpoint, f"{node} {state}".strip(), seconds, *_spent(task.usage), _wrote(task)
            number = checkpoint = seconds = ""
            yield from _rows(task.steps, indent + "  ")


def _short(step: "Step") -> str:
    """How the id of its checkpoint ends, which `--at` takes; it takes none of a subgraph."""
    return "" if step.ns or step.checkpoint_id is None else f"…{step.checkpoint_id[-SHOWN:]}"


def _spent(usage: "Usage") -> tuple[str, str]:
    if not usage["calls"]:
        return "", ""
    cost = "?" if usage["cost_usd"] is None else f"{usage['cost_usd']:.4f}"
    return f"{usage['input_tokens'] + usage['output_tokens']:,}", cost


def _wrote(task: "Task") -> str:
    asked = "asked" if task.interrupts else ""
    replayed = f"{task.replayed} replayed" if task.replayed else ""
    return "; ".join(part for part in (", ".join(task.channels), replayed, asked, *_failures(task)) if part)


def _failures(task: "Task") -> Iterable[str]:
    """How often it was tried, and the last error; calls that failed, unless each has failed its node."""
    if task.error:
        times = f"tried {task.tried} times" if task.tried > 1 else "failed"
        yield f"{times}: {cut(task.error, 120)}"
    if task.failed_calls > task.failed:
        yield f"{task.failed_calls} call{'s' if task.failed_calls > 1 else ''} failed: {task.call_error}"
