"""What is known of one thing in a calendar."""

from typing_extensions import TypedDict


class Event(TypedDict):
    """One occurrence, as plain JSON."""

    calendar: str
    """The name of the calendar it is in."""
    title: str
    start: str
    end: str
    """ISO 8601 with offset; days without a time if it is `all_day`, the end being the day after the last."""
    all_day: bool
    busy: bool
    """Whether whoever has it cannot have another at that time."""
    location: str
