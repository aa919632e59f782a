"""Stage 5: write a structured report from the findings alone; a sentence without a finding that exists is dropped."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from threadloom.models.prompts import element, plain, prompt
from threadloom.models.roles import Models
from threadloom.models.settings import EXTRACTIVE
from threadloom.nodes.ask import ask_or_extract
from threadloom.nodes.node import Node
from threadloom.nodes.span import unsupported_numbers
from threadloom.state.drafts import ReportDraft, SentenceDraft
from threadloom.state.papers import Finding, Paper
from threadloom.state.research import Report, ResearchState, Sentence, Theme

TASK = (
    "Write a research report that answers the question from the findings alone. Cite findings by id. Say nothing "
    "that no finding supports, and do not repeat a sentence. Where findings disagree, say so."
)


def synthesise(models: Callable[[], Models]) -> Node[ResearchState]:
    """Node factory."""

    def write(state: ResearchState) -> dict[str, Any]:
        findings = findings_of(state)
        if not findings:
            return {"report": _empty(state), "notes": _notes("", 0, ignored=False)}
        answer = ask_or_extract(models(), "writer", ReportDraft, _messages(state, findings))
        report, dropped = checked(answer.value, findings)
        ignored = bool(state.get("feedback")) and set(answer.usage) == {EXTRACTIVE}
        return {
            "report": report,
            "usage": answer.usage,
            "choices": [answer.choice("write")],
            "notes": _notes(answer.note, dropped, ignored=ignored),
        }

    return write


def _notes(model: str, dropped: int, *, ignored: bool) -> dict[str, str]:
    """All notes of this stage, empty where there is nothing to say: a second version must not inherit the first's."""
    return {
        "write": model,
        "write: check": f"{dropped} sentence(s) dropped because no finding carries them" if dropped else "",
        "write: comment": "The reviewer's comment was not followed: that takes a language model" if ignored else "",
    }


def findings_of(state: ResearchState) -> dict[str, Finding]:
    """All findings of a run by id, in the order of the papers."""
    order = [paper["id"] for paper in state.get("papers", [])]
    extractions = [state["extractions"][paper_id] for paper_id in order if paper_id in state["extractions"]]
    return {finding["id"]: finding for extraction in extractions for finding in extraction["findings"]}


def checked(draft: ReportDraft, findings: Mapping[str, Finding]) -> tuple[Report, int]:
    """The draft without what no finding carries, and how many sentences that cost."""
    dropped = 0

    def keep(sentences: Iterable[SentenceDraft]) -> list[Sentence]:
        nonlocal dropped
        drafts = list(sentences)
        kept = [sentence for sentence in (_sentence(draft, findings) for draft in drafts) if sentence]
        dropped += len(drafts) - len(kept)
        return kept

    themes = [
        Theme(title=" ".join(plain(theme.title).split()), sentences=keep(theme.sentences)) for theme in draft.themes
    ]
    report = Report(
        answer=keep(draft.answer),
        themes=[theme for theme in themes if theme["sentences"]],
        agreements=keep(draft.agreements),
        disagreements=keep(draft.disagreements),
        gaps=[" ".join(plain(gap).split()) for gap in draft.gaps if gap.strip()],
        limits=[],
    )
    return report, dropped


def _sentence(draft: SentenceDraft, findings: Mapping[str, Finding]) -> Sentence | None:
    text = " ".join(plain(draft.text).split())
    ids = list(dict.fromkeys(id_ for id_ in draft.findings if id_ in findings))
    evidence = " ".join(f"{findings[id_]['text']} {findings[id_]['span']}" for id_ in ids)
    if not text or not ids or unsupported_numbers(text, evidence):
        return None
    return Sentence(text=text, findings=ids)


def _messages(state: ResearchState, findings: Mapping[str, Finding]) -> list[Any]:
    papers: dict[str, Paper] = {paper["id"]: paper for paper in state.get("papers", [])}
    elements = [element("question", state["question"])]
    elements += [element("sub_question", text) for text in _sub_questions(state)]
    if state.get("feedback"):
        elements.append(element("feedback", state["feedback"]))
    for id_, finding in findings.items():
        paper = papers[finding["paper_id"]]
        elements.append(
            element("finding", finding["text"], id=id_, paper=paper["id"], title=paper["title"], year=paper["year"])
        )
    return prompt(TASK, *elements)


def _sub_questions(state: ResearchState) -> Sequence[str]:
    return state["plan"]["sub_questions"] if "plan" in state else []


def _empty(state: ResearchState) -> Report:
    return Report(answer=[], themes=[], agreements=[], disagreements=[], gaps=list(_sub_questions(state)), limits=[])
