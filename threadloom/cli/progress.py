"""Live progress of a run: a line for every finished step, and what is under way below them.

Reads LangGraph's `tasks` stream. Goes to standard error, so that a report can be piped.
"""

from collections.abc import Callable, Mapping
from typing import Any, Self

from rich.markup import escape

from threadloom.cli.console import err, printable

Update = Mapping[str, Any]


class Progress:
    """Shows stages and sources as they come; `quiet` shows nothing."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._running: dict[str, str] = {}
        self._status = err.status("starting")

    def __enter__(self) -> Self:
        if not self._quiet:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take the live line away."""
        self._status.stop()

    def show(self, event: Update) -> None:
        """Take in one event of the `tasks` stream."""
        if self._quiet:
            return
        if "input" in event:
            self._running[event["id"]] = _begun(event)
        else:
            self._running.pop(event["id"], None)
            if line := _ended(event):
                err.print(f"[green]{event['name']:<11}[/] {escape(printable(line))}", highlight=False, soft_wrap=True)
            for note in _notes(event):
                err.print(f"[yellow]{'':<11} {escape(printable(note))}[/]", highlight=False, soft_wrap=True)
        self._status.update(", ".join(dict.fromkeys(self._running.values())) or "…")


def _begun(event: Update) -> str:
    given = event["input"]
    detail = given.get("source") or given.get("paper", {}).get("title", "")[:40] if isinstance(given, Mapping) else ""
    return escape(printable(f"{event['name']} {detail}".strip()))


def _ended(event: Update) -> str:
    if event.get("interrupts"):
        return "waiting for an answer"
    if event.get("error"):
        return f"failed: {event['error']}"
    say = SAY.get(event["name"])
    return say(dict(event["result"])) if say else ""


def _notes(event: Update) -> list[str]:
    """What a stage had to do without, such as a model that did not answer."""
    notes: Any = dict(event["result"] or {}).get("notes", {})
    return [str(note) for note in getattr(notes, "value", notes).values() if note]  # a plan writes it as an Overwrite


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _searched(update: Update) -> str:
    report = next(iter(update["coverage"].values()))
    hits = _count(report["hits"], "paper")
    what = report["reason"] if report["status"] == "failed" else "; ".join(filter(None, [hits, report["reason"]]))
    return f"{report['source']}: {what} ({report['seconds']:.1f} s)"


def _read(update: Update) -> str:
    extraction = next(iter(update["extractions"].values()))
    dropped = f", {len(extraction['dropped'])} dropped" if extraction["dropped"] else ""
    return f"{extraction['paper_id']}: {_count(len(extraction['findings']), 'finding')}{dropped}"


def _ranked(update: Update) -> str:
    kept = sum(verdict["kept"] for verdict in update["verdicts"])
    return f"{kept} of {len(update['verdicts'])} papers kept"


SAY: Mapping[str, Callable[[Update], str]] = {
    "plan": lambda update: f"{update['plan']['topic']}: {', '.join(update['plan']['key_terms'])}",
    "search": _searched,
    "merge": lambda update: _count(len(update["papers"]), "different paper"),
    "rank": _ranked,
    "extract": _read,
    "synthesise": lambda update: _count(len(update["report"]["themes"]), "theme"),
    "cite": lambda update: _count(len(update["references"]), "reference"),
}
"""Node name to what is said when it has ended, from its update."""
