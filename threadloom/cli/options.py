"""The command of a graph: its text is the argument, its other inputs are options, all read from its input schema."""

from collections.abc import Callable, Iterable, Mapping
from inspect import Parameter, Signature
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from threadloom.catalogue import CONVERSATION, Entry, load
from threadloom.cli.console import DbOption, JsonOption, OutOption
from threadloom.errors import UsageError
from threadloom.inputs import Input, inputs, read
from threadloom.state.budget import MEASURES, NAMES

COMMON: Mapping[str, tuple[Any, Any]] = {
    "given": (
        Annotated[
            str | None,
            typer.Option("--input", help="All inputs as one JSON object, or @FILE with it.", metavar="JSON"),
        ],
        None,
    ),
    "thread": (Annotated[str | None, typer.Option("--thread", help="Thread id; a new one by default.")], None),
    "db": (DbOption, None),
    "as_json": (JsonOption, False),
}
"""What every run can be told, besides a folder: parameter to its annotation and default."""
TAKEN = {"--input", "--thread", "--db", "--out", "--json", "--help"}
AnswerOption = Annotated[Path | None, typer.Option("--out", help="Folder to write the answer to.", show_default=False)]


class Option(NamedTuple):
    """An option, and where in the input its value goes."""

    flag: str
    path: tuple[str, ...]
    kind: Any
    help: str
    metavar: str | None = None
    shown: str | bool = False

    @property
    def name(self) -> str:
        """Of the Python parameter."""
        return "__".join(("input", *self.path))

    def parameter(self) -> Parameter:
        """As typer reads it from a signature."""
        panel = "Budget" if len(self.path) > 1 else "Inputs"
        told = typer.Option(
            self.flag, help=self.help, metavar=self.metavar, show_default=self.shown, rich_help_panel=panel
        )
        return _parameter(self.name, Annotated[self.kind, told], None)


def command_of(entry: Entry, start: Callable[..., None]) -> Any:
    """The graph's command, which calls `start(entry, given, thread=…, db=…, folder=…, as_json=…)`."""
    fields = inputs(load(entry.name))
    options = options_of(entry, fields)

    def run(*, text: str | None, given: str | None, **values: Any) -> None:
        own = {option.path: values.pop(option.name) for option in options}
        start(entry, _given(entry, text, read(given) if given else {}, own), **values)

    typed = Annotated[str | None, typer.Argument(help=_about(entry, fields), metavar="TEXT", show_default=False)]
    parameters = [_parameter("text", typed, None), *(option.parameter() for option in options)]
    parameters.append(_parameter("folder", OutOption if entry.report else AnswerOption, None))
    parameters += [_parameter(name, kind, default) for name, (kind, default) in COMMON.items()]
    run.__signature__ = Signature(parameters)  # type: ignore[attr-defined]  # what typer reads
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    app = typer.Typer(add_completion=False, rich_markup_mode="rich")
    app.command(entry.name, help=entry.summary, epilog=f"Example: threadloom run {entry.name} {entry.example}")(run)
    return typer.main.get_command(app)


def options_of(entry: Entry, fields: Iterable[Input]) -> list[Option]:
    """An option for every input but the text; what only JSON can say is for `--input`."""
    found = [option for one in fields if one.name != entry.text for option in _options(one)]
    return [option for option in found if option.flag not in TAKEN]


def _options(one: Input) -> list[Option]:
    if one.name == "budget":
        return [
            Option(f"--{_dashed(m)}", ("budget", m), str | None, f"At most so many {NAMES[m]}.", "N") for m in MEASURES
        ]
    if one.form == "json":
        return []
    flag = f"--{_dashed(one.name)}"
    told = f"{one.help}: {', '.join(one.choices)}" if one.choices else one.help  # a placeholder would break in words
    if one.form == "flag":
        return [Option(f"{flag}/--no-{flag[2:]}" if one.default else flag, (one.name,), bool | None, one.help)]
    if one.form == "list":
        singular = flag.removesuffix("s")
        return [Option(singular, (one.name,), list[str] | None, f"{told}; may be repeated.", "TEXT")]
    shown = False if one.default is None else str(one.default)
    return [Option(flag, (one.name,), str | None, told, one.form.upper(), shown)]


def _given(
    entry: Entry, text: str | None, base: Mapping[str, Any], own: Mapping[tuple[str, ...], Any]
) -> dict[str, Any]:
    """The input: what `--input` says, changed by options and the text."""
    given = dict(base)
    for path, value in own.items():
        if value is None or value == []:
            continue
        if len(path) == 1:
            given[path[0]] = value
        else:
            before = given.get(path[0])
            given[path[0]] = {**(before if isinstance(before, dict) else {}), path[1]: value}
    return given | (entry.given(_checked(text)) if text is not None else {})


def _checked(text: str) -> str:
    """Raises UsageError when nothing was typed, or bytes that are no text."""
    if not text.strip():
        raise UsageError("the text is empty")
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        raise UsageError("the text is not valid UTF-8")
    return text


def _about(entry: Entry, fields: Iterable[Input]) -> str:
    """What the text is; a conversation's description says more than the one message that is typed."""
    about = {one.name: one.help for one in fields if one.name != CONVERSATION}
    return about.get(entry.text) or "What you ask or want."


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def _parameter(name: str, kind: Any, default: Any) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, annotation=kind, default=default)
