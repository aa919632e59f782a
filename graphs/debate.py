"""A debate about a contested question: several propose, criticise and vote; a resolver decides, dissent is kept.

    plan -> search (one branch a source) -> merge -> rank -> open -> propose (one branch a debater)
         -> compare -> vote (one branch a debater) -> resolve

Papers are found as in the research graph. A claim counts as evidence only if its words are in one of them.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, Literal

from langgraph.graph import END, START, StateGraph
from langgraph.types import Overwrite

from threadloom.models.chain import ModelAnswerError
from threadloom.models.roles import Models, load_models
from threadloom.nodes.debate import Debater, propose, turns, vote
from threadloom.nodes.merge import merge
from threadloom.nodes.minutes import minutes
from threadloom.nodes.node import Node
from threadloom.nodes.plan import plan_question
from threadloom.nodes.rank import rank
from threadloom.nodes.resolve import Resolver, by_evidence, by_judge, judged, majority
from threadloom.nodes.search import search_source, to_sources
from threadloom.nodes.team import check_names
from threadloom.state.blackboard import conflicts, note
from threadloom.state.debate import Ballot, DebateState, Proposal, Resolution
from threadloom.state.research import ResearchInput
from threadloom.tools.papers.catalogue import configured
from threadloom.tools.papers.source import PaperSource
from threadloom.tools.settings import load_source_settings

Debate = StateGraph[DebateState, None, Any, DebateState]
"""Its input is a mapping that fits `ResearchInput`; the type is Any so that callers may write a plain dict."""

DEBATERS = (
    Debater("advocate", "make the best case that the answer is yes, as far as the evidence goes."),
    Debater("sceptic", "make the best case against it: limits, counter-examples, what was not shown."),
    Debater("arbiter", "weigh what holds, for whom and under which conditions."),
)


def build(
    *,
    models: Models | None = None,
    sources: Sequence[PaperSource] | None = None,
    debaters: Sequence[Debater] = DEBATERS,
    resolver: Resolver | Literal["judge"] = majority,
) -> Debate:
    """Wire a debate. Compile it with a checkpointer of your choice to pause and resume runs.

    `models` has the debaters' roles, planner and judge; `sources` are searched for papers; both come from the settings
    unless given. `resolver` decides: `majority`, `weighted(…)`, `by_evidence`, one of yours, or "judge", a model in
    the role of that name. Where nobody votes, evidence decides. Raises ValueError for what cannot work.
    """
    names = [one.name for one in debaters]
    check_names(names, "debaters")
    if len(names) < 2:
        raise ValueError("debaters: only one given; a debate takes two")
    get_models: Callable[[], Models] = (lambda: models) if models else cache(load_models)
    get_sources = cache(lambda: configured(load_source_settings()) if sources is None else list(sources))
    graph: Debate = StateGraph(DebateState, input_schema=ResearchInput)
    graph.add_node("plan", plan_question(get_models, get_sources))
    graph.add_node("search", search_source(get_sources, cache(lambda: load_source_settings().deadline)))
    graph.add_node("merge", merge)
    graph.add_node("rank", rank)
    graph.add_node("open", opened)
    graph.add_node("propose", propose(get_models, debaters))
    graph.add_node("compare", compare)
    graph.add_node("vote", vote(get_models, debaters))
    graph.add_node("resolve", resolve(get_models, resolver))

    graph.add_edge(START, "plan")
    graph.add_conditional_edges("plan", to_sources("search", otherwise="merge"), ["search", "merge"])
    graph.add_edge("search", "merge")
    graph.add_edge("merge", "rank")
    graph.add_edge("rank", "open")
    graph.add_conditional_edges("open", turns(debaters, "propose"), ["propose"])
    graph.add_edge("propose", "compare")
    graph.add_conditional_edges("compare", turns(debaters, "vote"), ["vote"])
    graph.add_edge("vote", "resolve")
    graph.add_edge("resolve", END)
    return graph


def opened(state: DebateState) -> dict[str, Any]:  # noqa: ARG001 - what a node is given
    """Forget what an earlier debate of the thread left."""
    return {"proposals": Overwrite({}), "ballots": Overwrite({}), "board": Overwrite({}), "conflicts": []}


def compare(state: DebateState) -> dict[str, Any]:
    """Record in what the proposals contradict each other; all of them are there by now."""
    return {"conflicts": conflicts(state["board"])}


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
        how, spent = _how(models(), resolver, state["question"], proposals, ballots)
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
    question: str,
    proposals: Sequence[Proposal],
    ballots: Sequence[Ballot],
) -> tuple[Resolver, dict[str, Any]]:
    """The resolver to use, with what asking a judge cost: evidence where there is no judge and nobody voted."""
    if resolver != "judge":
        return (resolver if ballots else by_evidence), {}
    if models.is_extractive("judge"):
        return by_evidence, {"notes": {"judge": "no judge: judging takes a language model; evidence decided"}}
    try:
        answer = judged(models, "judge", question, proposals)
    except ModelAnswerError as error:
        return by_evidence, {"usage": error.usage, "notes": {"judge": f"no judgement: {error}; evidence decided"}}
    return by_judge(answer.value), {"usage": answer.usage}


graph: Any = build().compile(name="debate")
