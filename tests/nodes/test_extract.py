"""Findings keep only what the paper's text says."""

from tests.papers import paper
from threadloom.nodes.extract import ReadTask, check, to_papers
from threadloom.state.drafts import FindingDraft
from threadloom.state.papers import Verdict

TASK = ReadTask(number=2, question="Does tea help?", paper=paper())
TRUE = FindingDraft(claim="Tea lowers blood pressure by 4 mmHg.", quote="green tea lowered blood pressure by 4 mmHg.")


def test_a_finding_carries_the_texts_own_words_and_where_they_stand() -> None:
    [finding] = check([TRUE], TASK)["findings"]
    abstract = TASK["paper"]["abstract"]
    assert finding["span"] == "Green tea lowered blood pressure by 4 mmHg."
    assert abstract[finding["start"] : finding["start"] + len(finding["span"])] == finding["span"]
    assert (finding["id"], finding["origin"]) == ("F2.1", "abstract")


def test_a_quotation_that_is_not_in_the_text_is_dropped_and_counted() -> None:
    invented = FindingDraft(claim="Tea cures everything.", quote="Tea cured every patient in the trial.")
    extraction = check([invented, TRUE], TASK)
    assert [finding["text"] for finding in extraction["findings"]] == [TRUE.claim]
    assert extraction["dropped"] == ["Tea cures everything."]


def test_a_number_that_the_quotation_does_not_hold_is_not_carried_by_it() -> None:
    wrong = FindingDraft(claim="Tea lowers blood pressure by 40 mmHg.", quote=TRUE.quote)
    assert check([wrong], TASK)["dropped"] == [wrong.claim]


def test_a_quotation_that_leaves_out_a_denial_is_no_evidence() -> None:
    task = ReadTask(number=1, question="Does it work?", paper=paper(abstract="Tea was not effective in older adults."))
    hidden = FindingDraft(claim="Tea was effective in older adults.", quote="effective in older adults")
    assert check([hidden], task)["dropped"] == [hidden.claim]


def test_one_quotation_gives_one_finding() -> None:
    assert len(check([TRUE, TRUE], TASK)["findings"]) == 1


def test_only_kept_papers_are_read_each_in_a_branch_of_its_own() -> None:
    kept, dropped = paper("doi:10.1/a"), paper("doi:10.1/b")
    verdicts = [
        Verdict(paper_id=one["id"], kept=one is kept, reason="", score=1.0, ranks={}) for one in (kept, dropped)
    ]
    state = {"question": "Does tea help?", "papers": [kept, dropped], "verdicts": verdicts}
    sends = to_papers("extract", otherwise="synthesise")(state)  # type: ignore[arg-type]  # the part of the state it reads
    assert [send.arg["paper"]["id"] for send in sends] == ["doi:10.1/a"]  # type: ignore[union-attr]  # a list of Send
    state["verdicts"] = [{**verdict, "kept": False} for verdict in verdicts]
    assert to_papers("extract", otherwise="synthesise")(state) == "synthesise"  # type: ignore[arg-type]  # as above
