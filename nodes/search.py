"""Stage 2: ask every source at once, one branch each; a failing source is a fact to report, never an error."""

from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

from langgraph.types import Send
from typing_extensions import TypedDict

from threadloom.nodes.node import Node
from threadloom.nodes.within import TooSlowError, within
from threadloom.state.papers import Paper, SourceReport
from threadloom.state.research import Plan, ResearchState
from threadloom.tools.papers.source import PaperQuery, PaperSource, PartialAnswerError, SourceError
from threadloom.tools.text import clipped

GRACE = 5.0
"""Seconds beyond the deadline, which a source is to keep by itself, after which nobody waits for one that does not."""
MOST_TEXT = 30_000
"""Characters of an abstract; the longest have a tenth of that."""


class SearchTask(TypedDict):
    """What one search branch is sent."""

    source: str
    question: str
    plan: Plan


def to_sources(node: str, otherwise: str) -> Callable[[ResearchState], list[Send] | str]:
    """Conditional edge: one `Send` to the search node for every source of the plan, or `otherwise` without any."""

    def fan_out(state: ResearchState) -> list[Send] | str:
        plan = state["plan"]
        question = state["question"]
        tasks = [SearchTask(source=name, question=question, plan=plan) for name in plan["sources"]]
        return [Send(node, task) for task in tasks] or otherwise

    return fan_out


def search_source(sources: Callable[[], Sequence[PaperSource]], deadline: Callable[[], float]) -> Node[SearchTask]:
    """Node factory; `deadline` gives the seconds one source may take."""

    def search(state: SearchTask) -> dict[str, Any]:
        name = state["source"]
        began = monotonic()
        papers: list[Paper] = []
        reason = ""
        try:
            source, seconds = _source(name, sources()), deadline()
            papers = within(seconds + GRACE, lambda: source.search(_query(state), seconds))
        except PartialAnswerError as error:
            papers, reason = error.papers, str(error)
        except (SourceError, TooSlowError) as error:
            reason = str(error)
        except Exception as error:  # noqa: BLE001  # a source's surprise must not sink the run; it is reported
            reason = f"unexpected {type(error).__name__}: {' '.join(str(error).split())[:200]}"
        papers = [{**paper, "abstract": clipped(paper["abstract"], MOST_TEXT)} for paper in papers]
        report = SourceReport(
            source=name,
            status="ok" if papers else "failed" if reason else "empty",
            hits=len(papers),
            reason=reason,
            seconds=round(monotonic() - began, 2),
        )
        return {"hits": {name: papers}, "coverage": {name: report}}

    return search


def _source(name: str, sources: Sequence[PaperSource]) -> PaperSource:
    for source in sources:
        if source.name == name:
            return source
    raise SourceError("no longer configured")


def _query(task: SearchTask) -> PaperQuery:
    plan = task["plan"]
    return PaperQuery(
        text=task["question"],
        terms=tuple(plan["key_terms"]),
        year_from=plan["year_from"],
        year_to=plan["year_to"],
    )
