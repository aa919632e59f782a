"""Fan-out and fan-in: every branch at once, each within its deadline; then one answer that says what is missing.

    begin -> one node a branch -> combine

How many branches have to find something is a policy. Branches that fail, hang or are not needed any more are part of
the answer, and so is what they disagree about. The ready graph is a briefing: web, database and calendars.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from langchain_core.language_models import BaseChatModel
from langgraph.graph import END, START, StateGraph
from langgraph.types import Overwrite

from threadloom.graphs.at_once import AtOnce
from threadloom.models.roles import Models, one_of, when_needed
from threadloom.nodes.branch import Branch, RunBranch
from threadloom.nodes.briefing import from_settings
from threadloom.nodes.combine import Compose, Resolver, combine, unresolved, written
from threadloom.nodes.race import Policy, Races, needed
from threadloom.state.parallel import ParallelInput, ParallelState

FanOut = StateGraph[ParallelState, None, Any, ParallelState]
"""Its input is a mapping that fits `ParallelInput`; the type is Any so that callers may write a plain dict."""


def build(
    *,
    model: BaseChatModel | None = None,
    models: Models | None = None,
    branches: Sequence[Branch] | None = None,
    policy: Policy = "best_effort",
    resolver: Resolver = unresolved,
    compose: Compose | None = None,
) -> FanOut:
    """Wire a fan-out. Compile it with a checkpointer of your choice to pause and resume runs.

    `branches` are those of a briefing as the settings have them, unless given. `policy` is how many have to find
    something. `resolver` decides what they disagree about, `compose` writes the answer: by default the writer of
    `models`, which `model` plays alone if it is given. Raises ValueError for what cannot work.
    """
    get_models = when_needed(one_of(model, models))
    branches = from_settings(get_models) if branches is None else list(branches)
    _check(branches)
    enough = needed(policy, len(branches))
    races, names = Races(len(branches), enough), [branch.name for branch in branches]
    graph: FanOut = AtOnce(ParallelState, input_schema=ParallelInput, tasks=len(branches))
    graph.add_node("begin", begin)
    graph.add_node("combine", combine(names, enough, races, resolver, compose or written(get_models)))
    graph.add_edge(START, "begin")
    for branch in branches:
        graph.add_node(branch.name, RunBranch(branch, races))
        graph.add_edge("begin", branch.name)
    graph.add_edge(names, "combine")
    graph.add_edge("combine", END)
    return graph


FRESH: dict[str, Any] = {
    **dict.fromkeys(("parts", "missing", "usage", "notes"), Overwrite({})),
    "conflicts": [],
    "unmet": "",
    "answer": "",
    "finished_at": None,
}
"""What a run begins with."""


def begin(state: ParallelState) -> dict[str, Any]:
    """Start a run without what an earlier one on the thread left; nothing else is written, since writes cost time."""
    return {"run": uuid4().hex, **{key: empty for key, empty in FRESH.items() if state.get(key)}}


def _check(branches: Sequence[Branch]) -> None:
    if not branches:
        raise ValueError("branches: none given")
    names = Counter(branch.name for branch in branches)
    if twice := [name for name, count in names.items() if count > 1]:
        raise ValueError(f"branches: several are called {', '.join(twice)}; each needs a name of its own")
    if reserved := sorted(names.keys() & {"", "begin", "combine", START, END}):
        raise ValueError(f"branches: {reserved[0]!r} cannot be the name of one")


graph: Any = build().compile(name="parallel")
