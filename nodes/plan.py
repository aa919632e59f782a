"""Stage 1: parse the question into a typed research plan, and forget what an earlier run of the thread found."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from langgraph.types import Overwrite

from threadloom.models.prompts import element, prompt
from threadloom.models.roles import Models
from threadloom.nodes.ask import ask_or_extract
from threadloom.nodes.node import Node
from threadloom.state.budget import Limits
from threadloom.state.drafts import PlanDraft
from threadloom.state.reducers import lean
from threadloom.state.research import Plan, Report, ResearchInput, ResearchState
from threadloom.tools.papers.source import PaperSource

TASK = (
    "Plan a literature search. Name the topic, split the question into narrower questions that together answer it, "
    "and choose search terms that appear in titles and abstracts of papers on it (no operators, no quotes)."
)
FRESH = {
    "hits": Overwrite({}),
    "coverage": Overwrite({}),
    "extractions": Overwrite({}),
    "papers": [],
    "verdicts": [],
    "report": Report(answer=[], themes=[], agreements=[], disagreements=[], gaps=[], limits=[]),
    "references": [],
    "bibtex": "",
    "markdown": "",
    "finished_at": None,
    "refused": "",
    "approved": False,
    "feedback": "",
}
"""What a new question begins with, whatever an earlier run of the thread left."""


def plan_question(
    models: Callable[[], Models],
    sources: Callable[[], Sequence[PaperSource]],
    rest: Callable[[Any], Limits] = lambda _: Limits(),
) -> Node[ResearchState]:
    """Node factory; `rest` says what a budget leaves, if there is one.

    Raises pydantic.ValidationError on bad input and ValueError on a source that is not configured.
    """

    def plan(state: ResearchState) -> dict[str, Any]:
        given = {key: state[key] for key in ResearchInput.model_fields if key in state}  # type: ignore[literal-required]  # keys of both
        asked = ResearchInput.model_validate(given)
        wanted = _wanted(asked.sources, [source.name for source in sources()])
        now = datetime.now(UTC)
        messages = prompt(TASK, element("question", asked.question), element("today", now.date().isoformat()))
        answer = ask_or_extract(models(), "planner", PlanDraft, messages, rest(state))
        update = {
            **asked.model_dump(),
            **FRESH,
            "started_at": now.isoformat(),
            "plan": _plan(answer.value, asked.question, wanted),
            "usage": Overwrite(answer.usage),
            "choices": Overwrite([answer.choice("plan")]),
            "notes": Overwrite({"plan": answer.note} if answer.note else {}),
        }
        return lean(state, update)

    return plan


def _wanted(asked: Sequence[str] | None, configured: list[str]) -> list[str]:
    unknown = [name for name in asked or [] if name not in configured]
    if unknown:
        raise ValueError(f"source not configured: {', '.join(unknown)}; configured are {', '.join(configured)}")
    return [name for name in configured if not asked or name in asked]


def _plan(draft: PlanDraft, question: str, sources: list[str]) -> Plan:
    years = sorted(year for year in (draft.year_from, draft.year_to) if year is not None)
    both = len(years) == 2
    return Plan(
        topic=draft.topic.strip() or question,
        sub_questions=[text.strip() for text in draft.sub_questions if text.strip()],
        key_terms=list(dict.fromkeys(term.strip() for term in draft.key_terms if term.strip())) or [question],
        year_from=years[0] if both else draft.year_from,
        year_to=years[1] if both else draft.year_to,
        sources=sources,
    )
