"""A question to the database apart from what is made of the answer, so that several can be on their way at once."""

from collections.abc import Callable, Generator, Mapping
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import bindparam

T = TypeVar("T")


class Query(NamedTuple):
    """The prepared select that `make(tables, *arguments)` returns, and the values of its parameters."""

    make: Callable[..., Any]
    values: Mapping[str, Any]
    arguments: tuple[Any, ...] = ()


# What wants to know one thing, if any: it yields a query, is sent the rows, and returns what follows from them.
Inquiry = Generator[Query, list[Any], T]


def at(table: Any, place: tuple[str, str]) -> tuple[Any, Any]:
    """Conditions on the rows of a table: those of a thread and a namespace."""
    thread_id, ns = place
    return table.c.thread_id == thread_id, table.c.ns == ns


def named(table: Any, *names: str) -> list[Any]:
    """Conditions on columns, each equal to the parameter of its name."""
    return [table.c[name] == bindparam(name) for name in names]


def concluded(inquiry: Inquiry[T], rows: list[Any]) -> T:
    """What an inquiry that has asked returns."""
    try:
        inquiry.send(rows)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    raise AssertionError("an inquiry asks once")
