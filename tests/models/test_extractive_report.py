"""Reports from findings: everything in its place once, nothing claimed that no finding says."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadloom.models.extractive.report import report
from threadloom.models.extractive.statement import Statement
from threadloom.models.extractive.text import terms
from threadloom.state.drafts import ReportDraft

WAGE = "Does raising the minimum wage reduce employment?"
VACCINE = "How effective are mRNA vaccines against Covid-19?"

VACCINE_FINDINGS = [
    ("a", "Two doses of the BNT162b2 mRNA vaccine were 95% effective in preventing Covid-19."),
    ("a", "Severe Covid-19 occurred in one person given BNT162b2 and nine given placebo."),
    ("b", "Two doses of the mRNA-1273 vaccine were 94.1% effective in preventing Covid-19 with symptoms."),
    ("b", "All 30 severe cases of Covid-19 in the mRNA-1273 trial occurred in the placebo group."),
    ("c", "Booster doses of mRNA vaccines reduced hospital admissions for Covid-19 by 89% in older adults."),
    ("d", "Hospital admissions for Covid-19 were reduced by booster doses of mRNA vaccines in health workers."),
    ("e", "Further research is needed on mRNA vaccines and immunity against new variants of Covid-19."),
]


def statements(findings: list[tuple[str, str]]) -> list[Statement]:
    return [Statement(f"F{n}", paper, text) for n, (paper, text) in enumerate(findings, 1)]


def ids(sentences: list[dict[str, list[str]]]) -> list[set[str]]:
    return [set(sentence["findings"]) for sentence in sentences]


def test_every_finding_is_in_one_theme() -> None:
    made = report(VACCINE, statements(VACCINE_FINDINGS), [])
    placed = sorted(id_ for theme in made["themes"] for sentence in theme["sentences"] for id_ in sentence["findings"])
    assert placed == [f"F{n}" for n in range(1, 8)]
    assert 2 <= len(made["themes"]) <= 5


def test_theme_titles_are_phrases_true_of_their_findings() -> None:
    made = report(VACCINE, statements(VACCINE_FINDINGS), [])
    titles = {theme["title"]: " ".join(sentence["text"] for sentence in theme["sentences"]) for theme in made["themes"]}
    assert "Limits and open questions" in titles
    for title, text in titles.items():
        assert 2 <= len(title.split()) <= 6
        if not title.startswith(("Limits", "Other", "Main")):
            assert set(terms(title)) <= set(terms(text)), title


def test_answer_takes_the_central_findings_of_different_papers() -> None:
    made = report(VACCINE, statements(VACCINE_FINDINGS), [])
    papers = {f"F{n}": paper for n, (paper, _) in enumerate(VACCINE_FINDINGS, 1)}
    used = [papers[sentence["findings"][0]] for sentence in made["answer"]]
    assert 1 <= len(used) <= 4
    assert len(set(used)) == len(used)
    assert {"F1", "F3"} <= set().union(*ids(made["answer"]))
    assert "F7" not in set().union(*ids(made["answer"])), "an open question does not answer"


def test_agreements_name_what_papers_share() -> None:
    made = report(VACCINE, statements(VACCINE_FINDINGS), [])["agreements"]
    texts = {sentence["text"]: set(sentence["findings"]) for sentence in made}
    assert texts == {"Two papers report on hospital admissions: both describe a decrease.": {"F5", "F6"}}


def test_opposite_changes_of_one_thing_are_a_disagreement() -> None:
    found = statements(
        [
            ("a", "Minimum wage increases reduced employment of teenagers by 2%."),
            ("b", "Employment in restaurants rose after the minimum wage increase."),
        ]
    )
    made = report(WAGE, found, [])
    assert made["agreements"] == []
    assert [sentence["text"] for sentence in made["disagreements"]] == [
        "The papers differ on employment: one describes a decrease, another an increase."
    ]
    assert ids(made["disagreements"]) == [{"F1", "F2"}]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (
            "The minimum wage reduced employment.",
            "The minimum wage reduced poverty and raised consumption.",
        ),  # other things
        ("The minimum wage reduced employment.", "Robots raised employment in factories."),  # other causes
        ("The minimum wage reduced employment in rural Ohio.", "Robots raised employment in rural Ohio."),
        ("The minimum wage may reduce employment.", "The minimum wage raised employment."),  # not certain
        ("The minimum wage reduced employment.", "The minimum wage did not raise prices."),
        ("No job losses were found at higher levels of the minimum wage.", "The minimum wage reduced employment."),
        (
            "The minimum wage raised employment and reduced hours.",
            "The minimum wage reduced employment.",
        ),  # two changes
        ("Whether the minimum wage lowers employment is unclear.", "The minimum wage raised employment."),
    ],
)
def test_no_disagreement_is_made_up(first: str, second: str) -> None:
    assert report(WAGE, statements([("a", first), ("b", second)]), [])["disagreements"] == []


def test_no_disagreement_within_a_paper() -> None:
    texts = ["The minimum wage reduced employment of teenagers.", "The minimum wage raised employment of adults."]
    assert report(WAGE, statements([("a", text) for text in texts]), [])["disagreements"] == []


def test_a_finding_that_contradicts_others_says_so_itself() -> None:
    found = statements(
        [("a", "Contrary to earlier studies, the minimum wage left prices alone."), ("b", "Prices are sticky.")]
    )
    assert report(WAGE, found, [])["disagreements"] == [{"text": found[0].text, "findings": ["F1"]}]


def test_negated_words_do_not_agree() -> None:
    found = statements(
        [
            ("a", "The vaccine was effective in preventing severe Covid-19."),
            ("b", "The vaccine was not effective in preventing severe Covid-19."),
        ]
    )
    assert report(VACCINE, found, [])["agreements"] == []


FEW = [
    ("a", "GPT-3 is a language model with 175 billion parameters, ten times more than any earlier language model."),
    ("a", "GPT-3 performs a new task from a few examples in the prompt, which is called in-context learning."),
    ("b", "Making a language model bigger does not by itself make it more helpful, truthful or harmless."),
    ("b", "A language model tuned by people told the truth more often than GPT-3."),
    ("c", "BERT is a language model that set new records on eleven tasks."),
    ("c", "Whether a language model could learn from few examples was left open."),
    ("d", "SPRINT assigned 9,361 people who learn from few examples with a language model to two groups."),
]


def test_the_answer_begins_with_what_covers_the_specific_part_of_the_question() -> None:
    made = report("How do language models learn from few examples?", statements(FEW), [])["answer"]
    assert made[0]["findings"] == ["F2"]
    assert not {"F6", "F7"} & set().union(*ids(made)), "what is left open and how a study was done answer nothing"
    assert len(made) <= 3


@pytest.mark.parametrize(
    ("question", "first"),
    [
        ("What is a climate tipping point?", "A climate tipping point is a threshold beyond which change goes on."),
        ("How many genes do mice have?", "Mice have about 30,000 genes in all."),
        ("How effective are masks?", "Masks cut infections by 12%."),
    ],
)
def test_the_answer_is_of_the_kind_that_is_asked_for(question: str, first: str) -> None:
    texts = [
        "Several climate tipping points may be crossed by 2050.",
        "A climate tipping point is a threshold beyond which change goes on.",
        "Mice and flies share most of their genes.",
        "Mice have about 30,000 genes in all.",
        "Masks were found to be effective in most settings.",
        "Masks cut infections by 12%.",
    ]
    assert report(question, statements([("a", text) for text in texts]), [])["answer"][0]["text"] == first


def test_one_paper_has_plain_headings_and_its_limits_apart() -> None:
    found = statements([("a", text) for _, text in VACCINE_FINDINGS])
    made = report(VACCINE, found, [])
    assert [theme["title"] for theme in made["themes"]] == ["Main findings", "Limits and open questions"]
    assert ids(made["themes"][1]["sentences"]) == [{"F7"}]


def test_titles_neither_parrot_the_question_nor_name_quantities() -> None:
    texts = [
        "With 175 billion parameters GPT-3 writes news.",
        "Below 100 billion parameters no model reasons.",
        "Large language models are undertrained.",
        "On the knowledge test Chinchilla won.",
        "On another knowledge test Chinchilla lost to language models.",
    ]
    found = statements([("ab"[at % 2], text) for at, text in enumerate(texts)])
    titles = [theme["title"] for theme in report("What do large language models know?", found, [])["themes"]]
    assert titles == ["Main findings"]


def test_gaps_are_silent_questions() -> None:
    asked = [
        "What limits the evidence on mRNA vaccines?",
        "What do trials in children show?",
        "What methods are used on boats?",
        "How do ships work?",
        "Why do boats sink?",
    ]
    made = report(VACCINE, statements(VACCINE_FINDINGS), asked)["gaps"]
    assert VACCINE_FINDINGS[6][1] not in made, "it is a finding, with its citation"
    assert len(made) == 2
    assert "No finding addresses: What do trials in children show?" in made
    assert "No finding addresses: What limits the evidence on mRNA vaccines?" not in made, "F7 speaks of it"


def test_without_findings_the_report_is_empty_and_says_what_is_missing() -> None:
    made = report(VACCINE, [], ["What is known?"])
    assert made == {
        "answer": [],
        "themes": [],
        "agreements": [],
        "disagreements": [],
        "gaps": ["No finding addresses: What is known?"],
    }


TEXTS = st.one_of(
    st.text(max_size=80),
    st.sampled_from([text for _, text in VACCINE_FINDINGS]),
    st.lists(
        st.sampled_from(
            [
                *("the", "minimum wage", "employment", "rose", "reduced", "no", "increase", "in", "of", "not"),
                *("Covid-19", "{x}", "“", "and", "may", "vaccine", "teens"),
            ]
        ),
        max_size=14,
    ).map(" ".join),
)


@given(
    st.one_of(st.just(WAGE), st.text(max_size=60)),
    st.lists(st.tuples(st.sampled_from("abc"), TEXTS), max_size=9),
    st.lists(TEXTS, max_size=3),
)
def test_any_findings_give_a_sound_report(question: str, findings: list[tuple[str, str]], asked: list[str]) -> None:
    found = statements(findings)
    made = report(question, found, asked)
    ReportDraft.model_validate(made)
    paper = {one.id: one.paper for one in found}
    placed = [id_ for theme in made["themes"] for sentence in theme["sentences"] for id_ in sentence["findings"]]
    assert sorted(placed) == sorted(paper)
    assert len({theme["title"] for theme in made["themes"]}) == len(made["themes"]) <= 5
    for sentence in [*made["answer"], *made["agreements"], *made["disagreements"]]:
        assert sentence["findings"]
        assert set(sentence["findings"]) <= set(paper)
    for sentence in made["agreements"]:
        assert len({paper[id_] for id_ in sentence["findings"]}) == len(sentence["findings"]) >= 2
    texts = {one.text for one in found}
    for sentence in made["answer"]:
        assert sentence["text"] in texts
    for sentence in made["disagreements"]:
        assert sentence["text"] in texts or re.match(r"The papers differ on .+: one describes", sentence["text"])
    assert made == report(question, found, asked)
