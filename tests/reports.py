"""A research state as stage 5 leaves it, made for tests; every text from outside can be replaced by another."""

from collections.abc import Callable

from tests.papers import paper
from threadloom.state.papers import Extraction, Finding, Paper, SourceReport, Verdict
from threadloom.state.research import Plan, Report, ResearchState, Sentence, Theme
from threadloom.state.usage import Usage

Say = Callable[[str], str]
PAPERS = ("doi:10.1/a", "doi:10.1/b", "doi:10.1/c", "doi:10.1/d")


def sentence(text: str, *findings: str) -> Sentence:
    return Sentence(text=text, findings=list(findings))


def finding(number: int, n: int, say: Say = str) -> Finding:
    paper_id = PAPERS[number - 1]
    text = say(f"Claim {n} of paper {number}.")
    return Finding(
        id=f"F{number}.{n}",
        paper_id=paper_id,
        text=text,
        span=text if n == 1 else say(f"Words {n} of paper {number}."),
        start=0,
        origin="library summary" if number == 1 else "abstract",
    )


def papers(say: Say = str) -> list[Paper]:
    return [paper(id_, title=say(f"Title {id_[-1]}"), venue=say("Journal of Tea")) for id_ in PAPERS]


def report(say: Say = str) -> Report:
    """Cites papers 2, 1 and 3, in this order."""
    return Report(
        answer=[sentence(say("Tea helps."), "F2.1", "F1.1"), sentence(say("A little."), "F2.2")],
        themes=[Theme(title=say("Blood"), sentences=[sentence(say("Pressure falls."), "F1.2", "F3.1")])],
        agreements=[sentence(say("All agree."), "F1.1", "F2.1", "F3.1")],
        disagreements=[sentence(say("On how much they do not."), "F3.2")],
        gaps=[say("Nobody looked at coffee.")],
        limits=[],
    )


def drafted(say: Say = str) -> ResearchState:
    """Four papers, two findings in each of the first three, and the report on them."""
    extractions = {
        PAPERS[n - 1]: Extraction(
            paper_id=PAPERS[n - 1],
            findings=[finding(n, 1, say), finding(n, 2, say)],
            dropped=[say("Made up.")] if n == 2 else [],
            note="",
        )
        for n in (1, 2, 3)
    }
    retrieved = papers(say)
    return ResearchState(
        question=say("Does tea help?"),
        style="apa",
        started_at="2026-11-03T10:00:00+00:00",
        finished_at="2026-11-03T10:01:12.500000+00:00",
        plan=Plan(
            topic="tea",
            sub_questions=[],
            key_terms=[say("green tea")],
            year_from=2000,
            year_to=None,
            sources=["library"],
        ),
        hits={"library": retrieved[:1], "europepmc": retrieved},
        coverage={
            "crossref": SourceReport(
                source="crossref", status="failed", hits=0, reason=say("rate limited (HTTP 429)"), seconds=4.25
            ),
            "library": SourceReport(source="library", status="ok", hits=1, reason="", seconds=0.01),
            "europepmc": SourceReport(
                source="europepmc", status="ok", hits=4, reason=say("first page only"), seconds=1
            ),
        },
        papers=retrieved,
        verdicts=[
            Verdict(paper_id=id_, kept=id_ != PAPERS[3], reason=say("fits"), score=1.0, ranks={}) for id_ in PAPERS
        ],
        extractions=extractions,
        report=report(say),
        notes={"write": say("a model was slow")},
        choices=[],
        usage={say("gpt-x"): Usage(calls=5, input_tokens=12_345, output_tokens=678, cost_usd=0.0123)},
    )
