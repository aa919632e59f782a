"""Which papers are read, in which order, and what is said about each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadloom.nodes.rank import _fused, rank, rank_papers
from threadloom.state.papers import Paper, Verdict
from threadloom.state.research import Plan
from threadloom.tools.papers.record import paper as record

QUESTION = "Does sleep improve the memory of zebra finches?"
ABOUT = "Zebra finches that sleep after a lesson remember the song better: sleep strengthens their memory."


def plan(*terms: str, years: tuple[int | None, int | None] = (None, None)) -> Plan:
    return Plan(
        topic="", sub_questions=[], key_terms=list(terms), year_from=years[0], year_to=years[1], sources=["crossref"]
    )


def paper(
    title: str, abstract: str = ABOUT, *, year: int | None = 2020, citations: int | None = None, place: int = 1
) -> Paper:
    made = record("crossref", title, title, authors=[], year=year, abstract=abstract, citations=citations)
    return {**made, "found": {"crossref": place}}


def ranked(*papers: Paper, question: str = QUESTION, terms: Plan | None = None, most: int = 8) -> dict[str, Verdict]:
    ordered, verdicts = rank_papers(question, terms or plan("zebra finches", "sleep"), papers, most)
    assert [one["id"] for one in ordered] == [verdict["paper_id"] for verdict in verdicts]
    return {one["title"]: verdict for one, verdict in zip(ordered, verdicts, strict=True)}


def test_a_paper_on_the_question_is_kept_and_one_on_something_else_dropped() -> None:
    verdicts = ranked(paper("Wages and employment", "A higher wage improves nothing."), paper("Sleep and song"))
    assert list(verdicts) == ["Sleep and song", "Wages and employment"]
    assert verdicts["Sleep and song"]["kept"]
    assert not verdicts["Wages and employment"]["kept"]


def test_a_question_that_no_paper_fits_keeps_none() -> None:
    fine = [paper("Memory of mice", "Mice have a memory."), paper("Sleep in infants", "Infants sleep.")]
    assert not any(verdict["kept"] for verdict in ranked(*fine).values())


def test_no_papers_no_verdicts() -> None:
    assert rank_papers(QUESTION, plan("x"), [], 5) == ([], [])


def test_every_verdict_says_why() -> None:
    cited = {**paper("Sleep, memory and zebra finches", citations=1_204), "found": {"crossref": 1, "openalex": 4}}
    verdicts = ranked(
        cited,  # type: ignore[arg-type]  # a Paper still
        paper("Zebra finches: memory and sleep", ""),
        paper("Sleep and memory of zebra finches in old times", year=1950),
        paper("Memory in a market", "Improved trading."),
        paper("Prices", "Nothing else."),
        paper("How zebra finches sleep on memory", place=20),
        terms=plan("zebra finches", years=(2015, None)),
        most=1,
    )
    reasons = [verdict["reason"] for verdict in verdicts.values()]
    assert reasons[0] == "relevance 1st of 6; in 2 sources; 1,204 citations"
    assert sorted(reasons[1:]) == [
        "dropped: beyond the 1 best",
        "dropped: no text to read",
        "dropped: outside 2015–…",
        "dropped: shares no word with the question",
        "dropped: shares only “memory”, “improve” with the question, not “sleep”, “zebra”, “finches”",
    ]


def test_recency_and_citations_decide_between_equals_and_unknown_is_in_the_middle() -> None:
    titles = ["Sleep and memory of finches", "Memory and sleep of finches", "Sleep of finches and memory"]
    low, unknown, high = (paper(title, citations=n) for title, n in zip(titles, (1, None, 900), strict=True))
    verdicts = ranked(low, unknown, high)
    assert verdicts[high["title"]]["ranks"]["citations"] == 1
    assert _fused({"citations": 1}, 3) > _fused({}, 3) > _fused({"citations": 3}, 3)
    assert "citations" not in verdicts[unknown["title"]]["ranks"]
    old, new = paper("Finches, sleep and memory", year=1980), paper("Memory, finches and sleep", year=2024)
    assert [v["ranks"]["recency"] for v in (ranked(old, new)[one["title"]] for one in (new, old))] == [1, 2]


def test_terms_of_the_planner_help_where_the_question_has_no_name_for_its_subject() -> None:
    question = "Why does it hurt more to lose money than it pleases to win it?"
    subject = paper("Loss aversion in prospect theory", "Loss aversion and prospect theory explain many choices.")
    assert not ranked(subject, question=question, terms=plan("money"))[subject["title"]]["kept"]
    assert ranked(subject, question=question, terms=plan("loss aversion", "prospect theory"))[subject["title"]]["kept"]


def test_broad_terms_of_the_planner_do_not_let_in_what_the_question_excludes() -> None:
    pressure = paper("Blood pressure targets", "Blood pressure in hypertension; cardiovascular risk. " * 3)
    terms = plan("yoga", "hypertension", "cardiovascular risk", "blood pressure")
    assert not ranked(pressure, question="Does yoga lower blood pressure?", terms=terms)[pressure["title"]]["kept"]


def test_spelling_and_hyphens_do_not_matter() -> None:
    covid = paper("Tumours and Covid-19", "Tumour patients with Covid-19. " * 3)
    assert ranked(covid, question="tumor patients COVID19", terms=plan("covid"))[covid["title"]]["kept"]


def test_alternatives_are_kept_side_by_side_and_a_paper_on_both_comes_first() -> None:
    titles = ["Sleep of mice", "Sleep of finches", "Sleep of mice and finches", "Sleep of cats"]
    verdicts = ranked(
        *(paper(title, title) for title in titles), question="Does sleep differ in mice and finches?", terms=plan()
    )
    assert [title for title, verdict in verdicts.items() if verdict["kept"]] == [titles[2], *titles[1::-1]]


def test_the_node_reads_and_writes_state() -> None:
    state = {"question": QUESTION, "plan": plan("finches"), "papers": [paper("Sleep and memory")], "max_papers": 3}
    update = rank(state)  # type: ignore[arg-type]  # as much state as the node reads
    assert [one["title"] for one in update["papers"]] == ["Sleep and memory"]
    assert update["verdicts"][0]["kept"]


@pytest.mark.parametrize("question", ["???", "the of and", "effect", "Ünïcödé ½ 漢字", '"; DROP -- *', "x" * 2_000])
def test_odd_questions_are_ranked_without_error(question: str) -> None:
    assert len(ranked(paper("Sleep"), paper("Wages"), question=question, terms=plan(question))) == 2


@given(
    st.lists(st.tuples(st.text(max_size=20), st.text(max_size=60), st.none() | st.integers(1900, 2030)), max_size=8),
    st.integers(1, 4),
)
def test_verdicts_cover_all_papers_and_keep_at_most_what_is_wanted(
    drawn: list[tuple[str, str, int | None]], most: int
) -> None:
    papers = {one["id"]: one for one in (paper(title, text, year=year) for title, text, year in drawn)}
    ordered, verdicts = rank_papers(QUESTION, plan("finches"), list(papers.values()), most)
    assert sorted(one["id"] for one in ordered) == sorted(papers)
    assert sum(verdict["kept"] for verdict in verdicts) <= most
    assert all(verdict["reason"] for verdict in verdicts)
