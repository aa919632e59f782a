"""A goal pursued without a language model: by its own words, the library and sums."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from threadloom.graphs.goal import build
from threadloom.models.extractive.answer import NO_MATERIAL
from threadloom.models.roles import Models
from threadloom.nodes.by_rote import ABLE, met, steps

Alone = Callable[[str], tuple[str, dict[str, str]]]


def test_without_a_language_model_a_goal_is_pursued_by_vocabulary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THREADLOOM_DISABLED", "europepmc,crossref,arxiv,openalex")
    monkeypatch.chdir(tmp_path)
    goal = "Collect what the library knows about mRNA vaccines and write a note comparing the trials"
    state = build(models=Models()).compile().invoke({"goal": goal})
    assert [step["status"] for step in state["plan"]] == ["done", "done"]
    assert (state["done"], state["stopped"]) == (True, "")
    [path] = (tmp_path / "notes").iterdir()
    note = path.read_text()
    assert "two doses of the BNT162b2 mRNA vaccine were 95% effective" in note
    assert "doi:10.1056/nejmoa2034577" in note
    answer = state["messages"][-1].text
    assert "95% effective" in answer
    assert f"Notes: {path.name}" in answer
    assert "no language model" in answer

    state = build(models=Models()).compile().invoke({"goal": "Find out how zorblax sings; then write a summary"})
    assert not state["done"]
    assert [step["status"] for step in state["plan"]] == ["failed", "failed"]
    assert {thought["learnt"] for thought in state["reflections"]} == {"there is nothing to go by"}
    assert [*(tmp_path / "notes").iterdir()] == [path]
    assert state["messages"][-1].text.startswith(NO_MATERIAL)
    assert "Not settled:\n- The notes speak of" in state["messages"][-1].text


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Alone:
    """A goal pursued without a language model: its answer, and name to text of the notes that there are then."""
    monkeypatch.setenv("THREADLOOM_DISABLED", "europepmc,crossref,arxiv,openalex")
    monkeypatch.chdir(tmp_path)

    def pursue(goal: str) -> tuple[str, dict[str, str]]:
        state = build(models=Models()).compile().invoke({"goal": goal})
        there = sorted((tmp_path / "notes").glob("*"))
        return state["messages"][-1].text, {path.name: path.read_text() for path in there}

    return pursue


def test_a_sum_is_worked_out_and_noted(alone: Alone) -> None:
    answer, notes = alone("What is 17% of 2,340? Save it in a note.")
    assert answer.startswith("17 / 100 * 2340 = 397.8.\n")
    assert "Not settled" not in answer
    [note] = notes.values()
    assert note.startswith("- 17 / 100 * 2340 = 397.8.\n")


def test_a_note_has_the_name_that_is_asked_for_and_the_sources_of_its_sentences(
    alone: Alone,
) -> None:
    goal = "Learn how transformers work in machine learning, and write it down in attention.md"
    answer, notes = alone(goal)
    assert list(notes) == ["attention.md"]
    assert re.findall(r"\((?:doi|arxiv):.+\)", notes["attention.md"]) == ["(arxiv:1706.03762)"]
    assert "28.4 BLEU" in answer
    assert "characters to" not in answer, "that a note was written is no finding"


def test_two_subjects_may_be_those_of_two_papers(alone: Alone) -> None:
    answer, _ = alone("Compare AlphaFold and GPT-3")
    assert answer.startswith("AlphaFold predicts")


def test_what_is_dictated_is_written_as_it_is(alone: Alone) -> None:
    answer, notes = alone("Write down that Bob called at 3")
    assert notes == {"bob-called.md": "Bob called at 3"}
    assert "Not settled" not in answer


@pytest.mark.parametrize(
    "goal",
    [
        "Plan a birthday party for a six-year-old",
        "Book a table",
        "Organise my week",
        "Work out the monthly payment on 250,000 at 3%",
        "Write a haiku about autumn, to haiku.md",
    ],
)
def test_what_takes_a_language_model_is_said_and_not_made_up(alone: Alone, goal: str) -> None:
    answer, notes = alone(goal)
    assert ABLE in answer
    assert not notes


def test_notes_that_are_there_are_read_and_left_as_they_are(alone: Alone, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "todo.md").write_text("The invoice of the plumber is still open. The fence is done.")
    answer, notes = alone("Read my notes and tell me what is still open")
    assert answer.startswith("The invoice of the plumber is still open.")
    assert notes["todo.md"] == "The invoice of the plumber is still open. The fence is done."


def test_words_that_say_little_meet_no_criterion() -> None:
    assert not met("The notes speak of immigration effects", "The effects of a minimum wage were small.")[0]
    assert met("The notes speak of immigration effects", "Immigration raised wages.")[0]


@pytest.mark.parametrize(
    ("goal", "plan"),
    [
        (
            "Find out whether spaced repetition works and list three findings",
            [
                "What does the library know about spaced repetition works?",
                "Write a note: list three findings, to spaced-repetition-works.md",
            ],
        ),
        (
            "Find three studies on microcredit, compare them and write a report to out/micro.md",
            [
                "What does the library know about microcredit?",
                "Write a note: compare them, to microcredit.md",
                "Write a report, to out/micro.md",
            ],
        ),
        (
            "Research GPT-3, then explain it to a child",
            ["What does the library know about GPT-3?", "Write a note on GPT-3, to gpt-3.md"],
        ),
        (
            "Write a note about side effects of vaccines in a file called effects.md",
            [
                "What does the library know about side effects, vaccines?",
                "Write a note about side effects of vaccines, to effects.md",
            ],
        ),
        (
            "Find papers on zebras and write a summary to the note 'zoo.md'",
            ["What does the library know about zebras?", "Write a summary, to zoo.md"],
        ),
        ("Write down that Bob called at 3", ['Write "Bob called at 3" to bob-called.md']),
        ("Who was Ada? Save it.", ["What does the library know: Who was Ada?", "Write a note on Ada, to ada.md"]),
    ],
)
def test_a_plan_by_rote(goal: str, plan: list[str]) -> None:
    assert steps(goal, []) == plan
