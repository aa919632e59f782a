"""The research assistant: from a question to a cited report, in six stages.

    plan -> search (one branch a source) -> merge -> rank -> [review_papers] -> extract (one branch a paper)
         -> synthesise -> cite -> [review_report] -> finish

The two reviews interrupt when the input says `review`. Every claim of the report carries words that were retrieved;
what a source, a model or a check could not give is part of the report.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from langchain_core.language_models import BaseChatModel
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

from threadloom.models.roles import Models, one_of, when_needed
from threadloom.nodes.cite import cite
from threadloom.nodes.extract import extract_findings, to_papers
from threadloom.nodes.finish import finish
from threadloom.nodes.merge import merge
from threadloom.nodes.plan import plan_question
from threadloom.nodes.rank import rank
from threadloom.nodes.review import review_papers, review_report
from threadloom.nodes.search import search_source, to_sources
from threadloom.nodes.synthesise import synthesise
from threadloom.state.research import ResearchInput, ResearchState
from threadloom.tools.papers.catalogue import configured
from threadloom.tools.papers.source import PaperSource
from threadloom.tools.settings import load_source_settings

Research = StateGraph[ResearchState, None, Any, ResearchState]
"""Its input is a mapping that fits `ResearchInput`; the type is Any so that callers may write a plain dict."""


def build(
    *,
    model: BaseChatModel | None = None,
    models: Models | None = None,
    sources: Sequence[PaperSource] | None = None,
    deadline: float | None = None,
) -> Research:
    """Wire the graph. What is left out comes from the settings, read when a run first needs it.

    `model` plays every role, or `models` maps the roles planner, reader and writer to chains; `sources` are asked in
    parallel, each for at most `deadline` seconds. Compile it with a checkpointer of your choice to pause and resume
    runs.
    """
    get_models = when_needed(one_of(model, models))
    get_sources = cache(lambda: configured(load_source_settings()) if sources is None else list(sources))
    get_deadline = cache(lambda: load_source_settings().deadline if deadline is None else deadline)

    graph: Research = StateGraph(ResearchState, input_schema=ResearchInput)
    graph.add_node("plan", plan_question(get_models, get_sources))
    graph.add_node("search", search_source(get_sources, get_deadline))
    graph.add_node("merge", merge)
    graph.add_node("rank", rank)
    graph.add_node("review_papers", review_papers)
    graph.add_node("extract", extract_findings(get_models))
    graph.add_node("synthesise", synthesise(get_models))
    graph.add_node("cite", cite)
    graph.add_node("review_report", review_report)
    graph.add_node("finish", finish)

    graph.add_edge(START, "plan")
    graph.add_conditional_edges("plan", to_sources("search", otherwise="merge"), ["search", "merge"])
    graph.add_edge("search", "merge")
    graph.add_edge("merge", "rank")
    graph.add_conditional_edges("rank", after_rank, ["review_papers", "extract", "synthesise"])
    graph.add_conditional_edges("review_papers", after_papers, ["review_papers", "extract", "synthesise"])
    graph.add_edge("extract", "synthesise")
    graph.add_edge("synthesise", "cite")
    graph.add_conditional_edges("cite", after_cite, ["review_report", "finish"])
    graph.add_conditional_edges("review_report", after_report, ["review_report", "synthesise", "finish"])
    graph.add_edge("finish", END)
    return graph


_read_kept = to_papers("extract", otherwise="synthesise")


def after_rank(state: ResearchState) -> list[Send] | str:
    """To the reviewer if the run wants one and there is something to choose from, else to reading."""
    return "review_papers" if state.get("review") and state.get("papers") else _read_kept(state)


def after_papers(state: ResearchState) -> list[Send] | str:
    """Ask again after a refused answer, else read."""
    return "review_papers" if state.get("refused") else _read_kept(state)


def after_cite(state: ResearchState) -> str:
    """To the reviewer if the run wants one, else to the end."""
    return "review_report" if state.get("review") else "finish"


def after_report(state: ResearchState) -> str:
    """Ask again after a refused answer, write again after a comment, else finish."""
    if state.get("refused"):
        return "review_report"
    return "finish" if state.get("approved") else "synthesise"


graph: Any = build().compile(name="research")
