"""Sums in requests: numbers as people write them, worked out, passed on, and never read out of a paper."""

import pytest
from langchain_core.messages import HumanMessage, ToolMessage

from tests.models.called import calculator, calls, lookup
from threadloom.models.extractive.chat import ChatExtractive
from threadloom.models.prompts import element, prompt

QUESTION = "Does raising the minimum wage reduce employment?"
DOCUMENT = "We found that a higher minimum wage reduced employment of teenagers by 2%. Hours worked did not change."


@pytest.fixture(scope="module")
def model() -> ChatExtractive:
    return ChatExtractive()


@pytest.mark.parametrize(
    ("request_", "sums"),
    [
        ("17% of 2340", ["17 / 100 * 2340"]),
        ("How much is 12.5 percent of (20 + 4)?", ["12.5 / 100 * (20 + 4)"]),
        ("What is 3 * 4, and what is 15 - 6?", ["3 * 4", "15 - 6"]),
        ("Use the calculator: 2 * 3 for 40 people on 2026-11-22, and 7 + 7", ["2 * 3", "7 + 7"]),
        ("What is 17% of 2,340?", ["17 / 100 * 2340"]),
        ("What is 1,000,000 divided by 4?", ["1000000 / 4"]),
        ("12,5 * 3", ["12.5 * 3"]),
        ("What is 1/3 of 90?", ["1 / 3 * 90"]),
        ("Add 1,200 and 3,400", ["1200 + 3400"]),
        ("Subtract 5 from 1,000", ["1000 - 5"]),
        ("Half of 1,200", ["1 / 2 * 1200"]),
        ("How much is 20% off $1,299?", ["1299 - 20 / 100 * 1299"]),
        ("2.340,50 EUR plus 19%", ["2340.50 + 19 / 100 * 2340.50"]),
        ("What is 1,250 * 12, and what is 15% of that?", ["1250 * 12", "15 / 100 * (1250 * 12)"]),
        ("What is seventeen times twenty-three?", ["17 * 23"]),
        ("Fifteen percent of two hundred and forty", ["15 / 100 * 240"]),
        ("Add a thousand and five to three hundred thousand", ["1005 + 300000"]),
        ("What is the sum of five and six, and what is two thirds of ninety?", ["5 + 6", "2 / 3 * 90"]),
    ],
)
def test_every_sum_is_worked_out(model: ChatExtractive, request_: str, sums: list[str]) -> None:
    bound = model.bind_tools([lookup, calculator])
    made = bound.invoke(request_)
    assert [(call["name"], call["args"]) for call in made.tool_calls] == [
        ("calculator", {"expression": one}) for one in sums
    ]
    results = [ToolMessage("1", tool_call_id=call["id"]) for call in made.tool_calls]
    said = bound.invoke([HumanMessage(request_), made, *results]).text
    assert said == " ".join(f"{one} = 1." for one in sums)


def test_a_sum_with_a_percentage_that_is_not_understood_is_not_worked_out(model: ChatExtractive) -> None:
    for text in ("What is 3 + 4 - 10%?", "9%-11% * 300", "Is there 24/7 support?", "A one-to-one times", "one or two"):
        assert calls(model.bind_tools([calculator]).invoke(text)) == {}


def test_a_sum_is_worked_out_beside_notes_of_others_and_passed_on(model: ChatExtractive) -> None:
    question = f"{QUESTION} And what is 15% of 1,200?"
    messages = prompt("Answer.", element("question", question), element("note", DOCUMENT))
    made = model.bind_tools([calculator]).invoke(messages)
    assert calls(made) == {"calculator": {"expression": "15 / 100 * 1200"}}
    note = f"15 / 100 * 1200 = 180. {DOCUMENT}"
    said = model.invoke(prompt("Answer.", element("question", question), element("note", note))).text
    assert said.startswith("15 / 100 * 1200 = 180. We found that a higher minimum wage reduced")
    alone = model.invoke(prompt("Answer.", element("question", "15% of 1,200?"), element("note", note))).text
    assert alone == "15 / 100 * 1200 = 180."


def test_a_result_of_a_paper_is_no_sum(model: ChatExtractive) -> None:
    found = element("document", "Wages and employment correlated with r = 0.3.")
    said = model.invoke(prompt("Answer.", element("question", "How do wages and employment correlate?"), found)).text
    assert said == "Wages and employment correlated with r = 0.3."
