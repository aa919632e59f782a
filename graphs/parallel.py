"""Fan-out and fan-in: every branch at once, each within its deadline; then one answer that says what is missing.

    begin -> one node a branch -> combine

How many branches have to find something is a policy. Branches that fail, hang or are not needed any more are part of
the answer, and so is what they disagree about. The ready graph is a briefing: web, database and calendars.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

from langchain_core.language_models import BaseChatModel
from langgraph.graph import END, START, StateGraph
from langgraph.types import Overwrite

from threadloom.graphs.at_once import AtOnce
from threadloom.models.roles import Models, one_of, when_needed
from threadloom.nodes.begin import check_budget, require_prices
from threadloom.nodes.branch import Branch, RunBranch
from threadloom.nodes.briefing import from_settings
from threadloom.nodes.combine import ROLE, Compose, Resolver, combine, unlimited, unresolved, written
from threadloom.nodes.node import Node
from threadloom.nodes.race import Policy, Races, needed
from threadloom.state.budget import Limits, after_answer, checked, left, narrower, no_work, shares
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
    budget: Limits | None = None,
) -> FanOut:
    """Wire a fan-out. Compile it with a checkpointer of your choice to pause and resume runs.

    `branches` are those of a briefing as the settings have them, unless given. `policy` is how many have to find
    something. `resolver` decides what they disagree about, `compose` writes the answer: by default the writer of
    `models`, which `model` plays alone if it is given. `budget` limits each run, by default nothing does: branches that
    ask models get equal shares of it beforehand, beside the answer. Raises ValueError for what cannot work.
    """
    known = one_of(model, models)
    get_models = when_needed(known)
    branches = from_settings(get_models) if branches is None else list(branches)
    _check(branches)
    roles = sorted({*(branch.role for branch in branches), *([] if compose else [ROLE])} - {""})
    check_budget(budget or Limits(), known, roles)
    asking = [branch.name for branch in branches if branch.role]
    enough = needed(policy, len(branches))
    races, names = Races(len(branches), enough), [branch.name for branch in branches]
    graph: FanOut = AtOnce(ParallelState, input_schema=ParallelInput, tasks=len(branches))
    graph.add_node("begin", begin(budget or Limits(), get_models, roles))
    writer = unlimited(compose) if compose else written(get_models)
    graph.add_node("combine", combine(names, enough, races, resolver, writer))
    graph.add_edge(START, "begin")
    for branch in branches:
        graph.add_node(branch.name, RunBranch(branch, races, share_of(branch.name, asking, writes=compose is None)))
        graph.add_edge("begin", branch.name)
    graph.add_edge(names, "combine")
    graph.add_edge("combine", END)
    return graph


FRESH: dict[str, Any] = {
    **dict.fromkeys(("parts", "missing", "usage", "notes"), Overwrite({})),
    "choices": Overwrite([]),
    "work": Overwrite(no_work()),
    "limits": {},
    "conflicts": [],
    "unmet": "",
    "answer": "",
    "finished_at": None,
}
"""What a run begins with."""


def begin(budget: Limits, models: Callable[[], Models], roles: Sequence[str]) -> Node[ParallelState]:
    """Node factory: a run begins without what an earlier one on the thread left; no more is written: writes cost time.

    The node raises pydantic.ValidationError on bad input, ValueError on a budget in dollars while a price is not known.
    """

    def start(state: ParallelState) -> dict[str, Any]:
        ParallelInput.model_validate({key: state[key] for key in ParallelInput.model_fields if key in state})  # type: ignore[literal-required]  # keys of both
        limits = narrower(budget, checked(state.get("budget") or {}, least=0))
        if "usd" in limits:
            require_prices(models(), roles)
        fresh = {key: empty for key, empty in FRESH.items() if state.get(key)}
        return {"run": uuid4().hex, **fresh, **({"limits": limits} if limits else {})}

    return start


def share_of(name: str, asking: Sequence[str], *, writes: bool) -> Callable[[ParallelState], Limits]:
    """What a branch may spend of what those that ask models share, beside the answer if the writer `writes` that.

    All begin with the same state, also after a crash: each has the same share then, and together no more than all.
    """
    at = asking.index(name) if name in asking else 0  # one that asks none minds the seconds, which are undivided

    def part(state: ParallelState) -> Limits:
        rest = left(state.get("limits", {}), state["usage"], state.get("work"))
        return shares(after_answer(rest) if writes else rest, max(len(asking), 1))[at]

    return part


def _check(branches: Sequence[Branch]) -> None:
    if not branches:
        raise ValueError("branches: none given")
    names = Counter(branch.name for branch in branches)
    if twice := [name for name, count in names.items() if count > 1]:
        raise ValueError(f"branches: several are called {', '.join(twice)}; each needs a name of its own")
    if reserved := sorted(names.keys() & {"", "begin", "combine", START, END}):
        raise ValueError(f"branches: {reserved[0]!r} cannot be the name of one")


graph: Any = build().compile(name="parallel")
