"""Stops for a person: which papers to read, and whether the report stands.

One interrupt per node. An answer that does not fit does not end the run: the node is visited again and says why. The
schema goes to clients (Studio draws a form from it) as a dict, which LangGraph passes on without validating: a model
class would end the run with a ValidationError instead.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeVar

from langgraph.types import interrupt
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from typing_extensions import TypedDict

from threadloom.nodes.render import render
from threadloom.state.papers import DROPPED, Extraction, Paper, Verdict
from threadloom.state.research import ResearchState

A = TypeVar("A", bound=BaseModel)


class PapersAnswer(BaseModel):
    """Changes to what the ranking kept; an empty answer accepts it."""

    model_config = ConfigDict(extra="forbid")

    drop: list[str] = Field(default_factory=list, description="Ids of kept papers not to read")
    add: list[str] = Field(default_factory=list, description="Ids of dropped papers to read after all")


class ReportAnswer(BaseModel):
    """Whether the report is final; if not, what a new version should change."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="after")
    def _one_or_the_other(self) -> "ReportAnswer":
        if self.approve and (self.drop or self.comment):
            raise ValueError("changes need a new version: approve must be false")
        return self

    approve: bool = Field(description="True makes the report final")
    drop: list[str] = Field(default_factory=list, description="Ids of findings to leave out of the new version")
    comment: str = Field(default="", max_length=2_000, description="What the new version should do differently")


ANSWERS: Mapping[str, type[BaseModel]] = {"papers": PapersAnswer, "report": ReportAnswer}


class Question(TypedDict):
    """What a paused run asks: the interrupt's value."""

    kind: Literal["papers", "report"]
    prompt: str
    refused: str
    """Why the answer before this one was refused; empty the first time."""
    example: dict[str, Any]
    ids: list[str]
    """What an answer may name."""
    papers: list[dict[str, Any]]
    markdown: str


def review_papers(state: ResearchState) -> dict[str, Any]:
    """Ask which papers to read, and change the verdicts accordingly."""
    question = Question(
        kind="papers",
        prompt="Which papers should be read?",
        refused=state.get("refused", ""),
        example={"drop": [], "add": []},
        ids=[paper["id"] for paper in state["papers"] if paper["abstract"]],
        papers=list(_candidates(state["papers"], state["verdicts"])),
        markdown="",
    )
    answer = interrupt(question, response_schema=PapersAnswer.model_json_schema())
    try:
        parsed = _parse(question, answer, PapersAnswer)
    except ValueError as error:
        return {"refused": str(error)}
    return {"refused": "", "verdicts": [_changed(verdict, parsed) for verdict in state["verdicts"]]}


def review_report(state: ResearchState) -> dict[str, Any]:
    """Ask whether the report stands; if not, hand the comment and what remains of the findings back to the writer."""
    findings = [finding["id"] for extraction in state["extractions"].values() for finding in extraction["findings"]]
    question = Question(
        kind="report",
        prompt="Is the report final?",
        refused=state.get("refused", ""),
        example={"approve": True},
        ids=findings,
        papers=[],
        markdown=render(state),
    )
    answer = interrupt(question, response_schema=ReportAnswer.model_json_schema())
    try:
        parsed = _parse(question, answer, ReportAnswer)
    except ValueError as error:
        return {"refused": str(error)}
    if parsed.approve:
        return {"refused": "", "approved": True}
    left = {key: _without(extraction, parsed.drop) for key, extraction in state["extractions"].items()}
    return {"refused": "", "feedback": parsed.comment, "extractions": left}


def check(question: Mapping[str, Any], answer: object) -> None:
    """Validate an answer before the run is resumed with it. Raises ValueError with one line that says what is wrong."""
    _parse(question, answer, ANSWERS[question["kind"]])


def _parse(question: Mapping[str, Any], answer: object, shape: type[A]) -> A:
    if not isinstance(answer, dict):
        raise ValueError(f"an answer is a JSON object such as {json.dumps(question['example'])}")
    try:
        parsed = shape.model_validate(answer)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "answer"
        raise ValueError(f"{where}: {first['msg']}; an answer looks like {json.dumps(question['example'])}") from None
    named = [*getattr(parsed, "drop", []), *getattr(parsed, "add", [])]
    if unknown := [id_ for id_ in named if id_ not in question["ids"]]:
        raise ValueError(f"nothing to read here has the id {', '.join(unknown)}")
    if twice := {id_ for id_ in named if named.count(id_) > 1}:
        raise ValueError(f"named more than once: {', '.join(sorted(twice))}")
    return parsed


def _candidates(papers: Iterable[Paper], verdicts: Iterable[Verdict]) -> Iterable[dict[str, Any]]:
    for paper, verdict in zip(papers, verdicts, strict=True):
        yield {
            "id": paper["id"],
            "title": paper["title"],
            "year": paper["year"],
            "venue": paper["venue"],
            "kept": verdict["kept"],
            "reason": verdict["reason"],
        }


def _changed(verdict: Verdict, answer: PapersAnswer) -> Verdict:
    if verdict["paper_id"] in answer.drop:
        return {**verdict, "kept": False, "reason": DROPPED}
    if verdict["paper_id"] in answer.add:
        return {**verdict, "kept": True, "reason": "added by the reviewer"}
    return verdict


def _without(extraction: Extraction, ids: list[str]) -> Extraction:
    kept = [finding for finding in extraction["findings"] if finding["id"] not in ids]
    return {**extraction, "findings": kept}
