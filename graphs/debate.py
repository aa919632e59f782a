"""A debate about a contested question: several propose, criticise and vote; a resolver decides, dissent is kept.

    plan -> search (one branch a source) -> merge -> rank -> open -> propose (one branch a debater)
         -> compare -> vote (one branch a debater) -> resolve

Papers are found as in the research graph. A claim counts as evidence only if its words are in one of them.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, Literal

from langchain_core.language_models import BaseChatModel
from langgraph.graph import END, START, StateGraph
from langgraph.types import Overwrite

from threadloom.models.chain import ModelAnswerError
from threadloom.models.roles import Models, one_of, when_needed
from threadloom.nodes.begin import check_budget, require_prices
from threadloom.nodes.debate import Debater, aloud, propose, remaining, turns, vote
from threadloom.nodes.merge import merge
from threadloom.nodes.minutes import minutes
from threadloom.nodes.node import Node
from threadloom.nodes.plan import plan_question
from threadloom.nodes.rank import rank
from threadloom.nodes.resolve import Resolver, by_evidence, by_judge, judged, majority
from threadloom.nodes.search import search_source, to_sources
from threadloom.nodes.team import check_names
from threadloom.nodes.within import TooSlowError
from threadloom.state.blackboard import conflicts, note
from threadloom.state.budget import Limits, Stopwatch, calls_left, checked, narrower, shares, standing
from threadloom.state.debate import Ballot, DebateInput, DebateState, Proposal, Resolution
from threadloom.state.reducers import lean, total_usage
from threadloom.tools.papers.catalogue import configured
from threadloom.tools.papers.source import PaperSource
from threadloom.tools.settings import load_source_settings

Debate = StateGraph[DebateState, None, Any, DebateState]
"""Its input is a mapping that fits `DebateInput`; the type is Any so that callers may write a plain dict."""

DEBATERS = (
    Debater("advocate", "make the best case that the answer is yes, as far as the evidence goes."),
    Debater("sceptic", "make the best case against it: limits, counter-examples, what was not shown."),
    Debater("arbiter", "weigh what holds, for whom and under which conditions."),
)

BUDGET = Limits(model_calls=40, steps=60, seconds=900)


def build(
    *,
    model: BaseChatModel | None = None,
    models: Models | None = None,
    sources: Sequence[PaperSource] | None = None,
    debaters: Sequence[Debater] = DEBATERS,
    resolver: Resolver | Literal["judge"] = majority,
    budget: Limits = BUDGET,
) -> Debate:
    """Wire a debate. Compile it with a checkpointer of your choice to pause and resume runs.

    `model` plays every role, or `models` has the debaters' roles, planner and judge; `sources` are searched for papers;
    both come from the settings unless given. `resolver` decides: `majority`, `weighted(…)`, `by_evidence`, one of
    yours, or "judge", a model in the role of that name. Where nobody votes, evidence decides. `budget` is for all of
    them together; who gets nothing of it proposes by extraction and does not vote. Raises ValueError for what cannot
    work.
    """
    known, judge = one_of(model, models), resolver == "judge"
    get_models = when_needed(known)
    _check(debaters)
    roles = ["planner", *(one.role for one in debaters), *(["judge"] if judge else [])]
    check_budget(budget, known, roles)
    get_sources = cache(lambda: configured(load_source_settings()) if sources is None else list(sources))
    plan = plan_question(get_models, get_sources, rest=lambda state: state["limits"])
    graph: Debate = StateGraph(DebateState, input_schema=DebateInput)
    graph.add_node("plan", within_limits(plan, budget, get_models, roles))
    graph.add_node("search", counted(search_source(get_sources, cache(lambda: load_source_settings().deadline))))
    graph.add_node("merge", merge)
    graph.add_node("rank", rank)
    graph.add_node("open", opened(len(debaters)))
    graph.add_node("propose", counted(aloud(propose(get_models, debaters), "propose")))
    graph.add_node("compare", compare(len(debaters), judge=judge))
    graph.add_node("vote", counted(aloud(vote(get_models, debaters), "vote")))
    graph.add_node("resolve", counted(resolve(get_models, resolver)))

    graph.add_edge(START, "plan")
    graph.add_conditional_edges("plan", to_sources("search", otherwise="merge"), ["search", "merge"])
    graph.add_edge("search", "merge")
    graph.add_edge("merge", "rank")
    graph.add_edge("rank", "open")
    graph.add_conditional_edges("open", turns(debaters, "propose"), ["propose"])
    graph.add_edge("propose", "compare")
    graph.add_conditional_edges("compare", turns(debaters, "vote", judge=judge), ["vote"])
    graph.add_edge("vote", "resolve")
    graph.add_edge("resolve", END)
    return graph


def _check(debaters: Sequence[Debater]) -> None:
    check_names([one.name for one in debaters], "debaters")
    if len(debaters) < 2:
        raise ValueError("debaters: only one given; a debate takes two")


def within_limits(
    plan: Node[Any], budget: Limits, models: Callable[[], Models], roles: Sequence[str]
) -> Node[DebateState]:
    """Node factory: the first node of a run, on a budget that begins with it. Raises ValueError on one that is none."""

    def node(state: DebateState) -> dict[str, Any]:
        limits = narrower(budget, checked(state.get("budget") or {}, least=0))
        if "usd" in limits:
            require_prices(models(), roles)
        update = counted(plan)({**state, "limits": limits})
        return lean(state, {**update, "limits": limits, "work": Overwrite(update["work"]), "stopped": ""})

    return node


def counted(node: Node[Any]) -> Node[Any]:
    """Node factory: the node, with the time that it took and the calls that it made as its work."""

    def run(state: Any) -> dict[str, Any]:
        watch, update = Stopwatch(), node(state)
        usage = update.get("usage", {})
        calls = total_usage(usage.value if isinstance(usage, Overwrite) else usage)["calls"]
        return {**update, "work": watch.work(calls)}

    return run


def opened(speakers: int) -> Node[DebateState]:
    """Node factory: forgets what an earlier debate of the thread left."""

    def node(state: DebateState) -> dict[str, Any]:
        fresh = {"proposals": Overwrite({}), "ballots": Overwrite({}), "board": Overwrite({}), "conflicts": []}
        return lean(state, {**fresh, **_short(state, speakers)})

    return node


def compare(speakers: int, *, judge: bool) -> Node[DebateState]:
    """Node factory: records in what the proposals contradict each other; all of them are there by now."""

    def node(state: DebateState) -> dict[str, Any]:
        return {"conflicts": conflicts(state["board"]), **_short(state, speakers, judge=judge)}

    return node


def _short(state: DebateState, speakers: int, *, judge: bool = False) -> dict[str, Any]:
    """Why the coming round cannot be paid for; nothing if it can, or if that was said already."""
    limits, rest = state.get("limits", {}), remaining(state, judge=judge)
    if state.get("stopped") or calls_left(shares(rest, speakers)[-1]) != 0:
        return {}
    reason = standing(limits, state.get("usage", {}), state.get("work")).reason or "the budget is nearly used up"
    return {"stopped": reason, "notes": {"budget": f"{reason}: not everybody could speak"}}


def resolve(models: Callable[[], Models], resolver: Resolver | Literal["judge"]) -> Node[DebateState]:
    """Node factory: decides, and writes the answer with what speaks against it."""

    def decide(state: DebateState) -> dict[str, Any]:
        proposals, ballots = list(state["proposals"].values()), list(state["ballots"].values())
        update: dict[str, Any] = {"finished_at": datetime.now(UTC).isoformat()}
        if not proposals:
            none = Resolution(
                choice="", method="none", tally={}, tie_break="", dissent=[], reason="nobody had an answer"
            )
            return {**update, "resolution": none, "markdown": minutes(state, none, [], [])}
        how, spent = _how(models(), resolver, state, proposals, ballots)
        made = how(proposals, ballots)
        board = note(state["board"], "answer", made["choice"], state["proposals"][made["choice"]]["answer"])
        return {
            **update,
            **spent,
            "resolution": made,
            "board": board,
            "markdown": minutes(state, made, proposals, ballots),
        }

    return decide


def _how(
    models: Models,
    resolver: Resolver | Literal["judge"],
    state: DebateState,
    proposals: Sequence[Proposal],
    ballots: Sequence[Ballot],
) -> tuple[Resolver, dict[str, Any]]:
    """The resolver to use, with what asking a judge cost: evidence where there is no judge and nobody voted."""
    if resolver != "judge":
        return (resolver if ballots else by_evidence), {}
    if models.is_extractive("judge"):
        return by_evidence, {"notes": {"judge": "no judge: judging takes a language model; evidence decided"}}
    try:
        answer = judged(models, "judge", state["question"], proposals, remaining(state))
    except (ModelAnswerError, TooSlowError) as error:
        spent = error.usage if isinstance(error, ModelAnswerError) else {}
        return by_evidence, {"usage": spent, "notes": {"judge": f"no judgement: {error}; evidence decided"}}
    return by_judge(answer.value), {"usage": answer.usage, "choices": [answer.choice("judge")]}


graph: Any = build().compile(name="debate")
