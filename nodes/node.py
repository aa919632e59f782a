"""What a node is to the type checker: LangGraph names its argument, which a plain `Callable` does not."""

from typing import Any, Protocol, TypeVar

S_contra = TypeVar("S_contra", contravariant=True)


class Node(Protocol[S_contra]):
    """From the state, or from what a `Send` carries, to an update of the state."""

    def __call__(self, state: S_contra) -> dict[str, Any]:
        """Do the node's work."""
        ...
