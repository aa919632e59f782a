"""What is said of a step that has ended, and of an event in the middle of one: a line each, for people."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from langgraph.types import Overwrite

Update = Mapping[str, Any]

MOST = 100
"""Characters that are said of one value."""
UNSAID = {
    *("usage", "work", "limits", "budget", "choices", "notes", "finished_at", "started_at", "refused", "decisions"),
    *("run", "active", "parts", "missing", "handled", "handoffs", "answer", "markdown", "bibtex", "outcome"),
}
"""Bookkeeping of the state, what events have told already, and what is printed as the result."""


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
    if known := HAPPENED.get(what):
        return known(event)
    told = {key: value for key, value in event.items() if key not in {"event", "id"} and value not in ("", None)}
    return f"{what.replace('_', ' ')}: {arguments(told)}"


def detail(given: Any) -> str:
    """Which of several parallel branches a task is, from what it was sent."""
    if not isinstance(given, Mapping):
        return ""
    if (call := given.get("call")) and "board" in given:  # a delegation: the tool is named after who does it
        return str(call["name"]).removeprefix("ask_")
    if call:
        return brief(f"{call['name']}({arguments(call['args'])})", 40)
    names = (given.get(key) for key in ("source", "branch", "agent", "name", "task", "by"))
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


def _settled(update: Update) -> str:
    made = update["resolution"]
    return f"{made['choice'] or 'nobody'} by {made['method']}"


def _mood(update: Update) -> str:
    mood = update["mood"]
    said = {"angry": mood["angry"], "asks for a person": mood["wants_person"]}
    return ", ".join([mood["sentiment"], *(name for name, so in said.items() if so)])


def _papers(graph: str) -> Iterator[tuple[tuple[str, str], Callable[[Update], str]]]:
    """What is said of the stages that find papers."""
    yield (graph, "plan"), lambda update: f"{update['plan']['topic']}: {', '.join(update['plan']['key_terms'])}"
    yield (graph, "search"), _searched
    yield (graph, "merge"), lambda update: _count(len(update["papers"]), "different paper")
    yield (graph, "rank"), _ranked


SAY: Mapping[tuple[str, str], Callable[[Update], str]] = {
    ("goal", "plan"): _planned,
    ("goal", "do"): lambda _: "",  # an event has said it, as of all that say nothing
    ("goal", "reflect"): _reflected,
    ("goal", "judge"): _judged,
    **dict(_papers("research")),
    ("research", "extract"): _read,
    ("research", "synthesise"): lambda update: _count(len(update["report"]["themes"]), "theme"),
    ("research", "cite"): lambda update: _count(len(update["references"]), "reference"),
    **dict(_papers("debate")),
    ("debate", "propose"): lambda _: "",
    ("debate", "vote"): lambda _: "",
    ("debate", "resolve"): _settled,
    ("routing", "classify"): lambda update: ", ".join(
        f"{one['label']} ({one['confidence']:.2f})" for one in update["routes"]
    ),
    ("routing", "fall_back"): lambda update: ", ".join(one["label"] for one in update.get("routes", [])),
    ("routing", "mood"): _mood,
    ("routing", "check"): lambda _: "",  # handlers and mood have said it; a person reads it in the question
    ("routing", "respond"): lambda _: "",
    ("sequential", "draft"): lambda update: update["draft"],
    ("sequential", "write"): lambda update: update["mail"]["subject"],
}
"""Graph and node to what is said of its update, where that is more than what can be said of any."""


def _time(event: Update) -> str:
    return f"({event['seconds']:.1f} s)"


def _spoke(event: Update) -> str:
    """A debater's turn; of one that came to nothing a note says why."""
    said = f"votes for {event['choice']}" if event["choice"] else "has an answer"
    return "" if event["problem"] else f"{event['debater']}: {said}"


HAPPENED: Mapping[str, Callable[[Update], str]] = {
    "tool_ended": lambda event: f"{event['tool']}: {event['status']} {_time(event)}",
    "branch_ended": lambda event: (
        f"{event['branch']}: {event['why'] or 'found something'} {_time(event)} {event.get('reason', '')}".rstrip()
    ),
    "handler_ended": lambda event: f"{event['handler']}: {event['problem'] or 'has an answer'}",
    "turn_ended": _spoke,
    "delegation_ended": lambda event: f"{event['to']}: {': '.join(filter(None, [event['status'], event['reason']]))}",
    "handoff": lambda event: f"{event['origin']} → {event['to']}{': ' * bool(event['refused'])}{event['refused']}",
    "intervention": lambda event: f"{event['kind']}: {event['reason']}",
}
"""What is said of a custom event."""
