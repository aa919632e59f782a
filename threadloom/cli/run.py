"""`threadloom run …`: start a run."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from threadloom.cli.console import DbOption, JsonOption, OutOption, opened
from threadloom.errors import UsageError

if TYPE_CHECKING:
    from pydantic import ValidationError

    from threadloom.checkpoints import SQLSaver

app = typer.Typer(
    help="Start a run of a graph.",
    epilog='Example: threadloom run research "Does the minimum wage cost jobs?"',
    no_args_is_help=True,
)


@app.callback()
def group() -> None:
    """Start a run of a graph."""


@app.command(epilog='Example: threadloom run research "Does the minimum wage cost jobs?" --style ieee --review')
def research(
    question: Annotated[str, typer.Argument(help="The research question, in plain words.")],
    review: Annotated[
        bool, typer.Option("--review", help="Pause after ranking, and before the report is final.")
    ] = False,
    style: Annotated[
        str | None,
        typer.Option(help="Citation style: apa, ieee, nature, chicago, mla or harvard.", show_default="apa"),
    ] = None,
    source: Annotated[list[str] | None, typer.Option(help="Ask only this source; may be repeated.")] = None,
    max_papers: Annotated[int, typer.Option(help="How many papers to read.")] = 8,
    db: DbOption = None,
    thread: Annotated[str | None, typer.Option(help="Thread id; a new one by default.")] = None,
    out: OutOption = None,
    json: JsonOption = False,
) -> None:
    """Research a question: search, rank, read, and write a cited report."""
    from pydantic import ValidationError

    from threadloom.cli.drive import drive
    from threadloom.files import check_folder
    from threadloom.settings import RunSettings
    from threadloom.state.research import ResearchInput

    settings = RunSettings()
    given = {
        "question": question,
        "style": style or settings.style,
        "review": review,
        "sources": source or None,
        "max_papers": max_papers,
    }
    try:
        asked = ResearchInput.model_validate(given)
    except ValidationError as error:
        raise UsageError(_explain(error)) from None
    folder = out or settings.out
    check_folder(folder)
    _check_settings(asked.sources)
    with opened(db, create=True) as saver:
        thread_id = thread or str(uuid4())
        _refuse_unfinished(saver, thread_id)
        drive(saver, "research", thread_id, asked.model_dump(), folder=folder, as_json=json, db=db)


def _explain(error: "ValidationError") -> str:
    first = error.errors()[0]
    name = str(first["loc"][0]) if first["loc"] else "input"
    if name == "question":
        if first["type"] == "string_unicode":
            return "the question is not valid UTF-8"
        return f"the question is {len(str(first['input']).strip()):,} characters long; 3 to 2,000 are allowed"
    return f"{name.replace('_', '-')}: {first['msg']} (got {first['input']!r})"


def _check_settings(sources: Iterable[str] | None) -> None:
    """Find out before there is a thread whether models and sources can be had. Raises ConfigError and UsageError."""
    from threadloom.models.roles import load_models
    from threadloom.tools.papers.catalogue import configured
    from threadloom.tools.settings import load_source_settings

    load_models()
    names = [source.name for source in configured(load_source_settings())]
    for name in sources or []:
        if name not in names:
            raise UsageError(
                f"source {name} is not configured (see docs/configuration.md); there are: {', '.join(names)}"
            )
    if not names:
        raise UsageError("all sources are disabled; take one out of THREADLOOM_DISABLED")


def _refuse_unfinished(saver: "SQLSaver", thread_id: str) -> None:
    from threadloom.threads import config_for, describe

    if saver.get_tuple(config_for(thread_id)) and (status := describe(saver, thread_id).status) != "done":
        raise UsageError(f"thread {thread_id} is {status}; go on with `threadloom resume {thread_id}`")
