"""`threadloom diff`: what is different between two checkpoints, or two threads."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from threadloom.cli.console import DbOption, JsonOption, ThreadArgument, opened, out, print_json, printable
from threadloom.errors import UsageError

if TYPE_CHECKING:
    from threadloom.runs.comparison import Comparison
    from threadloom.runs.difference import Change, Path
    from threadloom.runs.snapshot import Snapshot
    from threadloom.runs.trail import Trail

SHOWN = 50  # changes
SIGNS = {"added": "+", "removed": "-", "changed": "~"}


def diff(
    thread: ThreadArgument,
    other: Annotated[str | None, typer.Argument(help="Another thread.", metavar="OTHER")] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="A step or checkpoint of THREAD; its first unless told otherwise.")
    ] = None,
    end: Annotated[
        str | None,
        typer.Option("--to", help="A step or checkpoint of THREAD, or of OTHER; the latest unless told otherwise."),
    ] = None,
    db: DbOption = None,
    json: JsonOption = False,
) -> None:
    """Compare two checkpoints of a thread, or two threads: state, path taken and cost."""
    from threadloom.models.roles import load_models
    from threadloom.runs.comparison import compare
    from threadloom.runs.snapshot import find_checkpoint
    from threadloom.threads import find

    with opened(db) as saver:
        first = find(saver, thread)
        second = find(saver, other) if other else first
        if other is None and start is None:
            before: str | None = [moment.checkpoint_id for moment in saver.timeline(first)][-1]
        else:
            before = find_checkpoint(saver, first, start) if start else None
        after = find_checkpoint(saver, second, end) if end else None
        if other is not None and first == second:
            raise UsageError("these are one thread; leave the second out, and say --from and --to")
        found = compare(saver, (first, before), (second, after), prices=load_models().prices())
    if json:
        print_json(_as_json(found))
    else:
        _print(found)


def _as_json(found: "Comparison") -> dict[str, Any]:
    return {
        "before": _side(found.before, found.path_before),
        "after": _side(found.after, found.path_after),
        "common_checkpoint": found.common,
        "changes": found.changes,
        "state": [_change(change) for change in found.state],
        "path": [_change(change) for change in found.path],
    }


def _side(snapshot: "Snapshot", path: "Trail") -> dict[str, Any]:
    usage = path.usage
    return {
        "thread_id": snapshot.thread_id,
        "checkpoint_id": snapshot.checkpoint_id,
        "created_at": snapshot.created,
        "steps": len(path.checkpoint_ids),
        "nodes": path.nodes,
        "tokens": {"input": usage["input_tokens"], "output": usage["output_tokens"]},
        "cost_usd": usage["cost_usd"],
    }


def _change(change: "Change") -> dict[str, Any]:
    sides = {"before": change.before, "after": change.after}
    kept = {side: value for side, value in sides.items() if change.kind != _absent(side)}
    return {"path": change.path, "kind": change.kind, **kept}


def _absent(side: str) -> str:
    return "added" if side == "before" else "removed"


def _print(found: "Comparison") -> None:
    for sign, snapshot, path in (("-", found.before, found.path_before), ("+", found.after, found.path_after)):
        _say(f"{sign} thread {snapshot.thread_id}, checkpoint {snapshot.checkpoint_id}, {_cost(path)}")
    if found.is_empty:
        _say("The same state by the same path.")
        return
    if found.before.thread_id != found.after.thread_id:
        _say(
            f"\nBoth came through checkpoint {found.common}."
            if found.common
            else "\nThey have no checkpoint in common."
        )
    _section("state", found.state, found.changes)
    _section("path", found.path, len(found.path))


def _section(title: str, changes: "tuple[Change, ...]", total: int) -> None:
    if changes:
        _say(f"\n{title}")
    for change in changes[:SHOWN]:
        _say(f"{SIGNS[change.kind]} {_line(change, bare=title == 'path')}")
    if total > SHOWN:
        _say(f"… and {total - SHOWN:,} more")


def _line(change: "Change", *, bare: bool) -> str:
    from threadloom.runs.plain import canonical, shortened

    def text(value: Any) -> str:
        cut = shortened(value, 120)
        return cut if isinstance(cut, str) and not isinstance(value, str) else canonical(cut)

    where = f"step {change.path[0]}" if bare else _place(change.path)
    if change.kind == "changed":
        return f"{where}: {text(change.before)} -> {text(change.after)}"
    return f"{where}: {text(change.before if change.kind == 'removed' else change.after)}"


def _place(path: "Path") -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return "".join(parts).removeprefix(".")


def _cost(path: "Trail") -> str:
    usage = path.usage
    cost = "cost unknown" if usage["cost_usd"] is None else f"{usage['cost_usd']:.4f} USD"
    tokens = usage["input_tokens"] + usage["output_tokens"]
    return f"{len(path.checkpoint_ids)} steps, {tokens:,} tokens, {cost}"


def _say(text: str) -> None:
    lines = (printable(line) for line in text.split("\n"))
    out.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
