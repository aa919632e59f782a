"""Rows of a database read by words alone: the table that a question is about, and those of its rows that fit."""

import re
from collections.abc import Mapping, Sequence
from json import loads
from typing import Any, NamedTuple

from threadloom.models.extractive import joins
from threadloom.models.extractive.calls import CLAUSE
from threadloom.models.extractive.days import months, written
from threadloom.models.extractive.negation import lacking, refused
from threadloom.models.extractive.text import fold, is_stop, terms, words

MOST_SHOWN = 20
_AMOUNT = re.compile(
    r"\b(?:how (?:much|many)|totals?|sum|altogether|averages?|mean|most|least|fewest|(?:big|small|larg|high|low|heavi|"
    r"light)est)\b",
    re.IGNORECASE,
)
_BELONGING = re.compile(rf"{_AMOUNT.pattern}|\bwho\b", re.IGNORECASE)
_CHANGES = re.compile(
    r"^\W*(?:(?:please|kindly|now|can you|could you|would you),? ){0,2}(?:delete|remove|drop|clear|wipe|erase|purge|"
    r"truncate|insert|add(?! up)|update(?! (?:on|about|me))|change(?! in)|set|mark|rename|create|cancel|reschedule|"
    r"assign|increase(?! in)|decrease(?! in)|raise|lower|reset|approve|replace|correct)\b",
    re.IGNORECASE,
)
UNCHANGED = "Nothing was changed: databases and calendars are only read."
_EARLIER = re.compile(r"\b(?:before|until|earlier than)\s+(?:the )?(\d{4}-\d\d-\d\d)\b", re.IGNORECASE)
_LATER = re.compile(r"\b(?:after|since|later than)\s+(?:the )?(\d{4}-\d\d-\d\d)\b", re.IGNORECASE)


class Picked(NamedTuple):
    """Which rows fit, and what is to be said of them."""

    rows: list[int]
    remark: str


def pick(question: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], name: str = "") -> Picked:
    """The rows that have every word of the question that stands in any row; all if none does.

    Where no row has them all, those that have most, and the remark says so; of a name that is nowhere it says so too,
    and of that alone there is none. Days count as words, "before" or "after" one as what is earlier or later, and
    "in October" as what has a day in it, where any row has days; what stands behind "not", "except" and the like is
    left out.
    """
    bodies = [_stems(" ".join(map(str, row))) | _dates(row) for row in rows]
    there: set[str] = set().union(*bodies) if bodies else set()
    told, barred = _stems(" ".join([name, *columns])), refused(question)
    values = {stem for row in rows for cell in row if isinstance(cell, str) for stem in _stems(cell)}
    named = told - (values - _stems(name))  # a column's name that is a value as well is asked for as a value
    asked = ((_stems(question) | set(written(question))) & there) - named - barred
    if limits := [*_EARLIER.findall(question), *_LATER.findall(question)]:
        asked -= set(limits)
    left = lacking(barred, columns, rows, bodies)
    when = _months(question, told | there) if any(map(_dates, rows)) else []
    inside = [at for at, row in enumerate(rows) if at in left and _between(row, question) and _within(row, when)]
    full = [at for at in inside if asked <= bodies[at]]
    unknown = [one for one in _names(question) if not _stems(one) <= there | told]
    missing = f"No row has {', '.join(unknown)}." if unknown else ""
    if unknown and not asked:
        return Picked([], missing)
    if not inside:
        return Picked([], f"No row is {' and '.join(_sides(question))}." if limits else "No row fits.")
    if full:
        return Picked(full, missing)
    best = max(len(asked & bodies[at]) for at in inside)
    shown = [word for word in words(question) if _stems(word) & asked]
    remark = " ".join(filter(None, [missing, f"No row has all of: {', '.join(shown)}."]))
    return Picked([at for at in inside if len(asked & bodies[at]) == best], remark)


