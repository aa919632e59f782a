"""Days that a text names: dates as people write them, weekdays, and words such as tomorrow or next week."""

import re
from datetime import date, timedelta

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
FORTNIGHT = "next 14 days"
_WORD = re.compile(
    r"\b(?:today|tonight|tomorrow|yesterday|(?:this|next) week|next 14 days|weekend|"
    rf"(?:next )?(?:{'|'.join(_WEEKDAYS)}))\b",
    re.IGNORECASE,
)


def written(text: str) -> list[str]:
    """The days as they are written, in order. Beside a date a weekday only says which day that is."""
    dates = [match for pattern in (_ISO, _DAY_MONTH, _MONTH_DAY) for match in pattern.finditer(text)]
    found = sorted(dates or list(_WORD.finditer(text)), key=lambda match: match.start())
    return [match[0] for match in found]


def span(text: str, today: date) -> tuple[date, date] | None:
    """The first and the last day that a text names; None if it names none. A date without a year is still to come."""
    days = [day for one in written(text) for day in _days(one, today)]
    return (min(days), max(days)) if days else None


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
    if word in {"today", "tonight"}:
        return [today]
    if word in {"tomorrow", "yesterday"}:
        return [today + timedelta(1 if word == "tomorrow" else -1)]
    if word.endswith("week"):
        return [today, sunday] if word.startswith("this") else [sunday + timedelta(1), sunday + timedelta(7)]
    if word == FORTNIGHT:
        return [today, today + timedelta(13)]
    if word == "weekend":
        return [max(today, sunday - timedelta(1)), sunday]
    first = today + timedelta(1) if word.startswith("next") else today
    return [first + timedelta((_WEEKDAYS.index(word.rsplit(maxsplit=1)[-1]) - first.weekday()) % 7)]
