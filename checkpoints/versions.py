"""Channel versions in the form the official savers write."""

import random


def next_version(current: str | float | None) -> str:
    """The version after `current`: a zero-padded counter, a dot and a random part.

    The LangGraph server always writes this form, so threads stay readable on both sides; numbers left by other savers
    are counted on. The random part tells apart what two forks of one checkpoint write.
    """
    # str() of a float such as 3.0 starts with its whole part, as the string form does.
    counter = 0 if current in (None, "") else int(str(current).split(".", maxsplit=1)[0])
    return f"{counter + 1:032}.{random.random():016}"  # noqa: S311  # tells forks apart, guards nothing
