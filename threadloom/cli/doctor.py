"""`threadloom doctor`: what is configured, what is reachable, which model would answer, who would search the web."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib.metadata import version
from platform import python_version
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from threadloom.cli.console import DbOption, JsonOption, one_line, opened, out, print_json

MARKS = {True: "[green]ok[/]", False: "[yellow]no[/]"}
ROLES = ("planner", "reader", "writer")


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    what: str
    ok: bool
    says: str


def doctor(
    deadline: Annotated[float, typer.Option(help="Seconds to wait for each source and model.", min=0.1)] = 5,
    db: DbOption = None,
    json: JsonOption = False,
) -> None:
    """Say what is configured, what is reachable, which model would answer and who would search the web."""
    checks = [_versions(), *_models(deadline), _database(db), *_sources(deadline), _web_search()]
    if json:
        print_json([asdict(check) for check in checks])
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    for check in checks:
        table.add_row(MARKS[check.ok], check.what, escape(check.says))
    out.print(table)


def _versions() -> Check:
    names = ("threadloom", "langgraph", "langchain-core", "sqlalchemy")
    return Check(
        "versions", True, ", ".join([f"Python {python_version()}", *(f"{name} {version(name)}" for name in names)])
    )


def _models(deadline: float) -> list[Check]:
    from threadloom.models.roles import load_models
    from threadloom.models.settings import ConfigError, ModelSettings

    try:
        models, hint = load_models(), ModelSettings().hint()
    except ConfigError as error:
        return [Check("models", False, one_line(error))]
    checks = [Check(f"model: {role}", True, models.label(role)) for role in ROLES]
    checks += [
        Check(f"endpoint: {name}", not problem, problem or "answers") for name, problem in models.probe(deadline)
    ]
    return [*checks, Check("models", False, hint)] if hint else checks


def _database(db: str | None) -> Check:
    try:
        with opened(db) as saver:
            count = len(saver.threads(limit=1_000))
    except Exception as error:  # noqa: BLE001  # whatever is wrong with the database is what the user asked for
        return Check("database", False, one_line(error))
    return Check("database", True, f"threads: {'1,000 or more' if count == 1_000 else count}")


def _sources(deadline: float) -> list[Check]:
    from threadloom.models.settings import ConfigError
    from threadloom.tools.papers.catalogue import configured
    from threadloom.tools.settings import load_source_settings

    try:
        sources = configured(load_source_settings())
    except ConfigError as error:
        return [Check("sources", False, one_line(error))]
    if not sources:
        return [Check("sources", False, "all are disabled")]
    with ThreadPoolExecutor(len(sources)) as pool:
        reports = list(pool.map(lambda source: source.reachable(deadline), sources))
    return [
        Check(
            f"source: {report['source']}",
            report["status"] != "failed",
            report["reason"] or f"{report['seconds']:.1f} s",
        )
        for report in reports
    ]


def _web_search() -> Check:
    """Which would be asked; it is not, since a search may cost money."""
    from threadloom.models.settings import ConfigError
    from threadloom.tools.settings import WebSettings
    from threadloom.tools.web.catalogue import configured
    from threadloom.tools.web.search import SearchError

    try:
        return Check("web search", True, f"{configured(WebSettings()).label} (not asked)")
    except (ConfigError, SearchError) as error:
        return Check("web search", False, one_line(error))