def amounts(question: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """Where a question is about amounts: total, least, most and average of the columns of numbers that are no keys."""
    if not _AMOUNT.search(question) or len(rows) < 2:
        return []
    asked, found = _stems(question), []
    keys = {column.rpartition(joins.OF)[2] for column in columns if joins.OF in column}
    for at, column in enumerate(columns):
        values = [row[at] for row in rows]
        if (
            column in keys
            or re.search(r"(?:^|_)id$", column)
            or not all(isinstance(one, (int, float)) for one in values)
        ):
            continue
        mean = round(sum(values) / len(values), 2)
        line = f"{column}: {sum(values):g} in total, {min(values):g} to {max(values):g}, {mean:g} on average"
        found.append((bool(_stems(column) & asked), line))
    named = [line for hit, line in found if hit]
    return named or [line for _, line in found]


def unchanged(request: str) -> str:
    """What to say first to who asks for a change, before what is there is shown; empty for any other request."""
    return UNCHANGED if _CHANGES.match(request) else ""


class Table(NamedTuple):
    """Which table a question is about, how plainly (2 by its name, 1 by what is in it), and how many were described."""

    name: str
    plain: int
    there: int


def table(question: str, description: str) -> Table:
    """Of the tables described the one that a question is about; without a name where it is about none."""
    tables = joins.bodies(description)
    asked, best = _stems(question), ("", 0, 0)
    for name, body in tables.items():
        named, held = asked & _stems(name), asked & _stems(body)
        size = 2 * len(named) + len(held - named)
        if size > best[2]:
            best = (name, 2 if named else 1, size)
    meant = [best[0], *also(question, best[0], tables)] if best[1] == 1 else [best[0]]
    return Table(meant[-1], best[1], len(tables))


def also(question: str, name: str, tables: dict[str, str]) -> list[str]:
    """The tables whose rows belong to those of one that a question names no more than by a value.

    Who asks how much somebody spent names no orders, only whose they are.
    """
    named = _stems(question) & _stems(name)
    return joins.referring(name, tables) if not named and _BELONGING.search(question) else []


def statement(name: str, tool: Mapping[str, Any], description: str) -> str:
    """A SELECT of all of a table, quoted as the tool's database does, with the words that its keys lead to."""
    quote = "`" if re.search(r"mysql|mariadb", str(tool.get("description", "")), re.IGNORECASE) else '"'
    return joins.select(name, joins.bodies(description), lambda part: f"{quote}{part.replace(quote, 2 * quote)}{quote}")


def told(question: str, name: str, result: str) -> str:
    """What the rows of a table, as lines of JSON, say on a question; empty if they are none."""
    lines = [line for line in result.splitlines() if line.startswith("[") and line.endswith("]")]
    try:
        columns, *rows = [loads(line) for line in lines if not re.match(r"\[(?:only|no) ", line)]
    except ValueError:
        return ""
    if not all(isinstance(one, str) for one in columns) or any(len(row) != len(columns) for row in rows):
        return ""
    chosen, remark = pick(question, columns, rows, name)
    near = [rows[at] for at in chosen]
    cut = "" if len(lines) == len(rows) + 1 else ", of those that were read"
    head = " ".join(filter(None, [remark, f"{name}: {len(near)} of {len(rows)} rows{cut}."]))
    shown = [", ".join(f"{column}: {cell}" for column, cell in zip(columns, row, strict=True)) for row in near]
    more = [f"- … and {len(near) - MOST_SHOWN} more"] if len(near) > MOST_SHOWN else []
    facts = amounts(question, columns, near)
    return "\n".join([head, *facts, *(["", *(f"- {one}" for one in shown[:MOST_SHOWN])] if near else []), *more])


def agenda(question: str, result: str) -> str:
    """Of a calendar's answer, its events lines of JSON, those that the question names, or all if it names none."""
    head, *lines = result.splitlines() or [""]
    near = [line for line in lines if line.startswith("{") and _stems(line) & _stems(question)]
    return "\n".join([head, *map(_event, (near or lines)[:MOST_SHOWN])])


def _event(line: str) -> str:
    try:
        one = loads(line)
        place = f", {one['location']}" if one.get("location") else ""
        when = one["start"] if one["start"] == one["end"] else f"{one['start'][:16]} to {one['end'][:16]}"
        return f"- {when.replace('T', ' ')}: {one['title']}{place}"
    except (ValueError, TypeError, KeyError):  # a note, or another tool's line
        return line


def _stems(text: str) -> set[str]:
    return set(terms(text.replace("_", " ")))


def _dates(row: Sequence[Any]) -> set[str]:
    return {cell[:10] for cell in row if isinstance(cell, str) and written(cell[:10]) == [cell[:10]]}


def _between(row: Sequence[Any], question: str) -> bool:
    """Whether the days of a row are before and after those that the question says; a row without days is not."""
    days = _dates(row)
    early, late = _EARLIER.findall(question), _LATER.findall(question)
    return all(any(day < one for day in days) for one in early) and all(any(day > one for day in days) for one in late)


def _months(question: str, known: set[str]) -> list[str]:
    """The months of the parts of a question that have to do with a table: others are about a calendar."""
    return [month for part in CLAUSE.split(question) if _stems(part) & known for month in months(part)]


def _within(row: Sequence[Any], asked: Sequence[str]) -> bool:
    return not asked or any(month in day for month in asked for day in _dates(row))


def _sides(question: str) -> list[str]:
    return [
        *(f"before {one}" for one in _EARLIER.findall(question)),
        *(f"after {one}" for one in _LATER.findall(question)),
    ]


def _names(question: str) -> list[str]:
    """Words with a capital letter that do not begin a sentence."""
    found = re.findall(r"(?<=[\w,;] )[A-Z][\w-]+", question)
    return [one for one in found if not is_stop(fold(one)) and not written(f"{one} 1") and terms(one)]
