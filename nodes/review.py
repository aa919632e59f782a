"""Stops of a research run for a person: which papers to read, and whether the report stands."""

from collections.abc import Iterable
from typing import Any

from threadloom.nodes.question import ask_person
from threadloom.nodes.render import render
from threadloom.state.answers import PapersAnswer, ReportAnswer
from threadloom.state.papers import DROPPED, Extraction, Paper, Verdict
from threadloom.state.research import ResearchState


def review_papers(state: ResearchState) -> dict[str, Any]:
    """Ask which papers to read, and change the verdicts accordingly."""
    try:
        answer = ask_person(
            PapersAnswer,
            "papers",
            "Which papers should be read?",
            state.get("refused", ""),
            {"drop": [], "add": []},
            ids=[paper["id"] for paper in state["papers"] if paper["abstract"]],
            papers=list(_candidates(state["papers"], state["verdicts"])),
        )
    except ValueError as error:
        return {"refused": str(error)}
    return {"refused": "", "verdicts": [_changed(verdict, answer) for verdict in state["verdicts"]]}


def review_report(state: ResearchState) -> dict[str, Any]:
    """Ask whether the report stands; if not, hand the comment and what remains of the findings back to the writer."""
    findings = [finding["id"] for extraction in state["extractions"].values() for finding in extraction["findings"]]
    try:
        answer = ask_person(
            ReportAnswer,
            "report",
            "Is the report final?",
            state.get("refused", ""),
            {"approve": True},
            ids=findings,
            markdown=render(state),
        )
    except ValueError as error:
        return {"refused": str(error)}
    if answer.approve:
        return {"refused": "", "approved": True}
    left = {key: _without(extraction, answer.drop) for key, extraction in state["extractions"].items()}
    return {"refused": "", "feedback": answer.comment, "extractions": left}


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
