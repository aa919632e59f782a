"""What a graph that ends says of itself, so that its state need not be read again from the database."""

from typing import Any
from uuid import UUID

from langgraph.callbacks import GraphCallbackHandler, GraphInterruptEvent


class Conclusion(GraphCallbackHandler):
    """How one go at a run came to its end.

    Attributes:
        reached: whether the graph came to its end, with no question and no breakpoint before it.
        state: the values of its state then.
    """

    run_inline = True  # else LangChain sends every event of an event loop through a thread

    def __init__(self) -> None:
        self.state: Any = None
        self._ended = self._interrupted = False

    @property
    def reached(self) -> bool:
        """Whether nothing is left to do."""
        return self._ended and not self._interrupted

    def on_chain_end(self, outputs: Any, *, run_id: UUID, parent_run_id: UUID | None = None, **_: Any) -> None:  # noqa: ARG002  # LangChain's signature
        """A node ends, or the graph, which is nobody's child."""
        if parent_run_id is None:
            self.state, self._ended = outputs, True

    def on_interrupt(self, event: GraphInterruptEvent) -> None:  # noqa: ARG002  # LangGraph's signature
        """The graph pauses; those in it tell nothing."""
        self._interrupted = True
