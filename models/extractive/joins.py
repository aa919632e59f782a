"""Tables as a description gives them, and a query that reads one with the words of the rows its foreign keys lead to.

A row of orders has a customer's number: who asks what Ann spent needs the orders with Ann's name in them.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

_TABLE = re.compile(r"^(?:table|view) (.+)$", re.MULTILINE)
_COLUMN = re.compile(
    r"^  (?!e\.g\.|\()(?P<name>\S+) (?P<kind>[A-Z]+(?: [A-Z]+)*)(?:\([\d, ]+\))?(?: COLLATE \S+)?(?: not null)?"
    r"(?P<key> primary key)?(?: -> (?P<table>.+)\.(?P<column>\S+))?$",
    re.MULTILINE,
)
"""A column whose name has spaces is none: where it ends cannot be told."""
OF = " of "
"""Between a word's column and that which leads to it, in the name of both."""
_WORDS = re.compile(r"TEXT|CHAR|STRING|ENUM")


class Link(NamedTuple):
    """A column that leads to the rows of another table."""

    column: str
    table: str
    key: str
    words: list[str]
    """The other table's columns of text."""


def bodies(description: str) -> dict[str, str]:
    """What is said of each table."""
    marks = list(_TABLE.finditer(description))
    ends = [*(mark.start() for mark in marks[1:]), len(description)]
    return {mark[1]: description[mark.end() : end] for mark, end in zip(marks, ends, strict=False)}


def links(name: str, tables: dict[str, str]) -> list[Link]:
    """Where the foreign keys of a table lead: to the whole key of a table that is described, so to one row at most."""
    schema = name.rpartition(".")[0]
    found = []
    for column in _COLUMN.finditer(tables.get(name, "")):
        other = f"{schema}.{column['table']}" if schema else str(column["table"])
        columns = list(_COLUMN.finditer(tables.get(other, "")))
        keys = [one["name"] for one in columns if one["key"]]
        words = [one["name"] for one in columns if _WORDS.search(one["kind"]) and one["name"] not in keys]
        if keys == [column["column"]] and words:
            found.append(Link(column["name"], other, keys[0], words))
    return found


def referring(name: str, tables: dict[str, str]) -> list[str]:
    """The tables whose foreign keys lead to this one."""
    return [one for one in tables if one != name and any(link.table == name for link in links(one, tables))]


def select(name: str, tables: dict[str, str], quote: Callable[[str], str]) -> str:
    """A SELECT of all of a table, and of the words that its foreign keys lead to, called "name of customer_id"."""

    def quoted(table: str) -> str:
        return ".".join(map(quote, table.split(".")))

    if not (found := list(enumerate(links(name, tables)))):
        return f"SELECT * FROM {quoted(name)}"  # noqa: S608 - quoted
    words = [f"r{at}.{quote(one)} AS {quote(f'{one}{OF}{link.column}')}" for at, link in found for one in link.words]
    joins = [
        f" LEFT JOIN {quoted(link.table)} AS r{at} ON r{at}.{quote(link.key)} = t.{quote(link.column)}"
        for at, link in found
    ]
    return f"SELECT t.*, {', '.join(words)} FROM {quoted(name)} AS t{''.join(joins)}"  # noqa: S608 - quoted
