"""Which model was asked, and why that one: every call of a run's models leaves one of these in the state."""

from typing_extensions import TypedDict


class Choice(TypedDict):
    """Which model was asked at a node, and why that one."""

    node: str
    role: str
    model: str
    """Its id at the provider; after a fallback that of the one that answered."""
    reason: str
    """Why the role was asked; after a fallback also which models did not answer."""
