"""A graph with a tool that sends a mail, and a process that runs it: python -m tests.runs.mailing URL PORT."""

import sys
from collections.abc import Sequence
from typing import Any

from langchain_core.tools import BaseTool
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from tests.runs.leases import LONG
from threadloom.nodes.tool import run_tool
from threadloom.runs.runner import Runner
from threadloom.tools.mail.send import MailServer, send_tool

LETTER = {"to": ["bob@example.org"], "subject": "Hello", "body": "From me"}
GIVEN: Any = {
    "call": {"name": "send_mail", "args": LETTER, "id": "call-1", "type": "tool_call"},
    "complaint": "",
    "decision": None,
    "seconds": None,
}


class State(TypedDict, total=False):
    call: Any
    complaint: str
    decision: Any
    seconds: Any
    messages: list[Any]
    acts: list[Any]


def mailing(port: int) -> Any:
    """A tool that sends."""
    return calling([send_tool(MailServer(f"smtp://127.0.0.1:{port}"), "ann@example.org")])


def calling(tools: Sequence[BaseTool]) -> Any:
    """The task of a tool alone, with its call as the input."""
    calls = run_tool(tools)

    def call(state: Any) -> State:
        update = calls(state)
        return {"messages": update["messages"], "acts": update.get("acts", [])}

    built = StateGraph(State)
    built.add_node("call", call)
    built.add_edge(START, "call")
    return built


def main(url: str, port: str) -> None:
    """Send, if one lives to."""
    Runner(url, {"mailing": mailing(int(port))}, lease=LONG).start("mailing", GIVEN).wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
