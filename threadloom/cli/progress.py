"""Live progress of a run: a line for every finished step and event, and what is under way below them.

Reads LangGraph's own stream modes, of subgraphs too: `tasks`, `custom` and, at a terminal, `messages`, whose tokens
are shown as they come. Goes to standard error, so that an answer can be piped.
"""

from collections.abc import Mapping
from typing import Any, Self

from langchain_core.messages import AIMessageChunk
from langgraph.types import StreamMode
from rich.markup import escape

from threadloom.cli.console import err, printable
from threadloom.cli.stages import Update, brief, detail, happened, said

TAIL = 60
"""Characters of the text that a model is writing."""
NAME = 11
"""Characters of the column of names."""


class Progress:
    """Shows what a run of the named graph does; `quiet` shows nothing."""

    def __init__(self, graph: str, *, quiet: bool = False) -> None:
        self._graph, self._quiet = graph, quiet
        self._running: dict[str, tuple[str, str]] = {}
        self._writing = ""
        self._status = err.status("starting")
        self.modes: list[StreamMode] = ["tasks"] if quiet else ["tasks", "custom"]
        if err.is_terminal and not quiet:
            self.modes.append("messages")

    def __enter__(self) -> Self:
        if not self._quiet:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take the live line away."""
        self._status.stop()

    def show(self, namespace: tuple[str, ...], mode: str, data: Any) -> None:
        """Take in one part of the stream."""
        if self._quiet:
            return
        if mode == "messages":
            self._token(data[0])
        elif mode == "custom":
            self._event(namespace, data)
        elif "input" in data:
            self._running[data["id"]] = (data["name"], detail(data["input"]))
        else:
            self._ended(namespace, data)
        running = ", ".join(dict.fromkeys(" ".join(filter(None, one)) for one in self._running.values())) or "…"
        self._status.update(escape(printable(f"{running}  {self._writing}".rstrip())))

    def _token(self, message: Any) -> None:
        if isinstance(message, AIMessageChunk):
            self._writing = (self._writing + message.text)[-TAIL:]

    def _event(self, namespace: tuple[str, ...], event: Any) -> None:
        if isinstance(event, Mapping) and (line := happened(event)):
            self._line(self._within(namespace), "", line)

    def _ended(self, namespace: tuple[str, ...], task: Update) -> None:
        self._running.pop(task["id"], None)
        self._writing = ""
        if line := _outcome(self._graph if not namespace else "", task):
            self._line(self._within(namespace), task["name"], line, whole=bool(task.get("error")))
        for note in _notes(task):
            self._line(self._within(namespace), "", note, whole=True, style="yellow")

    def _within(self, namespace: tuple[str, ...]) -> str:
        """Which task of the graph a subgraph runs in."""
        if not namespace:
            return ""
        name, _, task = namespace[0].partition(":")
        return f"{self._running.get(task, ('', ''))[1] or name}: "

    def _line(self, within: str, name: str, line: str, *, whole: bool = False, style: str = "none") -> None:
        """Print a line, cut to the width of the screen unless the `whole` of it matters."""
        text = printable(f"{within}{line}")
        text = text if whole else brief(text, err.width - NAME - 1)
        err.print(f"[green]{escape(name):<{NAME}}[/] [{style}]{escape(text)}[/]", highlight=False, soft_wrap=True)


def _outcome(graph: str, task: Update) -> str:
    if task.get("interrupts"):
        return "waiting for an answer"
    if task.get("error"):
        return f"failed: {task['error']}"
    return said(graph, task["name"], dict(task["result"] or {}))


def _notes(task: Update) -> list[str]:
    """What a stage had to do without, such as a model that did not answer."""
    notes: Any = dict(task["result"] or {}).get("notes", {})
    told: Any = getattr(notes, "value", notes)  # a plan writes it as an Overwrite
    return [f"{where}: {note}" for where, note in told.items() if note] if isinstance(told, Mapping) else []
