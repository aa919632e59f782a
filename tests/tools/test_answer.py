"""Functions as tools: whatever they return or raise, a model gets bounded text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.tools import ToolException
from pydantic import Field

from threadloom.tools import answer
from threadloom.tools.answer import Arguments, passage, tool_of


class Number(Arguments):
    number: int = Field(ge=0)


def say(number: int) -> tuple[str, int]:
    if number == 0:
        raise ToolException("no " * 10_000)
    if number == 1:
        raise ZeroDivisionError
    return "x" * number, number


TOOL = tool_of(say, name="say", description="Say it.", arguments=Number)


def call(**args: object) -> object:
    return TOOL.invoke({"name": "say", "args": args, "id": "1", "type": "tool_call"})


async def test_answers_are_bounded() -> None:
    message = call(number=5_000_000)
    assert message == await TOOL.ainvoke({"name": "say", "args": {"number": 5_000_000}, "id": "1", "type": "tool_call"})
    assert message.artifact == 5_000_000  # type: ignore[attr-defined]  # it is a ToolMessage
    kept, note = message.content.split("\n")  # type: ignore[attr-defined]  # likewise
    assert len(kept) == answer.MOST
    assert note == "[cut here: 30,000 of 5,000,000 characters; ask for less, or for a part of it]"


@pytest.mark.parametrize("args", [{"number": 0}, {"number": -1}, {"number": "x" * 5_000_000}, {"y" * 5_000_000: 1}])
def test_failures_are_short(args: dict[str, object]) -> None:
    message = call(**args)
    assert message.status == "error"  # type: ignore[attr-defined]  # it is a ToolMessage
    assert 0 < len(message.content) <= answer.MOST_OF_ERROR  # type: ignore[attr-defined]  # likewise


def test_a_bug_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        call(number=1)


@given(st.text("ab \n", max_size=200), st.integers(1, 30))
def test_parts_are_the_whole(content: str, most: int) -> None:
    start, parts = 0, []
    while True:
        part = passage(content, start, most)
        parts.append(str(part["text"]))
        assert len(parts[-1]) <= most
        if "next_start" not in part:
            break
        start = int(str(part["next_start"]))
    assert "".join(parts) == content
    with pytest.raises(ToolException, match="there is no character"):
        passage(content, len(content) + 1, most)
