"""Year ranges in questions: "since 2015", "between 2010 and 2020", "in the last five years", "in the 1990s"."""

import re
from functools import partial
from typing import NamedTuple

_NUMBERS = {
    "a": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10,
    "fifteen": 15, "twenty": 20, "thirty": 30, "few": 3, "couple of": 2, "several": 5,
}  # fmt: skip
_COUNT = "|".join(_NUMBERS) + r"|\d{1,2}"
_YEAR = r"(?:1[89]|20)\d\d"
_WORK = r"(?:(?:published|written|done|from)\s+)?"
_UNIT = r"(?!\s*(?:[kcmn]?m|m?g|kg|K|ppm|[GMT]eV|[kMG]?Hz|%|°))"
_BETWEEN = re.compile(
    rf"\b{_WORK}(?:(?:between|from|in|during|over)\s+|\()?(?P<a>{_YEAR})\s*(?:-|–|—|to|and|until|"
    rf"through)\s*(?P<b>{_YEAR})\b{_UNIT}\)?",
    re.IGNORECASE,
)
_RELATIVE = re.compile(
    rf"\b{_WORK}(?:(?:in|over|during|within|from|for|of)\s+)?(?:the\s+)?(?:last|past|previous)\s+"
    rf"(?:(?P<n>{_COUNT})\s+)?(?P<unit>years?|decades?)\b",
    re.IGNORECASE,
)
_DECADE = re.compile(
    r"\b(?P<how>since|before|after|until|in|during|from|of)\s+the\s+(?:early |mid-?|late )?(?P<a>(?:1[89]|20)\d0)s\b",
    re.IGNORECASE,
)
_OPEN = re.compile(
    rf"\b{_WORK}(?P<how>since|after|from|before|until|till|prior to|up to|"
    rf"no later than)\s+(?:the year )?(?P<a>{_YEAR})\b"
    r"(?:\s+(?:onwards?|or later|on(?=\s*(?:[?.!,;]|$))|(?:until|to) (?:now|today|the present))\b)?"
    r"(?!\s+(?:[a-z]+\s+)?(?:crisis|war|election|reform|pandemic|earthquake))",
    re.IGNORECASE,
)
_EXACT = re.compile(
    r"\b(?:published\s+(?:in\s+)?|(?<=papers )(?:in|of)\s+|(?<=studies )(?:in|of)\s+|(?<=articles )(?:in|"
    rf"of)\s+)(?P<a>{_YEAR})\b",
    re.IGNORECASE,
)
_FIRST_LAST_YEAR = 1950
"""A range that ends earlier is what the question is about, not a limit on publications."""


class Years(NamedTuple):
    """A range of publication years, both ends included, and the question without the words that gave it."""

    first: int | None
    last: int | None
    rest: str


def years(question: str, today: int | None = None) -> Years:
    """The year range a question asks for; without `today`, the current year, "the last five years" says nothing.

    A year in the future ("warming by 2100") is the question's subject, not a limit on publications.
    """
    for pattern, read in (
        (_BETWEEN, _between),
        (_RELATIVE, partial(_relative, today=today)),
        (_DECADE, _decade),
        (_OPEN, _open),
        (_EXACT, _exact),
    ):
        match = pattern.search(question)
        if match and (bounds := read(match)) != (None, None):
            if not _plausible(bounds, today):
                continue
            rest = question[: match.start()].rstrip(" ,(") + " " + question[match.end() :].lstrip()
            return Years(*bounds, re.sub(r"\s+(?=[?.!,;])", "", rest).strip())
    return Years(None, None, question)


Bounds = tuple[int | None, int | None]


def _plausible(bounds: Bounds, today: int | None) -> bool:
    last = bounds[1]
    future = today is not None and any(year > today for year in bounds if year is not None)
    return not future and (last is None or last >= _FIRST_LAST_YEAR)


def _between(match: re.Match[str]) -> Bounds:
    first, last = sorted((int(match["a"]), int(match["b"])))
    return first, last


def _relative(match: re.Match[str], today: int | None) -> Bounds:
    if today is None:
        return None, None
    count = (match["n"] or "one").lower()
    span = int(count) if count.isdigit() else _NUMBERS[count]
    return today - span * (10 if match["unit"].lower().startswith("decade") else 1), None


def _decade(match: re.Match[str]) -> Bounds:
    start, how = int(match["a"]), match["how"].lower()
    if how in {"since", "from"}:
        return start, None
    if how == "after":
        return start + 10, None
    return (None, start - 1) if how in {"before", "until"} else (start, start + 9)


def _open(match: re.Match[str]) -> Bounds:
    year, how = int(match["a"]), match["how"].lower()
    if how in {"since", "from"}:
        return year, None
    if how == "after":
        return year + 1, None
    return None, year - 1 if how in {"before", "prior to"} else year


def _exact(match: re.Match[str]) -> Bounds:
    return int(match["a"]), int(match["a"])
