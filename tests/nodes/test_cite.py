"""Numbering follows the text, and nothing is cited that was not retrieved."""

from copy import deepcopy
from typing import get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reports import PAPERS, drafted, finding, papers, report, sentence
from threadloom.nodes.cite import cite, sentences
from threadloom.state.papers import Extraction
from threadloom.state.research import Report, ResearchState, Style, Theme


def test_numbers_papers_as_the_report_comes_to_them() -> None:
    cited = cite(drafted())
    assert [(r["number"], r["paper_id"]) for r in cited["references"]] == [
        (1, "doi:10.1/b"),
        (2, "doi:10.1/a"),
        (3, "doi:10.1/c"),
    ]
    assert [r["text"].split(" *")[0] for r in cited["references"]] == [
        f"Brewer, A. (2020). Title {name}." for name in "bac"
    ]
    assert cited["bibtex"].count("\n@") + 1 == 3
    assert "10.1/d" not in cited["bibtex"]


def test_the_style_is_the_states() -> None:
    texts = {cite({**drafted(), "style": style})["references"][0]["text"] for style in get_args(Style)}
    assert len(texts) == len(get_args(Style))
    unstyled = drafted()
    del unstyled["style"]
    assert cite(unstyled) == cite(drafted())


def test_what_does_not_resolve_is_dropped_and_counted() -> None:
    draft = report()
    draft["answer"] = [sentence("Half known.", "F9.9", "F1.1", "F1.1"), sentence("Unknown.", "F9.9")]
    draft["themes"] = [Theme(title="Nothing", sentences=[sentence("Bare.")])]
    draft["agreements"] = [sentence("Of a paper nobody retrieved.", "F1.3")]
    state: ResearchState = {**drafted(), "report": draft}
    state["extractions"]["doi:10.1/a"]["findings"].append({**finding(1, 3), "paper_id": "doi:10.1/never-retrieved"})
    before = deepcopy(state)
    cited = cite(state)
    assert cited["report"]["answer"] == [sentence("Half known.", "F1.1")]
    assert cited["report"]["themes"] == []
    assert cited["report"]["agreements"] == []
    assert cited["report"]["limits"] == ["3 sentences were left out for citing nothing that was retrieved."]
    assert [r["paper_id"] for r in cited["references"]] == ["doi:10.1/a", "doi:10.1/c"]
    assert state == before


def test_findings_of_papers_that_are_gone_do_not_count() -> None:
    state: ResearchState = {**drafted(), "papers": [paper for paper in papers() if paper["id"] != "doi:10.1/b"]}
    assert [r["paper_id"] for r in cite(state)["references"]] == ["doi:10.1/a", "doi:10.1/c"]


def test_marks_of_the_models_own_are_removed() -> None:
    draft = report()
    said = "Risk fell [1] by half (F1.1), [F1.1, F2.2] in [12, 45] of [18]F scans [F3.1]."
    draft["answer"] = [sentence(said, "F1.1")]
    [kept] = cite({**drafted(), "report": draft})["report"]["answer"]
    assert kept["text"] == "Risk fell by half, in [12, 45] of [18]F scans."


def test_nothing_to_cite() -> None:
    state = drafted()
    del state["report"]
    cited = cite(state)
    assert cited["references"] == []
    assert cited["bibtex"] == ""


SENTENCES = st.lists(
    st.builds(
        lambda text, ids: sentence(text, *ids),
        st.sampled_from(["A.", "B [1].", " ", ""]),
        st.lists(st.sampled_from([f"F{n}.{m}" for n in range(1, 6) for m in (1, 2)]), max_size=3),
    ),
    max_size=4,
)
REPORTS = st.builds(
    lambda answer, themes, agreements, disagreements: Report(
        answer=answer,
        themes=[Theme(title="T", sentences=theme) for theme in themes],
        agreements=agreements,
        disagreements=disagreements,
        gaps=[],
        limits=["Known before."],
    ),
    SENTENCES,
    st.lists(SENTENCES, max_size=3),
    SENTENCES,
    SENTENCES,
)


@settings(max_examples=50, deadline=None)
@given(draft=REPORTS, read=st.sets(st.integers(1, 4)), retrieved=st.sets(st.sampled_from(PAPERS)))
def test_every_sentence_left_has_a_reference(draft: Report, read: set[int], retrieved: set[str]) -> None:
    state: ResearchState = {**drafted(), "report": draft}
    state["papers"] = [paper for paper in papers() if paper["id"] in retrieved]
    state["extractions"] = {
        PAPERS[n - 1]: Extraction(paper_id=PAPERS[n - 1], findings=[finding(n, 1)], dropped=[], note="") for n in read
    }
    cited = cite(state)
    known = {f"F{n}.1": PAPERS[n - 1] for n in read if PAPERS[n - 1] in retrieved}
    left = list(sentences(cited["report"]))
    assert all(s["text"] and s["findings"] and set(s["findings"]) <= set(known) for s in left)
    first_seen = list(dict.fromkeys(known[id_] for s in left for id_ in s["findings"]))
    assert [r["paper_id"] for r in cited["references"]] == first_seen
    assert [r["number"] for r in cited["references"]] == list(range(1, len(first_seen) + 1))
    lost = len(list(sentences(draft))) - len(left)
    assert len(cited["report"]["limits"]) == 1 + bool(lost)
    assert cite(state) == cited
    assert cite({**state, "report": cited["report"]}) == cited
