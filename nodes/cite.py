"""Stage 6: numbered references and BibTeX for what the report cites, and nothing cited that was not retrieved."""

import re
from collections.abc import Iterable, Iterator, Mapping

from typing_extensions import TypedDict

from threadloom.nodes.bibtex import bibtex
from threadloom.nodes.csl import format_references
from threadloom.nodes.synthesise import findings_of
from threadloom.state.papers import Finding, Reference
from threadloom.state.research import Report, ResearchState, Sentence, Theme

_EMPTY = Report(answer=[], themes=[], agreements=[], disagreements=[], gaps=[], limits=[])
# Models write marks of their own although they are asked not to: "[1]", "[F3.1, F4.2]", "(F3.1)"; ours come from the
# ids. "[12, 45]" stays: it may be an interval. So does "[18]F".
_MARK = re.compile(r"\s*(?:\[\d{1,3}\]|[\[(]F[\d.]+(?:\s*[,;]\s*F[\d.]+)*[\])])(?!\w)")


class Cited(TypedDict):
    """What citing adds to the state."""

    report: Report
    references: list[Reference]
    bibtex: str


def cite(state: ResearchState) -> Cited:
    """Number the papers in the order in which the report cites them, and format them in `state["style"]` (default APA).

    Finding ids that do not exist, or whose paper was not retrieved, are dropped, then sentences left without any; how
    many is said in the report's limits. The same state gives the same result, and a cleaned report is left as it is.
    """
    papers = {paper["id"]: paper for paper in state.get("papers", [])}
    findings = {id_: finding for id_, finding in findings_of(state).items() if finding["paper_id"] in papers}
    report = _cleaned(state.get("report", _EMPTY), findings)
    order = dict.fromkeys(findings[id_]["paper_id"] for sentence in sentences(report) for id_ in sentence["findings"])
    cited = [papers[paper_id] for paper_id in order]
    texts = format_references(cited, state.get("style", "apa"))
    return Cited(
        report=report,
        references=[
            Reference(number=number, paper_id=paper["id"], text=text)
            for number, (paper, text) in enumerate(zip(cited, texts, strict=True), start=1)
        ],
        bibtex=bibtex(cited),
    )


def sentences(report: Report) -> Iterator[Sentence]:
    """All sentences that state findings, in reading order."""
    yield from report["answer"]
    for theme in report["themes"]:
        yield from theme["sentences"]
    yield from report["agreements"]
    yield from report["disagreements"]


def _cleaned(report: Report, findings: Mapping[str, Finding]) -> Report:
    themes = [Theme(title=t["title"], sentences=_kept(t["sentences"], findings)) for t in report["themes"]]
    cleaned = Report(
        answer=_kept(report["answer"], findings),
        themes=[theme for theme in themes if theme["sentences"]],
        agreements=_kept(report["agreements"], findings),
        disagreements=_kept(report["disagreements"], findings),
        gaps=report["gaps"],
        limits=report["limits"],
    )
    if lost := _count(sentences(report)) - _count(sentences(cleaned)):
        what = "1 sentence was" if lost == 1 else f"{lost} sentences were"
        cleaned["limits"] = [*report["limits"], f"{what} left out for citing nothing that was retrieved."]
    return cleaned


def _kept(draft: Iterable[Sentence], findings: Mapping[str, Finding]) -> list[Sentence]:
    cleaned = [
        Sentence(
            text=_MARK.sub("", sentence["text"]).strip(),
            findings=[id_ for id_ in dict.fromkeys(sentence["findings"]) if id_ in findings],
        )
        for sentence in draft
    ]
    return [sentence for sentence in cleaned if sentence["text"] and sentence["findings"]]


def _count(items: Iterable[Sentence]) -> int:
    return sum(1 for _ in items)
