"""A graph that is compiled so that all its parallel tasks run at once."""

from typing import Any, TypeVar

from langgraph.graph import StateGraph
from langgraph.graph.state import CompiledStateGraph

S = TypeVar("S", bound=Any)
CALLS = 64
"""Calls of one message that an agent's graph carries out at once; of more the rest wait their turn."""


class AtOnce(StateGraph[S, None, Any, S]):
    """`invoke` runs cores + 4 tasks at once unless `max_concurrency` says more: 50 branches would take their turns."""

    def __init__(self, state: type[S], *, input_schema: Any, tasks: int = CALLS) -> None:
        super().__init__(state, input_schema=input_schema)
        self._at_once = tasks + 4  # LangGraph stores results through the same threads

    def compile(self, *args: Any, **options: Any) -> CompiledStateGraph[S, None, Any, S]:
        """As any StateGraph; a `max_concurrency` of the run's config still holds."""
        return super().compile(*args, **options).with_config(max_concurrency=self._at_once)
