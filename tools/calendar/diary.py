"""Calendars read together: what is on in some days, and what of them could not be read."""

import json
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from threadloom.tools.calendar.event import Event
from threadloom.tools.http import MAX_BYTES, Deadline, HttpClient, HttpError

SECONDS = 20.0
"""For fetching a calendar, and again for working it out."""


class CalendarError(Exception):
    """A calendar cannot be read; the message is one line that says why."""


@dataclass(frozen=True)
class Agenda:
    """What is on, in order, and a line for each calendar or event that could not be read."""

    events: list[Event]
    problems: list[str]


class Diary:
    """Calendars by name: paths of .ics files, or addresses (http, https, webcal) that whoever configures this trusts.

    `zone` is where days begin and in which times are given, as in "Europe/Berlin". Raises CalendarError if there is no
    such zone. Thread-safe; calendars are read anew each time.
    """

    def __init__(self, calendars: Mapping[str, str], zone: str = "UTC", http: HttpClient | None = None) -> None:
        self.calendars = dict(calendars)
        self._http = http or HttpClient()
        try:
            self.zone = ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise CalendarError(f"there is no time zone {zone!r}; one looks like Europe/Berlin") from error

    def events(self, first: date, last: date) -> Agenda:
        """What overlaps the days from `first` to `last`. A calendar that cannot be read is a problem, not an error."""
        span = self.midnight(first), self.midnight(last + timedelta(days=1))
        with ThreadPoolExecutor(max(1, len(self.calendars))) as pool:
            agendas = list(pool.map(lambda name: self._agenda(name, *span), self.calendars))
        events = [event for agenda in agendas for event in agenda.events]
        return Agenda(
            sorted(
                events, key=lambda event: (self.moments(event)[0], not event["all_day"], event["end"], event["title"])
            ),
            [problem for agenda in agendas for problem in agenda.problems],
        )

    def midnight(self, day: date) -> datetime:
        """When a day begins."""
        return datetime.combine(day, time.min, self.zone)

    def moments(self, event: Event) -> tuple[datetime, datetime]:
        """When an event begins and ends."""
        if event["all_day"]:
            return self.midnight(date.fromisoformat(event["start"])), self.midnight(date.fromisoformat(event["end"]))
        return datetime.fromisoformat(event["start"]), datetime.fromisoformat(event["end"])

    def busy(self, agenda: Agenda) -> list[tuple[datetime, datetime]]:
        """When the events of an agenda leave no time: some, such as birthdays, do."""
        return [self.moments(event) for event in agenda.events if event["busy"]]

    def _agenda(self, name: str, start: datetime, end: datetime) -> Agenda:
        try:
            events, problems = _expanded(self._data(self.calendars[name]), start, end, self.zone.key)
        except CalendarError as error:
            return Agenda([], [f"calendar {name}: {error}"])
        return Agenda([Event({**e, "calendar": name}) for e in events], [f"calendar {name}: {p}" for p in problems])

    def _data(self, address: str) -> bytes:
        scheme, colon, rest = address.partition("://")
        if not colon:
            return _file(Path(address))
        try:
            url = f"https://{rest}" if scheme == "webcal" else address
            return self._http.get(url, deadline=Deadline(SECONDS)).body
        except HttpError as error:
            raise CalendarError(str(error)) from error


def _file(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise CalendarError(f"larger than {MAX_BYTES // 1_000_000} MB")
        return path.read_bytes()
    except OSError as error:
        raise CalendarError(f"{path.name} cannot be read ({error.strerror})") from error


def _expanded(data: bytes, start: datetime, end: datetime, zone: str) -> tuple[list[Event], list[str]]:
    """Events and problems, by a process that can be ended: see `expansion`."""
    # -P: whatever lies in the working folder is not imported.
    command = [
        sys.executable,
        "-P",
        "-m",
        "threadloom.tools.calendar.expansion",
        start.isoformat(),
        end.isoformat(),
        zone,
    ]
    late: list[str] = []
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=SECONDS, check=False)  # noqa: S603 - our own module
        output, failed = done.stdout, done.returncode != 0
        if b"ModuleNotFoundError" in done.stderr:
            raise CalendarError("needs more packages: pip install 'threadloom[calendar]'")
    except subprocess.TimeoutExpired as error:
        output, failed = error.stdout or b"", True
    found: list[Event | str] = [json.loads(line) for line in output.split(b"\n")[:-1]]
    if failed:
        late = ["it could not be read to its end; it is too large or too involved"]
    problems = [*late, *(item for item in found if isinstance(item, str))]
    return [item for item in found if not isinstance(item, str)], problems
