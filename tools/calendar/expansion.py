"""What happens in a span of time by an .ics file: repetitions, exceptions, time zones. Runs in a process of its own.

A recurrence rule of 30 characters can keep a computer busy for years, and so can a file of nested nonsense. So one
series has SERIES_SECONDS here, and whoever starts this process ends it; what was printed by then counts.

`python -m threadloom.tools.calendar.expansion START END ZONE < file.ics` prints lines of JSON: an event each, or a
problem. Start and end are ISO 8601 with offset.
"""

import json
import signal
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import recurring_ical_events  # type: ignore[import-untyped]  # has annotations, and no py.typed

from threadloom.tools.calendar.event import Event
from threadloom.tools.text import clipped, text

SERIES_SECONDS = 0.5
MOST_EVENTS = 2_000
MEMORY = 1 << 30
MARGIN = timedelta(days=2)
"""Asked for beyond the span, as dates and floating times have no place on the time line yet."""


class _TooLongError(Exception):
    """A series took too long."""


def expand(data: bytes, start: datetime, end: datetime, zone: tzinfo) -> Iterator[Event | str]:
    """The events that overlap a span, in no order, and in words what of the calendar could not be used.

    Times without a zone are in `zone`, and all are given in it.
    """
    count = 0
    for series in _series(data):
        try:
            with _time_limit(SERIES_SECONDS):
                found = [event for event in _occurrences(series, start, end, zone) if event]
        except _TooLongError:
            yield f"{_title(series)} is left out: when it happens takes too long to compute"
            continue
        except Exception as error:  # noqa: BLE001 - what a broken event makes icalendar, dateutil and zoneinfo raise has no end
            yield f"{_title(series)} is left out: it cannot be read ({type(error).__name__})"
            continue
        yield from found[: MOST_EVENTS - count]
        count += len(found)
        if count > MOST_EVENTS:
            yield f"only {MOST_EVENTS:,} events were read; ask for a shorter time"
            return


def _series(data: bytes) -> list[icalendar.Calendar]:
    """A calendar for each event with its exceptions, those that do not repeat first. Raises ValueError."""
    begun, ended = (data.upper().count(word + b":VCALENDAR") for word in (b"BEGIN", b"END"))
    if not begun or begun != ended:
        raise ValueError("no calendar, or only the beginning of one")
    series: dict[object, icalendar.Calendar] = defaultdict(icalendar.Calendar)
    for number, calendar in enumerate(icalendar.Calendar.from_ical(data, multiple=True)):
        for event in calendar.walk("VEVENT"):
            part = series[number, str(event["UID"])] if "UID" in event else series[number, id(event)]
            part.add_component(event)
            part.update({key: calendar[key] for key in ("X-WR-TIMEZONE", "CALSCALE") if key in calendar})
    return sorted(series.values(), key=lambda part: any("RRULE" in event for event in part.subcomponents))


def _occurrences(series: icalendar.Calendar, start: datetime, end: datetime, zone: tzinfo) -> Iterator[Event | None]:
    query = recurring_ical_events.of(series)
    for occurrence in query.between(start - MARGIN, end + MARGIN):
        yield _event(occurrence, start, end, zone)


def _event(component: Any, start: datetime, end: datetime, zone: tzinfo) -> Event | None:
    """The occurrence as a record; None if it lies outside the span or is cancelled."""
    begins, ends = component["DTSTART"].dt, component["DTEND"].dt
    first, last = _moment(begins, zone), _moment(ends, zone)
    inside = first < end and (last > start or first == last >= start)
    if not inside or str(component.get("STATUS", "")).upper() == "CANCELLED":
        return None
    all_day = not isinstance(begins, datetime)
    return Event(
        calendar="",
        title=clipped(text(str(component.get("SUMMARY", ""))), 200),
        start=begins.isoformat() if all_day else first.isoformat(),
        end=ends.isoformat() if all_day else last.isoformat(),
        all_day=all_day,
        busy=str(component.get("TRANSP", "")).upper() != "TRANSPARENT",
        location=clipped(text(str(component.get("LOCATION", ""))), 200),
    )


def _moment(value: date, zone: tzinfo) -> datetime:
    if not isinstance(value, datetime):
        return datetime.combine(value, time.min, zone)
    return value.astimezone(zone) if value.tzinfo else value.replace(tzinfo=zone)


def _title(series: icalendar.Calendar) -> str:
    titles = [text(str(event.get("SUMMARY", ""))) for event in series.subcomponents]
    return f'"{clipped(next(filter(None, titles), "an event without a title"), 80)}"'


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    if not hasattr(signal, "setitimer"):  # Windows: the process as a whole is bounded
        yield
        return
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _too_long(*_: object) -> None:
    raise _TooLongError


def _bound() -> None:
    if hasattr(signal, "SIGALRM"):
        import resource

        signal.signal(signal.SIGALRM, _too_long)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def main(start: str, end: str, zone: str) -> None:
    """Print what is asked for as it is found."""
    _bound()
    span = datetime.fromisoformat(start), datetime.fromisoformat(end)
    try:
        for found in expand(sys.stdin.buffer.read(), *span, ZoneInfo(zone)):
            print(json.dumps(found), flush=True)  # noqa: T201 - this is how it answers
    except (ValueError, KeyError, IndexError, AttributeError, RecursionError, MemoryError):
        print(json.dumps("it is no calendar that can be read, or only the beginning of one"), flush=True)  # noqa: T201 - likewise


if __name__ == "__main__":
    main(*sys.argv[1:])
