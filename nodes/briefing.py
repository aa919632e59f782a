"""The three branches of a briefing: the web, a database, calendars; each says so if it is not there.

A model words the query and picks the days. Without one rows are picked by their words, and days by what is written.
"""

from collections.abc import Callable
from datetime import date, timedelta
from threading import Event
from typing import Any, TypeVar

from pydantic import BaseModel, Field

from threadloom.models.chain import Answer, ModelAnswerError
from threadloom.models.extractive import days as written
from threadloom.models.prompts import element, prompt
from threadloom.models.roles import Models
from threadloom.models.settings import ConfigError
from threadloom.models.structured import ask
from threadloom.nodes.branch import Branch, Found, UnavailableError
from threadloom.nodes.rows import by_words, listed
from threadloom.tools.calendar import event
from threadloom.tools.calendar.diary import CalendarError, Diary
from threadloom.tools.calendar.tool import Days
from threadloom.tools.database.errors import DatabaseReadError
from threadloom.tools.database.reader import Database
from threadloom.tools.database.schema import describe
from threadloom.tools.settings import ToolSettings, WebSettings
from threadloom.tools.web.catalogue import configured
from threadloom.tools.web.search import SearchError, WebSearch

ROLE = "worker"
SQL_TASK = "Write one SELECT statement that gets what the question needs from the database described below."
DAYS_TASK = (
    "Which days does the question need to know about? Today is {today}, a {weekday}. If it names none: the next seven."
)
MOST_ROWS = 20
DAYS = 7
T = TypeVar("T", bound=BaseModel)


class Sql(BaseModel):
    """One query."""

    sql: str = Field(min_length=1, max_length=10_000, description="One SELECT statement")


def web(search: Callable[[], WebSearch], deadline: float = 20.0) -> Branch:
    """Titles and snippets of the first pages. `search` raises SearchError or ConfigError if there is none."""

    def work(question: str, stop: Event) -> Found:  # noqa: ARG001 - a request cannot be broken off
        pages = available(search).search(question[:400], 5, deadline)
        lines = [f"{page['title']}: {page['snippet']} ({page['url']})" for page in pages]
        return Found("\n".join(lines) or "The search found nothing.", [page["url"] for page in pages])

    return Branch("web", work, deadline)


def database(get: Callable[[], Database], models: Callable[[], Models], deadline: float = 20.0) -> Branch:
    """Rows that a model's SELECT finds; without a model those whose words fit."""

    def work(question: str, stop: Event) -> Found:
        known = available(get)
        material = prompt(SQL_TASK, element("question", question), element("database", describe(known)))
        answer, note = asked(models(), Sql, material)
        if stop.is_set():
            return Found("")
        if answer:
            sql = answer.value.sql
            return Found(listed(known.query(sql, MOST_ROWS)), [sql], usage=answer.usage, note=note)
        picked = by_words(question, known)
        told = "\n\n".join(one.text for one in picked) or "No table has to do with the question."
        return Found(told, [one.sql for one in picked], note=note)

    return Branch("database", work, deadline)


def calendar(
    get: Callable[[], Diary],
    models: Callable[[], Models],
    deadline: float = 30.0,
    today: Callable[[], date] = date.today,
) -> Branch:
    """What is on in the days that the question is about: those it names, or the next seven."""

    def work(question: str, stop: Event) -> Found:
        diary, now = available(get), today()
        task = DAYS_TASK.format(today=now.isoformat(), weekday=f"{now:%A}")
        answer, note = asked(models(), Days, prompt(task, element("question", question)))
        days = answer.value if answer else _named(question, now)
        if stop.is_set():
            return Found("")
        agenda = diary.events(days.start, days.end)
        if agenda.problems and not agenda.events:
            raise UnavailableError("; ".join(agenda.problems[:3]))
        head = f"{days.start} to {days.end}, {diary.zone.key}: {len(agenda.events)} events"
        lines = [head, *map(_event, agenda.events), *(f"Not read: {problem}" for problem in agenda.problems)]
        usage = answer.usage if answer else {}
        return Found("\n".join(lines), list(diary.calendars), usage=usage, note=note)

    return Branch("calendar", work, deadline)


def from_settings(models: Callable[[], Models]) -> list[Branch]:
    """All three as the settings have them, read when they are asked."""
    return [web(_search), database(_database, models), calendar(_diary, models)]


def check_settings() -> None:
    """Raises UnavailableError, with all reasons, if none of the three can be asked."""
    reasons = []
    for get in (_search, _database, _diary):
        try:
            available(get)
        except UnavailableError as error:
            reasons.append(str(error))
        else:
            return
    raise UnavailableError(f"there is nothing to ask: {'; '.join(reasons)}")


def _search() -> WebSearch:
    return configured(WebSettings())


def _database() -> Database:
    settings = ToolSettings()
    if settings.read_database is None:
        raise UnavailableError("no database is set; it needs THREADLOOM_READ_DATABASE")
    return Database(settings.read_database.get_secret_value())


def _diary() -> Diary:
    settings = ToolSettings()
    if not settings.calendars:
        raise UnavailableError("no calendar is set; it needs THREADLOOM_CALENDARS__NAME")
    return Diary(settings.calendars, settings.timezone)


S = TypeVar("S")


def available(get: Callable[[], S]) -> S:
    """What a branch asks. Raises UnavailableError if it cannot be had."""
    try:
        return get()
    except (SearchError, ConfigError, DatabaseReadError, CalendarError) as error:
        raise UnavailableError(str(error)) from error


def asked(models: Models, schema: type[T], messages: list[Any]) -> tuple[Answer[T] | None, str]:
    """A language model's answer, or None and a note why there is none."""
    if models.is_extractive(ROLE):
        return None, "no language model: chosen by words"
    try:
        answer = ask(models, ROLE, schema, messages)
    except ModelAnswerError as error:
        return None, f"no language model could be had ({error}): chosen by words"
    return answer, answer.note


def _event(one: event.Event) -> str:
    place = f", {one['location']}" if one["location"] else ""
    when = one["start"] if one["all_day"] else f"{one['start'][:16]} to {one['end'][:16]}"
    return f"{when.replace('T', ' ')}: {one['title']}{place} ({one['calendar']})"


def _named(question: str, today: date) -> Days:
    """Days that a text names; else the next seven."""
    start, end = written.span(question, today) or (today, today + timedelta(DAYS - 1))
    return Days(start=start, end=end)
