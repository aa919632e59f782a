"""Drafts that wait for a person, and acts that are taken back."""

from typing import Any, NotRequired

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from threadloom.nodes.approve import approve_draft
from threadloom.nodes.question import check
from threadloom.nodes.undo import undo
from threadloom.state.agent import Act, Decision

THREAD: Any = {"configurable": {"thread_id": "t"}}


class Mail(BaseModel):
    to: str = Field(min_length=3)
    body: str


class State(TypedDict):
    mail: Any
    refused: NotRequired[str]
    decisions: NotRequired[dict[str, Decision]]


def graph(shape: type[BaseModel] | None = Mail) -> Any:
    flow: Any = StateGraph(State)
    flow.add_node("approve", approve_draft("mail", prompt="Send it?", shape=shape))
    flow.add_edge(START, "approve")
    flow.add_conditional_edges("approve", lambda state: "approve" if state["refused"] else END, ["approve", END])
    return flow.compile(checkpointer=InMemorySaver())


def answered(draft: Any, *answers: Any, shape: type[BaseModel] | None = Mail) -> Any:
    flow = graph(shape)
    state = flow.invoke({"mail": draft}, THREAD)
    for answer in answers:
        assert "__interrupt__" in state
        state = flow.invoke(Command(resume=answer), THREAD)
    return state


DRAFT = {"to": "ann", "body": "hello"}


def test_a_draft_is_shown_and_approved_rejected_or_answered() -> None:
    state = answered(DRAFT)
    assert '"to": "ann"' in state["__interrupt__"][0].value["markdown"]
    check(state["__interrupt__"][0].value, {"action": "approve"})
    for action, text in (("approve", ""), ("reject", "no"), ("respond", "shorter")):
        state = answered(DRAFT, {"action": action, "text": text})
        assert (state["mail"], state["decisions"]["mail"]["action"]) == (DRAFT, action)
        assert state["decisions"]["mail"]["text"] == text


def test_long_texts_of_a_draft_are_shown_with_their_own_lines() -> None:
    body = 'Dear "Ann",\r\n\r\n```\nI\x1b[2J \u202ewrite\n# Approved'
    question = answered({"to": "ann", "body": body, "it`s": "a\nb"})["__interrupt__"][0].value
    assert question["markdown"] == (
        '```json\n{\n  "to": "ann",\n  "it`s": "a\\nb"\n}\n```\n\n`body`:\n\n'
        '````text\nDear "Ann",\n\n```\nI\\u001b[2J \\u202ewrite\n# Approved\n````'
    )
    assert question["details"]["mail"]["body"] == body


def test_an_edit_changes_parts_and_has_to_fit() -> None:
    state = answered(DRAFT, {"action": "edit", "args": {"to": "bob"}})
    assert state["mail"] == {"to": "bob", "body": "hello"}
    state = answered("hello", {"action": "edit", "args": {"text": "bye"}}, shape=None)
    assert state["mail"] == "bye"


@pytest.mark.parametrize(
    ("draft", "args", "why"),
    [
        (DRAFT, {"to": "x"}, "args: to: String should have at least 3"),
        (DRAFT, {"cc": "eve"}, "args: there is no cc to edit"),
        ("hello", {"subject": "x"}, "args: there is no subject to edit"),
        ("hello", {"text": 5}, "Input should be a valid string"),
    ],
)
def test_an_edit_that_does_not_fit_is_asked_again_and_changes_nothing(draft: Any, args: Any, why: str) -> None:
    state = answered(draft, {"action": "edit", "args": args})
    assert why in state["__interrupt__"][0].value["refused"]
    assert state["mail"] == draft


def test_acts_are_taken_back_in_reverse_and_what_stands_is_said() -> None:
    log: list[str] = []

    def cancel(act: Act) -> None:
        if act["call_id"] == "2":
            raise OSError("no line")
        log.append(act["call_id"])

    acts = [
        Act(call_id=str(n), tool="book" if n < 4 else "pay", args={}, status="success", result="") for n in range(1, 5)
    ]
    assert undo(acts, {"book": cancel}) == [
        "pay (4) stands: nothing is known that would take it back",
        "book (2) stands: no line",
    ]
    assert log == ["3", "1"]
