"""Handing work to another agent: a share of the budget goes down, what was used comes back, also if it failed."""

from asyncio import run as run_async
from threading import Event
from typing import Any, NamedTuple

from langchain_core.messages import AnyMessage, BaseMessage
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.config import get_config
from langgraph.constants import CONFIG_KEY_CHECKPOINTER
from langgraph.errors import GraphBubbleUp

from threadloom.nodes.conclude import no_answer
from threadloom.nodes.within import TooSlowError, within
from threadloom.state.agent import Act
from threadloom.state.budget import RESERVE, Limits, Stopwatch, Work, limit, no_work, shortage, work_until_now
from threadloom.state.choice import Choice
from threadloom.state.usage import Usage

DEADLINE = 900.0
"""Seconds that an agent may take, unless told."""


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
    choices: list[Choice]
    unanswered: bool = False
    """Whether it was stopped without an answer."""

    @property
    def answer(self) -> str:
        """The text of its last message, unless that says that there is no answer."""
        return "" if self.failed or self.unanswered or not self.messages else self.messages[-1].text

    def charges(self) -> dict[str, Any]:
        """What the caller's node returns of it besides its own results."""
        return {"usage": self.usage, "work": self.work, "choices": self.choices}


def delegate(agent: Any, messages: list[BaseMessage], budget: Limits, deadline: float | None = DEADLINE) -> Outcome:
    """Run a compiled agent graph (see AgentState) inside of a node, on so much of the budget (see `share`).

    Nobody waits for it longer than the budget's seconds, or `deadline` unless that is None. An agent that minds its
    budget is told a tenth less, and ends by itself; any other is left behind, and stops after the step that it is in.

    Where the budget has nothing left it is not asked at all: it may be one that minds no budget.
    An error of the agent is returned, not raised: the branches beside it go on. A question it asks pauses the run, and
    the node that calls this runs again on resume: it calls this once, and does nothing that counts before.
    """
    if gone := shortage(budget):
        return Outcome([], {}, no_work(), "", gone, [], [])
    watch, left_behind = Stopwatch(), Event()
    states: list[dict[str, Any]] = [{}]
    seconds = min((one for one in (budget.get("seconds"), deadline) if one is not None), default=None)
    part = budget if seconds is None else Limits(**{**budget, "seconds": seconds * (1 - RESERVE)})
    failed = ""
    try:
        within(seconds, lambda: _follow(agent, {"messages": messages, "budget": part}, states, left_behind))
    except GraphBubbleUp:
        raise
    except TooSlowError as error:
        left_behind.set()
        failed = str(error)
    except Exception as error:  # noqa: BLE001 - a branch that fails is the caller's to deal with
        failed = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    last = states[-1]
    said: list[AnyMessage] = last.get("messages", [])
    done, stopped = last.get("work") or no_work(), last.get("stopped", "")
    return Outcome(
        messages=said,
        usage=last.get("usage", {}),
        work=work_until_now(done["steps"], max(done["seconds"], watch.seconds())),  # it may keep no account
        stopped=stopped.replace(limit("seconds", part), f"its time of {seconds:.3g} s") if seconds else stopped,
        failed=failed,
        acts=last.get("acts", []),
        choices=last.get("choices", []),
        unanswered=bool(stopped and said) and said[-1].text == no_answer(stopped),
    )


def _follow(agent: Any, given: dict[str, Any], states: list[dict[str, Any]], stop: Event) -> None:
    """Run the agent, keeping its latest state; in an event loop of its own where the saver knows no other way."""
    modes = ["values", "updates"]  # a step that changes nothing has no values

    def ends(mode: str, part: dict[str, Any]) -> bool:
        if mode == "values" and not stop.is_set():
            states[:] = [part]
        return stop.is_set()

    if not _saver_is_async_only():
        any(ends(*part) for part in agent.stream(given, stream_mode=modes))
        return

    async def follow() -> None:
        async for part in agent.astream(given, stream_mode=modes):
            if ends(*part):
                return

    run_async(follow())


def _saver_is_async_only() -> bool:
    """Whether the agent would inherit a saver without synchronous methods, such as that of the LangGraph server."""
    try:
        saver = get_config().get("configurable", {}).get(CONFIG_KEY_CHECKPOINTER)
    except RuntimeError:  # no graph runs here
        return False
    return isinstance(saver, BaseCheckpointSaver) and type(saver).get_tuple is BaseCheckpointSaver.get_tuple
