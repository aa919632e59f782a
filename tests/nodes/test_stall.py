"""Loops that get nowhere are noticed, those that get on are not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from threadloom.nodes.stall import UNKNOWN, astray, stalled


@pytest.mark.parametrize(
    ("marks", "why"),
    [
        ("aaa", "the same step was taken 3 times"),
        ("xyaaa", "the same step"),
        ("abab", "the same 2 steps"),
        ("xabcabc", "the same 3 steps"),
        ("abcdabcd", "the same 4 steps"),
        ("aab", ""),
        ("abac", ""),
        ("aabaab", "the same 3 steps"),
        ("", ""),
        ("aa", ""),
    ],
)
def test_repetition_at_the_end(marks: str, why: str) -> None:
    assert stalled(marks).startswith(why) if why else stalled(marks) == ""


@given(st.lists(st.integers(), unique=True).map(lambda numbers: list(map(str, numbers))))
def test_what_is_new_every_time_is_left_alone(marks: list[str]) -> None:
    assert stalled(marks) == ""


def rounds(*made: tuple[dict[str, Any], str]) -> list[BaseMessage]:
    messages: list[BaseMessage] = [HumanMessage("go")]
    for number, (args, result) in enumerate(made):
        call = {"name": "t", "args": args, "id": str(number)}
        messages += [AIMessage("", tool_calls=[call]), ToolMessage(result, tool_call_id=str(number), name="t")]
    return messages


def test_the_order_of_arguments_does_not_matter_their_values_and_results_do() -> None:
    assert astray(rounds(({"a": 1, "b": 2}, "x"), ({"b": 2, "a": 1}, "x"), ({"a": 1, "b": 2}, "x")), [])
    assert astray(rounds(*(({"page": page}, "x") for page in range(9))), []) is None
    assert astray(rounds(*(({}, f"{done} %") for done in range(9))), []) is None


def test_what_came_before_the_last_question_or_intervention_does_not_count() -> None:
    stuck = rounds(*[({}, "x")] * 3)
    step = astray(stuck, [])
    assert step is not None
    assert (step["kind"], step["at"]) == ("nudge", len(stuck))
    assert astray([*stuck, *rounds(({}, "x"))[1:]], [step]) is None
    again = astray([*stuck, *rounds(*[({}, "x")] * 3)[1:]], [step])
    assert again is not None
    assert again["kind"] == "replan"
    assert astray([*stuck, HumanMessage("and now?"), *rounds(({}, "x"))[1:]], []) is None


def test_an_unknown_tool_is_noticed_the_second_time() -> None:
    messages = rounds(({"a": 1}, "no"), ({"a": 2}, "no"))
    for message in messages:
        if isinstance(message, ToolMessage):
            message.additional_kwargs["error"] = UNKNOWN
    step = astray(messages, [])
    assert step is not None
    assert step["reason"] == "there is no tool 't', as was said before"
    assert astray(messages[:3], []) is None
