"""Calendars: what is on by the rules of iCalendar, when there is time, and hostile files that cost little."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.tools import BaseTool
from langchain_tests.integration_tests import ToolsIntegrationTests
from langchain_tests.unit_tests import ToolsUnitTests

from tests.tools.suite import Subject
from threadloom.tools.calendar import diary as diary_module
from threadloom.tools.calendar import expansion
from threadloom.tools.calendar.diary import CalendarError, Diary
from threadloom.tools.calendar.slots import Hours, Span, free
from threadloom.tools.calendar.tool import calendar_tools

BERLIN = ZoneInfo("Europe/Berlin")
WEEK = date(2026, 3, 23), date(2026, 4, 5)  # the clocks change on 29 March


def calendar(*events: str, extra: str = "") -> str:
    body = "".join(f"BEGIN:VEVENT\n{event.strip()}\nEND:VEVENT\n" for event in events)
    return f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//test//EN\n{extra}{body}END:VCALENDAR\n".replace("\n", "\r\n")


STANDUP = """
UID:standup
SUMMARY:Standup
DTSTART;TZID=Europe/Berlin:20260302T090000
DTEND;TZID=Europe/Berlin:20260302T093000
RRULE:FREQ=WEEKLY;BYDAY=MO,WE
EXDATE;TZID=Europe/Berlin:20260325T090000
"""
MOVED = """
UID:standup
RECURRENCE-ID;TZID=Europe/Berlin:20260330T090000
SUMMARY:Standup\\, later
DTSTART;TZID=Europe/Berlin:20260330T110000
DTEND;TZID=Europe/Berlin:20260330T113000
"""
CANCELLED = """
UID:standup
RECURRENCE-ID;TZID=Europe/Berlin:20260401T090000
SUMMARY:Standup
STATUS:CANCELLED
DTSTART;TZID=Europe/Berlin:20260401T090000
DTEND;TZID=Europe/Berlin:20260401T093000
"""
HOLIDAY = "UID:holiday\nSUMMARY:Holiday\nDTSTART;VALUE=DATE:20260327\nDTEND;VALUE=DATE:20260329\nTRANSP:TRANSPARENT"
LUNCH = "UID:lunch\nSUMMARY:Lunch\nDTSTART:20260326T120000\nDURATION:PT1H30M\nLOCATION:Canteen"
CALL = "UID:call\nSUMMARY:Call\nDTSTART:20260326T230000Z\nDTEND:20260327T010000Z"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    path = tmp_path / "work.ics"
    path.write_text(calendar(STANDUP, MOVED, CANCELLED, HOLIDAY, LUNCH, CALL), newline="")
    return path


def told(path: Path, days: tuple[date, date] = WEEK, zone: str = "Europe/Berlin") -> list[tuple[str, str, str]]:
    agenda = Diary({"work": str(path)}, zone).events(*days)
    assert agenda.problems == []
    return [(event["title"], event["start"], event["end"]) for event in agenda.events]


def test_what_is_on(work: Path) -> None:
    assert told(work) == [
        ("Standup", "2026-03-23T09:00:00+01:00", "2026-03-23T09:30:00+01:00"),
        ("Lunch", "2026-03-26T12:00:00+01:00", "2026-03-26T13:30:00+01:00"),
        ("Holiday", "2026-03-27", "2026-03-29"),
        ("Call", "2026-03-27T00:00:00+01:00", "2026-03-27T02:00:00+01:00"),
        ("Standup, later", "2026-03-30T11:00:00+02:00", "2026-03-30T11:30:00+02:00"),
    ]


def test_the_zone_decides_where_days_begin(work: Path) -> None:
    day = (date(2026, 3, 27), date(2026, 3, 27))
    assert [title for title, *_ in told(work, day)] == ["Holiday", "Call"]
    assert [title for title, *_ in told(work, day, "UTC")] == ["Call", "Holiday"]
    assert [title for title, *_ in told(work, day, "America/New_York")] == ["Holiday"]
    before = (date(2026, 3, 26), date(2026, 3, 26))
    assert [title for title, *_ in told(work, before, "America/New_York")] == ["Lunch", "Call"]
    assert [title for title, *_ in told(work, before)] == ["Lunch"]


def test_what_ends_as_the_days_begin_is_not_on_them(tmp_path: Path) -> None:
    path = tmp_path / "edges.ics"
    path.write_text(
        calendar(
            "UID:1\nSUMMARY:before\nDTSTART:20260310T230000Z\nDTEND:20260311T000000Z",
            "UID:2\nSUMMARY:into\nDTSTART:20260310T230000Z\nDTEND:20260311T000001Z",
            "UID:3\nSUMMARY:moment\nDTSTART:20260311T000000Z",
            "UID:4\nSUMMARY:long\nDTSTART;VALUE=DATE:20260101\nDTEND;VALUE=DATE:20261231",
            "UID:5\nSUMMARY:after\nDTSTART:20260312T000000Z\nDTEND:20260312T010000Z",
        )
    )
    assert [title for title, *_ in told(path, (date(2026, 3, 11), date(2026, 3, 11)), "UTC")] == [
        "long",
        "into",
        "moment",
    ]


def test_a_zone_of_the_file_itself(tmp_path: Path) -> None:
    zone = (
        "BEGIN:VTIMEZONE\nTZID:Our own\nBEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:+0300\nTZOFFSETTO:+0300\n"
        "END:STANDARD\nEND:VTIMEZONE\n"
    )
    path = tmp_path / "zone.ics"
    path.write_text(calendar("UID:1\nSUMMARY:x\nDTSTART;TZID=Our own:20260324T120000\nDURATION:PT1H", extra=zone))
    assert told(path, zone="UTC") == [("x", "2026-03-24T09:00:00+00:00", "2026-03-24T10:00:00+00:00")]


HOSTILE = {
    "every second since 1970": "DTSTART:19700101T000000Z\nDURATION:PT1S\nRRULE:FREQ=SECONDLY",
    "a day that never comes": "DTSTART:20260301T000000Z\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
    "never, by the second": "DTSTART:20260301T000000Z\nRRULE:FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30",
    "a count beyond counting": "DTSTART:19700101T000000Z\nRRULE:FREQ=MINUTELY;COUNT=99999999",
    "no date": "DTSTART:tomorrow",
    "no start": "DTEND:20260301T000000Z",
    "no rule": "DTSTART:20260301T000000Z\nRRULE:FREQ=SOMETIMES",
    "a zone that is a path": "DTSTART;TZID=../../etc/passwd:20260301T000000\nRRULE:FREQ=YEARLY;INTERVAL=0",
    "the end of time": "DTSTART:99991231T235959Z\nDURATION:P99999D",
}


def test_hostile_events_cost_themselves_only(tmp_path: Path) -> None:
    path = tmp_path / "hostile.ics"
    events = [f"UID:{n}\nSUMMARY:{name}\n{body}" for n, (name, body) in enumerate(HOSTILE.items())]
    path.write_text(calendar(*events, LUNCH))
    agenda = Diary({"work": str(path)}, "Europe/Berlin").events(*WEEK)
    assert "Lunch" in [event["title"] for event in agenda.events]
    problems = "\n".join(agenda.problems)
    for late in (
        "every second since 1970",
        "a day that never comes",
        "never, by the second",
        "a count beyond counting",
    ):
        assert f'calendar work: "{late}" is left out: when it happens takes too long to compute' in problems
    for broken in ("no date", "no start", "no rule"):
        assert f'calendar work: "{broken}" is left out: it cannot be read' in problems


def test_many_events_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expansion, "MOST_EVENTS", 10)
    data = calendar("UID:1\nSUMMARY:x\nDTSTART:20260324T000000Z\nDURATION:PT1M\nRRULE:FREQ=HOURLY", LUNCH).encode()
    start = datetime(2026, 3, 23, tzinfo=UTC)
    found = list(expansion.expand(data, start, start + timedelta(days=14), UTC))
    assert len(found) == 11
    assert found[-1] == "only 10 events were read; ask for a shorter time"


def test_a_calendar_that_takes_too_long_is_ended(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diary_module, "SECONDS", 0.001)
    agenda = Diary({"work": str(work)}).events(*WEEK)
    assert agenda.problems == ["calendar work: it could not be read to its end; it is too large or too involved"]


@pytest.mark.parametrize(
    "content",
    [
        b"<html>Please log in</html>",
        b"",
        b"\x00\xff" * 1_000,
        b"BEGIN:VCALENDAR\r\n" * 5_000,
        b"BEGIN:VCALENDAR\r\n" * 5_000 + b"END:VCALENDAR\r\n" * 4_999,
        calendar(LUNCH)[:-20].encode(),
    ],
    ids=["page", "empty", "bytes", "begun", "deep", "cut"],
)
def test_what_is_no_calendar_is_said(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd.ics"
    path.write_bytes(content)
    problem = "calendar odd: it is no calendar that can be read, or only the beginning of one"
    assert Diary({"odd": str(path)}).events(*WEEK).problems == [problem]


def test_nothing_is_imported_from_the_working_folder(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "icalendar.py").write_text("raise SystemExit('imported')")
    monkeypatch.chdir(tmp_path)
    assert Diary({"work": str(work)}).events(*WEEK).problems == []


@pytest.fixture
def address(work: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Of a server that has the calendar, and nothing else."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path.startswith("/work.ics")
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(work.read_bytes() if found else b"no")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_addresses_and_files_are_read_together(work: Path, address: str) -> None:
    calendars = {
        "mine": str(work),
        "shared": f"{address}/work.ics?key=secret",
        "lost": f"{address}/lost",
        "gone": "gone.ics",
    }
    agenda = Diary(calendars, "Europe/Berlin").events(*WEEK)
    assert [event["calendar"] for event in agenda.events[:2]] == ["mine", "shared"]
    assert len(agenda.events) == 10
    assert agenda.problems == [
        "calendar lost: request not accepted (HTTP 404)",
        "calendar gone: gone.ics cannot be read (No such file or directory)",
    ]


def test_there_is_no_such_zone() -> None:
    for zone in ("Nowhere", "../../etc/passwd", ""):
        with pytest.raises(CalendarError, match="one looks like Europe/Berlin"):
            Diary({}, zone)


def slots(busy: list[Span], first: date, last: date, hours: Hours, minutes: int) -> list[tuple[str, str]]:
    found = free(busy, first, last, hours, BERLIN, timedelta(minutes=minutes))
    return [(start.isoformat(timespec="minutes"), end.isoformat(timespec="minutes")) for start, end in found]


def test_the_day_the_clocks_change_has_its_own_length() -> None:
    sunday = date(2026, 3, 29)
    night = Hours(time(1), time(4), weekends=True)
    assert slots([], sunday, sunday, night, 120) == [("2026-03-29T01:00+01:00", "2026-03-29T04:00+02:00")]
    assert slots([], sunday, sunday, night, 121) == []
    assert slots([], sunday, sunday, Hours(time(1), time(4)), 5) == []
    autumn = date(2026, 10, 25)
    assert slots([], autumn, autumn, night, 240) == [("2026-10-25T01:00+02:00", "2026-10-25T04:00+01:00")]


MINUTES = st.integers(-600, 4 * 24 * 60)


@given(st.lists(st.tuples(MINUTES, st.integers(0, 900)), max_size=12), st.integers(5, 300), st.sampled_from([27, 22]))
def test_free_is_what_nobody_took_and_all_of_it(events: list[tuple[int, int]], minutes: int, day: int) -> None:
    """Against a calendar of single minutes."""
    first = date(2026, 3, day)
    zero = datetime.combine(first, time.min, BERLIN).astimezone(UTC)
    busy = [(zero + timedelta(minutes=at), zero + timedelta(minutes=at + length)) for at, length in events]
    hours, last = Hours(time(9), time(17), weekends=True), first + timedelta(days=2)
    found = list(free(busy, first, last, hours, BERLIN, timedelta(minutes=minutes)))
    ticks = [zero + timedelta(minutes=n) for n in range(4 * 24 * 60)]
    work = {tick for tick in ticks if 9 <= tick.astimezone(BERLIN).hour < 17 and tick.astimezone(BERLIN).date() <= last}
    open_ticks = work - {tick for tick in work for start, end in busy if start <= tick < end}
    runs, run = list[tuple[datetime, datetime]](), list[datetime]()
    for tick in [*ticks, ticks[-1] + timedelta(days=9)]:
        if tick in open_ticks:
            run.append(tick)
        elif run:
            runs.append((run[0], run[-1] + timedelta(minutes=1)))
            run = []
    cuts = {end for start, end in busy if start == end and start in work}
    if cuts:
        return  # an event of no length takes no minute, and ends a slot all the same
    assert found == [(start, end) for start, end in runs if end - start >= timedelta(minutes=minutes)]


class Suite(Subject):
    @pytest.fixture(autouse=True, params=[0, 1])
    def make(self, request: pytest.FixtureRequest, work: Path) -> None:
        days = {"start": "2026-03-23", "end": "2026-03-27"}
        self.made = calendar_tools(Diary({"work": str(work)}))[request.param], days


class TestUnit(Suite, ToolsUnitTests):
    pass


class TestIntegration(Suite, ToolsIntegrationTests):
    pass


def call(tool: BaseTool, **args: object) -> dict[str, Any]:
    return {"name": tool.name, "args": args, "id": "1", "type": "tool_call"}


def test_days_may_be_words_for_a_model_that_does_not_know_today(work: Path) -> None:
    events, free_slots = calendar_tools(Diary({"work": str(work)}, "Europe/Berlin"))
    for tool in (events, free_slots):
        found = tool.invoke({"start": "26 March 2026", "end": "March 27, 2026"})
        assert found.startswith("2026-03-26 to 2026-03-27: ")
        assert tool.invoke({"start": "next week", "end": "next week"})


async def test_what_a_model_is_shown(work: Path) -> None:
    events, free_slots = calendar_tools(Diary({"work": str(work), "lost": "lost.ics"}, "Europe/Berlin"))
    days = {"start": "2026-03-26", "end": "2026-03-27"}
    message = events.invoke(call(events, **days))
    assert (await events.ainvoke(call(events, **days))).content == message.content
    head, *lines, problem = message.content.split("\n")
    assert head == "2026-03-26 to 2026-03-27: 3 events; times in Europe/Berlin"
    assert json.loads(lines[0]) == {
        "start": "2026-03-26T12:00:00+01:00",
        "end": "2026-03-26T13:30:00+01:00",
        "title": "Lunch",
        "calendar": "work",
        "location": "Canteen",
    }
    assert json.loads(lines[1])["end"] == "2026-03-28"
    assert json.loads(lines[1])["busy"] is False
    assert problem == "Not read: calendar lost: lost.ics cannot be read (No such file or directory)"
    assert len(message.artifact) == 3
    found = free_slots.invoke(call(free_slots, **days, minutes=120))
    assert found.content.split("\n") == [
        "2026-03-26 to 2026-03-27: 3 free slots; times in Europe/Berlin",
        "2026-03-26T09:00+01:00 to 2026-03-26T12:00+01:00",
        "2026-03-26T13:30+01:00 to 2026-03-26T17:00+01:00",
        "2026-03-27T09:00+01:00 to 2026-03-27T17:00+01:00",
        "Caution: something could not be read, so a slot may not be free:",
        problem,
    ]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"start": "2026-03-27", "end": "2026-03-26"}, "end must be on or after start"),
        ({"start": "2026-03-27", "end": "2029-03-26"}, "less than 366 days later"),
        ({"start": "whenever", "end": "2026-03-26"}, "start: "),
        ({"start": "0001-01-01", "end": "0001-01-01"}, "between 1900 and 2200"),
        ({}, "start: Field required"),
    ],
)
def test_bad_arguments(wrong: dict[str, str], told: str) -> None:
    for tool in calendar_tools(Diary({})):
        answer = tool.invoke(call(tool, **wrong))
        assert answer.content.startswith("bad arguments: ")
        assert told in answer.content
