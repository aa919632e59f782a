"""Handing work to another agent: a share of the budget goes down, what was used comes back, also if it failed."""

from asyncio import run as run_async
from collections.abc import Callable
from typing import Any, NamedTuple

from langchain_core.messages import AnyMessage, BaseMessage
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.config import get_config
from langgraph.constants import CONFIG_KEY_CHECKPOINTER
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
        _follow(agent, {"messages": messages, "budget": budget}, last.update)
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


def _follow(agent: Any, given: dict[str, Any], keep: Callable[[dict[str, Any]], object]) -> None:
    """Run the agent, keeping each of its states; in an event loop of its own where the saver knows no other way."""
    if not _saver_is_async_only():
        for state in agent.stream(given, stream_mode="values"):
            keep(state)
        return

    async def follow() -> None:
        async for state in agent.astream(given, stream_mode="values"):
            keep(state)

    run_async(follow())


def _saver_is_async_only() -> bool:
    """Whether the agent would inherit a saver without synchronous methods, such as that of the LangGraph server."""
    try:
        saver = get_config().get("configurable", {}).get(CONFIG_KEY_CHECKPOINTER)
    except RuntimeError:  # no graph runs here
        return False
    return isinstance(saver, BaseCheckpointSaver) and type(saver).get_tuple is BaseCheckpointSaver.get_tuple
