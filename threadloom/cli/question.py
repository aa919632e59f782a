"""A paused run's question, shown and answered on the terminal."""

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from threadloom.cli.console import err, out, printable
from threadloom.cli.form import confirm, fill, number, prompt


def show(pending: Sequence[dict[str, Any]], *, answer_with: str) -> None:
    """Print questions, what they are about, and the command that answers them."""
    for question in pending:
        display(question, out)
        if len(pending) > 1:
            out.print(f"question {question['id']}", style="dim", markup=False, highlight=False)
        out.print(_prompt(question), style="bold", markup=False)
        if shape := _shape(question):
            out.print(shape, style="dim", markup=False, highlight=False)
    example = f"--answer {shlex.quote(json.dumps(pending[0].get('example', 'your answer'), ensure_ascii=False))}"
    which = f"--handle {pending[0]['id'][:8]} " if len(pending) > 1 else ""
    which += "--by NAME " if pending[0].get("standing") else ""  # its policy may be for certain people
    err.print(f"\nPaused. Answer with:\n  {answer_with} {which}{example}", markup=False, soft_wrap=True)
    err.print(f"or, to be asked here:\n  {answer_with}", markup=False, soft_wrap=True)


def display(question: dict[str, Any], console: Console) -> None:
    """Print what the question is about."""
    from threadloom.cli.drive import print_report

    if standing := question.get("standing"):
        err.print(printable(standing), style="dim", markup=False, highlight=False)
    if question["refused"]:
        err.print(f"The last answer was refused: {question['refused']}", style="red", markup=False)
    if question["papers"]:
        console.print(_papers(question["papers"]))
    if question["markdown"]:
        print_report(question["markdown"], console)


def ask(question: dict[str, Any]) -> Any:
    """Ask at the terminal, again until the answer fits; returns it in the shape the run expects.

    All of it goes to standard error: standard output is for the run's answer.
    """
    from threadloom.nodes.question import check
    from threadloom.runs.question import misfit

    display(question, err)
    while True:
        try:
            answer = _asked(question)
            if question["kind"]:
                check(question, answer)
            elif told := misfit(question.get("schema"), answer):
                raise ValueError(told)
        except ValueError as error:
            err.print(f"That does not fit: {error}", style="red", markup=False)
        else:
            return answer


def _asked(question: dict[str, Any]) -> Any:
    """Raises ValueError for what is not JSON, or no number, where one is asked for."""
    if question["kind"] == "papers":
        return _ask_papers(question["papers"])
    if question["kind"] == "report":
        return _ask_report()
    err.print(_prompt(question), style="bold", markup=False)
    if shape := _shape(question):
        err.print(shape, style="dim", markup=False, highlight=False)
    if not question["kind"]:
        return _json_or_text(prompt("Answer, as text or JSON", None))
    if question["kind"] in {"call", "draft"}:
        return _ask_proposal(question["details"])
    if question["kind"] == "budget":
        return _ask_budget(question["details"]["limits"])
    from threadloom.state.answers import ANSWERS

    return fill(ANSWERS[question["kind"]])


def _prompt(question: Mapping[str, Any]) -> str:
    asked = question["prompt"]
    if isinstance(asked, Mapping) and isinstance(asked.get("prompt"), str):
        rest = {key: value for key, value in asked.items() if key not in ("prompt", "policy")}
        return f"{asked['prompt']}\n{_text(rest)}" if rest else asked["prompt"]
    return _text(asked)


def _shape(question: Mapping[str, Any]) -> str:
    """What shape its answer is of, where neither its kind nor its prompt says so."""
    is_told = question["kind"] or "example" in question
    return "" if is_told or not question.get("schema") else f"The answer fits {json.dumps(question['schema'])}"


def _text(asked: Any) -> str:
    return asked if isinstance(asked, str) else json.dumps(asked, ensure_ascii=False, indent=2, default=str)


def _json_or_text(typed: str) -> Any:
    try:
        return json.loads(typed)
    except ValueError:
        return typed


def _papers(papers: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("", "read", "paper", "why"):
        table.add_column(heading, justify="right" if not heading else "left", overflow="fold")
    for place, paper in enumerate(papers, 1):
        title = f"{paper['title']} ({paper['year'] or 'n.d.'})\n{paper['id']}"
        table.add_row(str(place), "yes" if paper["kept"] else "no", escape(title), escape(paper["reason"]))
    return table


def _ask_papers(papers: list[dict[str, Any]]) -> dict[str, Any]:
    err.print("Which papers should be read? Those marked yes, unless you change it:", style="bold")
    drop = prompt("Numbers not to read, separated by spaces (Enter for none)")
    add = prompt("Numbers to read after all (Enter for none)")
    return {"drop": _ids(drop, papers), "add": _ids(add, papers)}


def _ids(numbers: str, papers: list[dict[str, Any]]) -> list[str]:
    """Numbers of the list become ids; anything else stays as typed, for the run to refuse or know."""
    words = numbers.replace(",", " ").split()
    return [papers[int(word) - 1]["id"] if word.isdigit() and 0 < int(word) <= len(papers) else word for word in words]


def _ask_report() -> dict[str, Any]:
    if confirm("Is the report final?", default=True):
        return {"approve": True}
    drop = prompt("Ids of findings to leave out, separated by spaces (Enter for none)")
    comment = prompt("What should the new version do differently?")
    return {"approve": False, "drop": drop.split(), "comment": comment}


def _ask_proposal(details: Mapping[str, Any]) -> dict[str, Any]:
    action = prompt("approve, edit, reject or respond", default="approve")
    if action == "edit":
        return {"action": action, "args": _changed(_editable(details))}
    if action in {"reject", "respond"}:
        return {"action": action, "text": prompt("Why" if action == "reject" else "Response")}
    return {"action": action}


def _editable(details: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of a call its arguments; of a draft its parts, or its text."""
    draft = details["args"] if "call_id" in details else next(iter(details.values()))
    return draft if isinstance(draft, Mapping) else {"text": draft}


def _changed(values: Mapping[str, Any]) -> dict[str, Any]:
    """What a person wants different; Enter keeps a value. Texts are typed as they are, anything else as JSON."""
    err.print("Type what is to be different; Enter keeps a value.")
    typed = {name: prompt(name) for name in values}
    return {name: text if isinstance(values[name], str) else json.loads(text) for name, text in typed.items() if text}


def _ask_budget(limits: Mapping[str, Any]) -> dict[str, Any]:
    from threadloom.state.budget import MEASURES, NAMES

    asked = {name: prompt(f"More {NAMES[name]} (Enter for none)") for name in MEASURES if name in limits}
    return {name: number(text) for name, text in asked.items() if text} or {"stop": True}
