"""Handing work to another agent: a share of the budget goes down, what was used comes back, also if it failed."""

from typing import Any, NamedTuple

from langchain_core.messages import AnyMessage, BaseMessage
from langgraph.errors import GraphBubbleUp

from threadloom.state.agent import Act
from threadloom.state.budget import Limits, Work, no_work, work_until_now
from threadloom.state.usage import Usage


class Outcome(NamedTuple):
    """What an agent gave back."""

    messages: list[AnyMessage]
    """Its conversation, as far as it came."""
    usage: dict[str, Usage]
    work: Work
    """Both are for the caller's node to return: its reducers add them up."""
    stopped: str
    """Why it ended early; empty when it answered by itself."""
    failed: str
    """The error that ended it; empty when none did."""
    acts: list[Act]
    """What its tools did to the world."""

    @property
    def answer(self) -> str:
        """The text of its last message."""
        return "" if self.failed or not self.messages else self.messages[-1].text

    def charges(self) -> dict[str, Any]:
        """What the caller's node returns of it besides its own results."""
        return {"usage": self.usage, "work": self.work}


def delegate(agent: Any, messages: list[BaseMessage], budget: Limits) -> Outcome:
    """Run a compiled agent graph (see AgentState) inside of a node, on so much of the budget (see `share`).

    An error of the agent is returned, not raised: the branches beside it go on. A question it asks pauses the run, and
    the node that calls this runs again on resume: it calls this once, and does nothing that counts before.
    """
    last: dict[str, Any] = {}
    failed = ""
    try:
        for state in agent.stream({"messages": messages, "budget": budget}, stream_mode="values"):
            last = state
    except GraphBubbleUp:
        raise
    except Exception as error:  # noqa: BLE001 - a branch that fails is the caller's to deal with
        failed = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    done = last.get("work") or no_work()
    return Outcome(
        messages=last.get("messages", []),
        usage=last.get("usage", {}),
        work=work_until_now(done["steps"], done["seconds"]),
        stopped=last.get("stopped", ""),
        failed=failed,
        acts=last.get("acts", []),
    )
