"""What is said of a step that has ended, and of an event in the middle of one: a line each, for people."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from langgraph.types import Overwrite

Update = Mapping[str, Any]

MOST = 100
"""Characters that are said of one value."""
UNSAID = {"usage", "work", "limits", "budget", "choices", "notes", "finished_at", "started_at", "refused", "decisions"}
"""Bookkeeping of the state, shown with the result or when it matters."""


def said(graph: str, node: str, update: Update) -> str:
    """A line about what the node found; empty when there is nothing to say."""
    if known := SAY.get((graph, node)):
        return known(update)
    if messages := update.get("messages"):
        return "; ".join(filter(None, (_of_message(one) for one in _listed(messages))))
    told = (_of_value(key, value) for key, value in update.items() if key not in UNSAID)
    return brief("; ".join(filter(None, told)))


def happened(event: Update) -> str:
    """A line about a custom event; empty for a beginning, which is told when it has ended."""
    what = str(event.get("event", "event"))
    if what.endswith("_started"):
        return ""
    if what == "tool_ended":
        return f"{event['tool']}: {event['status']} ({event['seconds']:.1f} s)"
    told = {key: value for key, value in event.items() if key not in {"event", "id"} and value not in ("", None)}
    return f"{what.replace('_', ' ')}: {arguments(told)}"


def detail(given: Any) -> str:
    """Which of several parallel branches a task is, from what it was sent."""
    if not isinstance(given, Mapping):
        return ""
    if call := given.get("call"):
        return brief(f"{call['name']}({arguments(call['args'])})", 40)
    names = (given.get(key) for key in ("source", "branch", "agent", "name", "task"))
    titles = (part.get("title") for part in given.values() if isinstance(part, Mapping))
    return brief(next((name for name in (*names, *titles) if isinstance(name, str)), ""), 40)


def arguments(values: Update) -> str:
    """Names and values, on part of a line."""
    return brief(
        ", ".join(f"{key}={value if isinstance(value, str) else _json(value)}" for key, value in values.items())
    )


def brief(text: str, most: int = MOST) -> str:
    """On one line, cut short."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _of_message(message: Any) -> str:
    """What a model calls or says; results of tools are events."""
    if getattr(message, "type", "") != "ai":
        return ""
    calls = ", ".join(f"{call['name']}({arguments(call['args'])})" for call in message.tool_calls)
    return f"calls {calls}" if calls else brief(message.text)


def _of_value(key: str, value: Any) -> str:
    if isinstance(value, Overwrite) or not value:
        return ""
    name = key.replace("_", " ")
    if isinstance(value, list):
        return f"{name}: {len(value)}"
    if isinstance(value, dict):  # one entry a branch, or a record
        nested = any(isinstance(part, dict) for part in value.values())
        return f"{name}: {', '.join(map(str, value)) if nested else arguments(value)}"
    return "" if value is True else f"{name}: {brief(str(value))}"


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


def _reflected(update: Update) -> str:
    thought = update["reflections"][-1]
    return brief(f"{'worked' if thought['worked'] else 'failed'}, {thought['next']}: {thought['learnt']}")


def _planned(update: Update) -> str:
    opened = [step["task"] for step in update.get("plan", []) if step["status"] == "open"]
    return brief("; ".join(opened) or update["stopped"])


def _judged(update: Update) -> str:
    return "done" if update["done"] else brief(f"not done: {update['missing']}")


SAY: Mapping[tuple[str, str], Callable[[Update], str]] = {
    ("goal", "plan"): _planned,
    ("goal", "do"): lambda _: "",  # an event has said it
    ("goal", "reflect"): _reflected,
    ("goal", "judge"): _judged,
    ("research", "plan"): lambda update: f"{update['plan']['topic']}: {', '.join(update['plan']['key_terms'])}",
    ("research", "search"): _searched,
    ("research", "merge"): lambda update: _count(len(update["papers"]), "different paper"),
    ("research", "rank"): _ranked,
    ("research", "extract"): _read,
    ("research", "synthesise"): lambda update: _count(len(update["report"]["themes"]), "theme"),
    ("research", "cite"): lambda update: _count(len(update["references"]), "reference"),
}
"""Graph and node to what is said of its update, where that is more than what can be said of any."""
