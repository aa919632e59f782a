"""When there is time: what is left of working hours once everything that is on has been taken out."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

Span = tuple[datetime, datetime]
"""From one moment to another."""


@dataclass(frozen=True)
class Hours:
    """When somebody works: from and until which time of the day, and whether at weekends too."""

    start: time
    end: time
    weekends: bool = False


def free(busy: Iterable[Span], first: date, last: date, hours: Hours, zone: tzinfo, least: timedelta) -> Iterator[Span]:
    """The spans of at least `least` in the working hours of these days that no busy span touches, in order.

    Computed in UTC: on the day the clocks change, an hour by the clock is none or two.
    """
    taken = sorted((start.astimezone(UTC), end.astimezone(UTC)) for start, end in busy)
    for day in (first + timedelta(days=n) for n in range((last - first).days + 1)):
        if day.weekday() >= 5 and not hours.weekends:
            continue
        opens, closes = (datetime.combine(day, at, zone).astimezone(UTC) for at in (hours.start, hours.end))
        for start, end in _gaps(taken, opens, closes):
            if end - start >= least:
                yield start.astimezone(zone), end.astimezone(zone)


def _gaps(taken: Iterable[Span], opens: datetime, closes: datetime) -> Iterator[Span]:
    for start, end in taken:
        if start >= closes:
            break
        if start > opens:
            yield opens, start
        opens = max(opens, end)
    if opens < closes:
        yield opens, closes
