"""The three branches of a briefing: the web, a database, calendars; each says so if it is not there.

A model words the query and picks the days. Without one rows are picked by their words, and days by what is written.
"""

import re
from collections.abc import Callable, Sequence
from datetime import date, time, timedelta
from threading import Event
from typing import Any, Generic, NamedTuple, TypeVar

from pydantic import BaseModel, Field

from threadloom.models.chain import ModelAnswerError
from threadloom.models.extractive import days as written
from threadloom.models.extractive.rows import unchanged
from threadloom.models.prompts import element, prompt
from threadloom.models.roles import Models
from threadloom.models.settings import ConfigError
from threadloom.models.structured import ask
from threadloom.nodes.branch import Branch, Found, UnavailableError
from threadloom.nodes.rows import by_words, listed
from threadloom.state.budget import Limits, calls_left, shortage
from threadloom.state.choice import Choice
from threadloom.state.usage import Usage
from threadloom.tools.calendar import event
from threadloom.tools.calendar.diary import Agenda, CalendarError, Diary
from threadloom.tools.calendar.slots import Hours, free
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
WORKING = Hours(time(9), time(17))
LEAST = timedelta(minutes=30)
"""Of a gap between events, to count as free."""
MOST_GAPS = 10
WANTS_TIME = re.compile(r"\b(free|available|availability|slots?|gaps?|time (for|to))\b", re.IGNORECASE)
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

    def work(question: str, stop: Event, budget: Limits) -> Found:
        known = available(get)
        material = prompt(SQL_TASK, element("question", question), element("database", describe(known)))
        said = asked(models(), "database", Sql, material, budget)
        if stop.is_set():
            return Found("")
        try:
            return said.found(*_rows(question, known, said.value))
        except DatabaseReadError as error:
            return said.found("", error=error)

    return Branch("database", work, deadline, ROLE)


def _rows(question: str, known: Database, query: Sql | None) -> tuple[str, list[str]]:
    """What the query finds, or without one the rows that share words with the question; and the SQL of it."""
    if query:
        return listed(known.query(query.sql, MOST_ROWS)), [query.sql]
    picked = by_words(question, known)
    told = [one.text for one in picked] or ["No table has to do with the question."]
    return "\n\n".join(filter(None, [unchanged(question), *told])), [one.sql for one in picked]


def calendar(
    get: Callable[[], Diary],
    models: Callable[[], Models],
    deadline: float = 30.0,
    today: Callable[[], date] = date.today,
) -> Branch:
    """What is on in the days that the question is about, those it names or the next seven; and when there is time."""

    def work(question: str, stop: Event, budget: Limits) -> Found:
        diary, now = available(get), today()
        task = DAYS_TASK.format(today=now.isoformat(), weekday=f"{now:%A}")
        said = asked(models(), "calendar", Days, prompt(task, element("question", question)), budget)
        days = said.value or _named(question, now)
        if stop.is_set():
            return Found("")
        if days is None:
            return said.found(f"There is no such day: {', '.join(written.written(question))}.")
        agenda = diary.events(days.start, days.end)
        if agenda.problems and not agenda.events:
            return said.found("", error=UnavailableError("; ".join(agenda.problems[:3])))
        head = f"{days.start} to {days.end}, {diary.zone.key}: {len(agenda.events)} events"
        gaps = _gaps(diary, agenda, days) if said.value or WANTS_TIME.search(question) else []
        lines = [*gaps, head, *map(_event, agenda.events), *(f"Not read: {problem}" for problem in agenda.problems)]
        return said.found("\n".join(lines), list(diary.calendars))

    return Branch("calendar", work, deadline, ROLE)


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


class Said(NamedTuple, Generic[T]):
    """What a language model answered, None if none did, and what goes with anything that is found by it."""

    value: T | None
    note: str
    usage: dict[str, Usage] = {}  # noqa: RUF012 - never changed
    choices: Sequence[Choice] = ()

    def found(self, text: str, sources: Sequence[str] = (), error: Exception | None = None) -> Found:
        """What the branch found by it, or why nothing."""
        return Found(text, list(sources), usage=self.usage, note=self.note, choices=self.choices, error=error)


def asked(models: Models, branch: str, schema: type[T], messages: list[Any], budget: Limits) -> Said[T]:
    """A language model's answer within the budget, or a note why there is none."""
    if models.is_extractive(ROLE):
        return Said(None, "no language model: chosen by words")
    if gone := shortage(budget):
        return Said(None, f"no language model was asked, {gone}: chosen by words")
    try:
        answer = ask(models, ROLE, schema, messages, most=calls_left(budget))
    except ModelAnswerError as error:
        return Said(None, f"no language model could be had ({error}): chosen by words", error.usage)
    return Said(answer.value, answer.note, answer.usage, [answer.choice(branch)])


def _event(one: event.Event) -> str:
    place = f", {one['location']}" if one["location"] else ""
    when = one["start"] if one["all_day"] else f"{one['start'][:16]} to {one['end'][:16]}"
    return f"{when.replace('T', ' ')}: {one['title']}{place} ({one['calendar']})"


def _gaps(diary: Diary, agenda: Agenda, days: Days) -> list[str]:
    """When there is time, a line each."""
    gaps = list(free(diary.busy(agenda), days.start, days.end, WORKING, diary.zone, LEAST))
    head = f"Free on working days, {WORKING.start:%H:%M} to {WORKING.end:%H:%M}: {len(gaps) or 'no'} times"
    more = [f"[{len(gaps) - MOST_GAPS} more]"] if len(gaps) > MOST_GAPS else []
    return [head, *(f"{start:%Y-%m-%d %H:%M} to {end:%H:%M}" for start, end in gaps[:MOST_GAPS]), *more]


def _named(question: str, today: date) -> Days | None:
    """Days that a text names; the next seven if it names none, None if they are in no calendar, as 30 February."""
    found = written.span(question, today)
    if not found and written.written(question):
        return None
    start, end = found or (today, today + timedelta(DAYS - 1))
    return Days(start=start, end=end)
