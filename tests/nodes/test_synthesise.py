"""A report says nothing that no finding carries."""

from threadloom.nodes.synthesise import checked
from threadloom.state.drafts import ReportDraft, SentenceDraft, ThemeDraft
from threadloom.state.papers import Finding

FINDINGS = {
    "F1.1": Finding(
        id="F1.1",
        paper_id="doi:10.1/a",
        text="Tea lowers blood pressure by 4 mmHg.",
        span="Green tea lowered blood pressure by 4 mmHg.",
        start=0,
        origin="abstract",
    )
}


def draft(*sentences: SentenceDraft) -> ReportDraft:
    theme = ThemeDraft(title="Blood\npressure", sentences=list(sentences))
    return ReportDraft(
        answer=list(sentences), themes=[theme], agreements=[], disagreements=[], gaps=[" ", "Long  term?"]
    )


def test_sentences_keep_the_findings_that_exist() -> None:
    report, dropped = checked(draft(SentenceDraft(text="Tea lowers it.", findings=["F1.1", "F9.9", "F1.1"])), FINDINGS)
    assert report["answer"] == [{"text": "Tea lowers it.", "findings": ["F1.1"]}]
    assert report["themes"][0]["title"] == "Blood pressure"
    assert report["gaps"] == ["Long term?"]
    assert dropped == 0


def test_sentences_without_a_finding_or_with_new_numbers_are_dropped_and_counted() -> None:
    bare = SentenceDraft(text="Tea is good.", findings=["F9.9"])
    inflated = SentenceDraft(text="Tea lowers blood pressure by 40 mmHg.", findings=["F1.1"])
    report, dropped = checked(draft(bare, inflated), FINDINGS)
    assert (report["answer"], report["themes"], dropped) == ([], [], 4)
