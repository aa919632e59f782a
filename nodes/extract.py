"""Stage 4: read the kept papers, one branch each; every finding carries words that are in the text."""

from collections.abc import Callable
from typing import Any

from langgraph.types import Send
from typing_extensions import TypedDict

from threadloom.models.prompts import element, plain, prompt
from threadloom.models.roles import Models
from threadloom.nodes.ask import ask_or_extract
from threadloom.nodes.node import Node
from threadloom.nodes.span import locate, omits_negation, unsupported_numbers
from threadloom.state.drafts import FindingDraft, FindingsDraft
from threadloom.state.papers import Extraction, Finding, Paper
from threadloom.state.research import ResearchState

TASK = (
    "Extract the findings of the document that bear on the question. State each in one sentence that can be understood "
    "without the document, and copy the sentence of the document that supports it character by character."
)


class ReadTask(TypedDict):
    """What one reading branch is sent; `number` makes its finding ids unique: F<number>.<n>."""

    number: int
    question: str
    paper: Paper


def to_papers(node: str, otherwise: str) -> Callable[[ResearchState], list[Send] | str]:
    """Conditional edge: one `Send` to the reading node for every kept paper, or `otherwise` when none was kept."""

    def fan_out(state: ResearchState) -> list[Send] | str:
        kept = {verdict["paper_id"] for verdict in state.get("verdicts", []) if verdict["kept"]}
        papers = [paper for paper in state.get("papers", []) if paper["id"] in kept]
        return [
            Send(node, ReadTask(number=number, question=state["question"], paper=paper))
            for number, paper in enumerate(papers, 1)
        ] or otherwise

    return fan_out


def extract_findings(models: Callable[[], Models]) -> Node[ReadTask]:
    """Node factory."""

    def extract(state: ReadTask) -> dict[str, Any]:
        paper = state["paper"]
        keywords = ", ".join(paper["keywords"])
        messages = prompt(
            TASK,
            element("question", state["question"]),
            element("document", paper["abstract"], id=paper["id"], title=paper["title"], keywords=keywords),
        )
        answer = ask_or_extract(models(), "reader", FindingsDraft, messages)
        extraction = check(answer.value.findings, state)
        extraction["note"] = answer.note
        return {
            "extractions": {paper["id"]: extraction},
            "usage": answer.usage,
            "choices": [answer.choice(f"read {paper['id']}")],
            "notes": {f"read {paper['id']}": answer.note} if answer.note else {},
        }

    return extract


def check(drafts: list[FindingDraft], task: ReadTask) -> Extraction:
    """Keep the findings whose quotation is in the paper's text and carries the claim's numbers; count the others."""
    extraction = Extraction(paper_id=task["paper"]["id"], findings=[], dropped=[], note="")
    for draft in drafts:
        finding = _finding(draft, task, len(extraction["findings"]) + 1)
        if finding is None:
            extraction["dropped"].append(plain(draft.claim))
        elif all(finding["span"] != other["span"] for other in extraction["findings"]):
            extraction["findings"].append(finding)
    return extraction


def _finding(draft: FindingDraft, task: ReadTask, n: int) -> Finding | None:
    paper, claim = task["paper"], " ".join(plain(draft.claim).split())
    found = locate(plain(draft.quote), paper["abstract"])
    if not claim or found is None or unsupported_numbers(claim, found[1]):
        return None
    if omits_negation(claim, plain(draft.quote), found[1]):
        return None
    return Finding(
        id=f"F{task['number']}.{n}",
        paper_id=paper["id"],
        text=claim,
        span=found[1],
        start=found[0],
        origin=paper["text_origin"],
    )
