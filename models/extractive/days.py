"""Days that a text names: dates as people write them, weekdays, and words such as tomorrow or next week."""

import re
from datetime import date, timedelta

from threadloom.models.extractive.spelled import in_digits

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|"
    r"nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_NTH = r"(\d{1,2})(?:st|nd|rd|th)?\b"
_ISO = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b")
_DAY_MONTH = re.compile(rf"\b{_NTH}(?: of)? ({_MONTH})(?:,? (\d{{4}})\b)?", re.IGNORECASE)
_MONTH_DAY = re.compile(rf"\b({_MONTH}) {_NTH}(?:,? (\d{{4}})\b)?", re.IGNORECASE)
_IN_MONTH = re.compile(
    rf"\b(?:in|of|during|from|for) (?:({_MONTH})(?:,? (\d{{4}})\b)?(?!,? \d)|((?:19|20)\d\d)\b(?!-))", re.IGNORECASE
)
FORTNIGHT = "next 14 days"
_COUNT = r"(?:\d{1,2}|a|an|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
_WEEKDAY = rf"(?:{'|'.join(_WEEKDAYS)})"
_AWAY = rf"(?:{_COUNT} (?:day|week)s? (?:ago|from (?:now|today))|in {_COUNT} (?:day|week)s?|(?:last|this|next) week)"
_WORD = re.compile(
    r"\b(?:(?:day after )?tomorrow|(?:day before )?yesterday|today|tonight|weekend|"
    rf"{_AWAY}(?:,?(?: on)? {_WEEKDAY})?|{_WEEKDAY},? {_AWAY}|(?:last|past|next) {_COUNT} (?:day|week)s|"
    rf"(?:last|this|next) month|in {_MONTH}(?! \d)|(?:(?:last|next) )?{_WEEKDAY})\b",
    re.IGNORECASE,
)
_NEAR = {"day before yesterday": -2, "yesterday": -1, "today": 0, "tonight": 0, "tomorrow": 1, "day after tomorrow": 2}
_SIDES = ("last", "this", "next")


def written(text: str) -> list[str]:
    """The days as they are written, in order. Beside a date a weekday only says which day that is."""
    dates = [match for pattern in (_ISO, _DAY_MONTH, _MONTH_DAY) for match in pattern.finditer(text)]
    found = sorted(dates or list(_WORD.finditer(text)), key=lambda match: match.start())
    return [match[0] for match in found]


def span(text: str, today: date) -> tuple[date, date] | None:
    """The first and the last day that a text names; None if it names none. A date without a year is still to come."""
    days = [day for one in written(text) for day in _days(one, today)]
    return (min(days), max(days)) if days else None


def months(text: str) -> list[str]:
    """Months and years that a text names, as dates in them are written: "-10-" in any year, "2026-10-", "2026-"."""
    return [
        f"{found[2] or ''}-{_MONTHS.index(found[1][:3].lower()) + 1:02}-" if found[1] else f"{found[3]}-"
        for found in _IN_MONTH.finditer(text)
    ]


def _days(one: str, today: date) -> list[date]:
    if match := _ISO.fullmatch(one):
        return _dated(int(match[1]), int(match[2]), int(match[3]))
    if match := _DAY_MONTH.fullmatch(one):
        return _in_year(match[3], match[2], int(match[1]), today)
    if match := _MONTH_DAY.fullmatch(one):
        return _in_year(match[3], match[1], int(match[2]), today)
    return _named(one.lower(), today)


def _in_year(year: str | None, month: str, day: int, today: date) -> list[date]:
    number = _MONTHS.index(month[:3].lower()) + 1
    found = _dated(int(year) if year else today.year, number, day)
    return found if year or not found or found[0] >= today else _dated(today.year + 1, number, day)


def _dated(year: int, month: int, day: int) -> list[date]:
    try:
        return [date(year, month, day)]
    except ValueError:
        return []


def _named(word: str, today: date) -> list[date]:
    sunday = today + timedelta(6 - today.weekday())
    if word in _NEAR:
        return [today + timedelta(_NEAR[word])]
    if word == "weekend":
        return [max(today, sunday - timedelta(1)), sunday]
    if length := re.fullmatch(r"(last|past|next) (\S+) (day|week)s", word):
        far = _days_in(length[2], length[3]) - 1
        return [today, today + timedelta(far if length[1] == "next" else -far)]
    if away := re.search(r"(\S+) (day|week)s?\b", word):
        return _off(word, away[1], away[2], today)
    return _month(word, today) if "month" in word or word.startswith("in ") else [_weekday(word, today)]


def _off(word: str, count: str, unit: str, today: date) -> list[date]:
    """A day or a week so far off; of the week the weekday, if one is named."""
    far = 7 * (_SIDES.index(count) - 1) if count in _SIDES else _days_in(count, unit)
    day = today + timedelta(-far if "ago" in word else far)
    if unit == "day":
        return [day]
    monday = day - timedelta(day.weekday())
    if named := re.search(_WEEKDAY, word):
        return [monday + timedelta(_WEEKDAYS.index(named[0]))]
    return [max(monday, today) if count == "this" else monday, monday + timedelta(6)]


def _days_in(count: str, unit: str) -> int:
    return (1 if count in {"a", "an"} else int(in_digits(count))) * (7 if unit == "week" else 1)


def _month(word: str, today: date) -> list[date]:
    """All of a month; one that is named is still to come, or this one."""
    side, _, name = word.partition(" ")
    ahead = _SIDES.index(side) - 1 if side in _SIDES else (_MONTHS.index(name[:3]) + 1 - today.month) % 12
    first, after = (
        date(today.year + at // 12, at % 12 + 1, 1) for at in (today.month - 1 + ahead, today.month + ahead)
    )
    return [first, after - timedelta(1)]


def _weekday(word: str, today: date) -> date:
    side, day = word.partition(" ")[0], _WEEKDAYS.index(word.rpartition(" ")[2])
    if side == "last":
        return today - timedelta((today.weekday() - day - 1) % 7 + 1)
    first = today + timedelta(1) if side == "next" else today
    return first + timedelta((day - first.weekday()) % 7)
