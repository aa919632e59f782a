"""A team: agents by name, and the tools by which another agent asks them for something."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from langchain_core.tools import BaseTool, StructuredTool
from pydantic import Field

from threadloom.nodes.delegate import DEADLINE
from threadloom.tools.answer import Arguments

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")


class Member(NamedTuple):
    """One agent of a team."""

    name: str
    about: str
    """What it is good for, in a sentence: all that the supervisor knows of it."""
    agent: Any
    """A compiled graph with the state of an agent (AgentState), such as one of `react.build`."""
    opening: str = ""
    """What every request to it begins with."""
    deadline: float = DEADLINE
    """Seconds after which nobody waits for it any more, whatever the budget has."""


class Request(Arguments):
    """What a specialist is asked for."""

    # Names that the extractive model fills with the whole request rather than with a name in it.
    request: str = Field(
        min_length=1, max_length=20_000, description="The task, complete in itself: the conversation is not seen"
    )
    expected_text: str = Field(default="", max_length=2_000, description="What the result must contain, in what form")
    notes: list[str] = Field(default_factory=list, description="Keys of the board whose notes are handed along")
    key: str = Field(default="", max_length=80, description="Key of the board for the result; by default the name")


def check_names(names: Sequence[str], what: str) -> None:
    """Raises ValueError with one line when there is no name, one cannot be a tool's, or two are the same."""
    if not names:
        raise ValueError(f"{what}: none given")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{what}: more than one is named {', '.join(twice)}; give each a name of its own")
    if bad := [name for name in names if not _NAME.fullmatch(name)]:
        raise ValueError(f"{what}: {bad[0]!r} is no name; use up to 40 letters, digits, - and _, a letter first")


def request_tools(team: Sequence[Member]) -> dict[str, BaseTool]:
    """Member name to the tool `ask_<name>`. The graph carries the calls out: a tool cannot hand over a budget."""
    return {member.name: _request_tool(member) for member in team}


def _request_tool(member: Member) -> BaseTool:
    def ask(**_: object) -> str:
        raise NotImplementedError("calls of this tool are the graph's to carry out")

    return StructuredTool.from_function(ask, name=f"ask_{member.name}", description=member.about, args_schema=Request)
