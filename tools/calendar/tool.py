"""Calendars as two tools: `calendar_events` tells what is on, `calendar_free_slots` when there is time."""

from datetime import date, datetime, time, timedelta
from typing import Self

from langchain_core.tools import BaseTool
from pydantic import Field, ValidationInfo, field_validator, model_validator

from threadloom.models.extractive import days
from threadloom.tools.answer import Arguments, shown, tool_of
from threadloom.tools.calendar.diary import Agenda, Diary
from threadloom.tools.calendar.event import Event
from threadloom.tools.calendar.slots import Hours, free

MOST_DAYS = 366
MOST_EVENTS, MOST_SLOTS, MOST_PROBLEMS = 100, 50, 10
"""That are shown; the artifact of `calendar_events` has them all."""


class Days(Arguments):
    """Which days. "tomorrow", "Friday" and "next week" are understood too: who asks may not know today's date."""

    start: date = Field(description="First day, as YYYY-MM-DD, or today, Friday, next week")
    end: date = Field(description="Last day, written like start; the same as start for one day")

    @field_validator("start", "end", mode="before")
    @classmethod
    def _named(cls, value: object, info: ValidationInfo) -> object:
        named = days.span(value, datetime.now().astimezone().date()) if isinstance(value, str) else None
        return named[info.field_name == "end"] if named else value

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not 0 <= (self.end - self.start).days < MOST_DAYS:
            raise ValueError(f"end must be on or after start, and less than {MOST_DAYS} days later")
        if not 1900 <= self.start.year <= 2200:
            raise ValueError("start must lie between 1900 and 2200")
        return self


class FreeSlots(Days):
    """Which days, and what is to fit in."""

    minutes: int = Field(default=30, ge=5, le=1440, description="How long a slot has to be, in minutes")
    day_start: time = Field(default=time(9), description="Not before this time of the day, as HH:MM")
    day_end: time = Field(default=time(17), description="Not after this time of the day, as HH:MM")
    weekends: bool = Field(default=False, description="Saturdays and Sundays too")


def calendar_tools(diary: Diary) -> list[BaseTool]:
    """The two tools of these calendars."""
    zone = diary.zone.key

    def events(start: date, end: date) -> tuple[str, list[Event]]:
        agenda = diary.events(start, end)
        return f"{start} to {end}: {_listed(agenda, zone)}", agenda.events

    def free_slots(
        start: date,
        end: date,
        minutes: int = 30,
        day_start: time = time(9),
        day_end: time = time(17),
        weekends: bool = False,
    ) -> tuple[str, list[list[str]]]:
        agenda = diary.events(start, end)
        hours, busy = Hours(day_start, day_end, weekends), diary.busy(agenda)
        slots = [
            [begins.isoformat(timespec="minutes"), ends.isoformat(timespec="minutes")]
            for begins, ends in free(busy, start, end, hours, diary.zone, timedelta(minutes=minutes))
        ]
        return f"{start} to {end}: {_slots(slots, agenda, zone)}", slots

    return [
        tool_of(
            events,
            name="calendar_events",
            description=f"What is in the calendars ({', '.join(diary.calendars)}) on some days. Times are in {zone}.",
            arguments=Days,
        ),
        tool_of(
            free_slots,
            name="calendar_free_slots",
            description=f"When there is time: gaps of some length in all calendars, within working hours, in {zone}.",
            arguments=FreeSlots,
        ),
    ]


def _listed(agenda: Agenda, zone: str) -> str:
    lines = [f"{len(agenda.events)} events; times in {zone}", *map(_line, agenda.events[:MOST_EVENTS])]
    if len(agenda.events) > MOST_EVENTS:
        lines.append(f"[only the first {MOST_EVENTS} are shown; ask for fewer days]")
    return "\n".join(lines + _problems(agenda))


def _line(event: Event) -> str:
    facts: dict[str, object] = {
        "start": event["start"],
        "end": event["end"],
        "title": event["title"],
        "calendar": event["calendar"],
    }
    if event["location"]:
        facts["location"] = event["location"]
    if event["all_day"]:
        facts["end"] = (date.fromisoformat(event["end"]) - timedelta(days=1)).isoformat()
    return shown(facts if event["busy"] else {**facts, "busy": False})


def _slots(slots: list[list[str]], agenda: Agenda, zone: str) -> str:
    lines = [f"{len(slots)} free slots; times in {zone}", *(f"{start} to {end}" for start, end in slots[:MOST_SLOTS])]
    if len(slots) > MOST_SLOTS:
        lines.append(f"[only the first {MOST_SLOTS} are shown; ask for fewer days]")
    if agenda.problems:
        lines.append("Caution: something could not be read, so a slot may not be free:")
    return "\n".join(lines + _problems(agenda))


def _problems(agenda: Agenda) -> list[str]:
    more = len(agenda.problems) - MOST_PROBLEMS
    listed = [f"Not read: {problem}" for problem in agenda.problems[:MOST_PROBLEMS]]
    return listed + ([f"Not read: {more} more"] if more > 0 else [])
