"""Sub-agents: they spend only their share, what they used comes back in any case, their questions pause the run."""

import asyncio
import threading
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import StructuredTool, tool
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command, Send
from typing_extensions import TypedDict

from tests.servers.openai_server import Answer, Hang, OpenAIServer, Reply, error
from threadloom.checkpoints import SQLSaver
from threadloom.graphs.react import build
from threadloom.models.roles import Models
from threadloom.models.settings import ModelEntry
from threadloom.nodes.delegate import delegate
from threadloom.nodes.within import begun, within
from threadloom.state.budget import Limits, Work, add_work, left, shares, spent
from threadloom.state.reducers import merge_keys, merge_usage
from threadloom.state.usage import Usage

THREAD: Any = {"configurable": {"thread_id": "t"}}


class Team(TypedDict):
    limits: Limits
    usage: Annotated[dict[str, Usage], merge_usage]
    work: Annotated[Work, add_work]
    answers: Annotated[dict[str, str], merge_keys]


class Task(TypedDict):
    topic: str
    budget: Limits


def team(server: OpenAIServer, tools: list[Any], topics: list[str], saver: Any) -> Any:
    """A graph that gives each topic to an agent of its own, all at once."""
    entry = ModelEntry.model_validate({"model": "m", "base_url": server.url, "api_key": "none", "max_retries": 0})
    agent = build(models=Models({"m": entry}, {"default": ("m",)}), tools=tools).compile()

    def fan_out(state: Team) -> list[Send]:
        parts = shares(left(state["limits"], state.get("usage", {}), state.get("work")), len(topics))
        return [Send("work", Task(topic=topic, budget=part)) for topic, part in zip(topics, parts, strict=True)]

    def work(state: Task) -> dict[str, Any]:
        outcome = delegate(agent, [HumanMessage(state["topic"])], state["budget"])
        return {"answers": {state["topic"]: outcome.failed or outcome.stopped or outcome.answer}, **outcome.charges()}

    graph: Any = StateGraph(Team)
    graph.add_node("work", work)
    graph.add_conditional_edges(START, fan_out, ["work"])
    return graph.compile(checkpointer=saver)


class AsyncOnly(BaseCheckpointSaver[Any]):
    """As the LangGraph server wraps a saver: without synchronous methods."""

    def __init__(self, inner: SQLSaver) -> None:
        super().__init__()
        self.aput, self.aput_writes, self.aget_tuple = inner.aput, inner.aput_writes, inner.aget_tuple  # type: ignore[method-assign]
        self.get_next_version = inner.get_next_version  # type: ignore[method-assign]


@tool
def weather(city: str) -> str:
    """Weather of a city."""
    return f"{city}: sunny"


def topic(body: dict[str, Any]) -> str:
    return next(str(message["content"]) for message in body["messages"] if message["role"] == "user")


def test_parallel_agents_spend_their_shares_and_the_whole_is_charged(server: OpenAIServer) -> None:
    lock, number = threading.Lock(), iter(range(99))

    def endless(body: dict[str, Any]) -> Answer:
        with lock:
            return Reply(calls=(("weather", {"city": str(next(number))}),)) if "tools" in body else Reply("Enough.")

    server.scenario = endless
    with SQLSaver("sqlite://") as saver:
        state = team(server, [weather], ["a", "b", "c"], saver).invoke(
            {"limits": Limits(model_calls=7, steps=60)}, THREAD
        )
    assert len(server.requests) == 7  # two each and one more for the first, and nobody spends another's
    assert spent(state["usage"], state["work"])["model_calls"] == 7
    assert state["work"]["steps"] == 7 + 4
    assert state["answers"] == {
        topic: f"the budget of {calls} model calls is nearly used up" for topic, calls in (("a", 3), ("b", 2), ("c", 2))
    }


def test_an_agent_that_fails_is_charged_and_leaves_the_others_alone(server: OpenAIServer) -> None:
    def scenario(body: dict[str, Any]) -> Answer:
        if body["messages"][-1]["role"] != "tool":
            return Reply(calls=(("weather", {"city": topic(body)}),))
        return error(401) if topic(body) == "Oslo" else Reply("Sunny.")

    server.scenario = scenario
    with SQLSaver("sqlite://") as saver:
        state = team(server, [weather], ["Lima", "Oslo"], saver).invoke({"limits": Limits(model_calls=20)}, THREAD)
    assert state["answers"]["Lima"] == "Sunny."
    assert "the key was refused" in state["answers"]["Oslo"]
    assert state["usage"]["m"]["calls"] == 3  # the refused one was not answered, so it cost nothing


@pytest.mark.parametrize("async_only", [False, True])
@pytest.mark.parametrize("topics", [["ann"], ["ann", "bob"]])
def test_a_question_of_a_sub_agent_pauses_the_run_and_is_answered(
    server: OpenAIServer, topics: list[str], async_only: bool
) -> None:
    log: list[str] = []

    def send(to: str) -> str:
        """Send a message."""
        log.append(to)
        return f"sent to {to}"

    def scenario(body: dict[str, Any]) -> Answer:
        done = body["messages"][-1]["role"] == "tool"
        return Reply(f"{topic(body)} knows.") if done else Reply(calls=(("send", {"to": topic(body)}),))

    server.scenario = scenario
    tools = [StructuredTool.from_function(send, metadata={"acts": True})]
    with SQLSaver("sqlite://") as saver:
        graph = team(server, tools, topics, AsyncOnly(saver) if async_only else saver)

        def run(given: Any) -> Any:
            return asyncio.run(graph.ainvoke(given, THREAD)) if async_only else graph.invoke(given, THREAD)

        paused = run({"limits": Limits(model_calls=20)})
        waiting = {one.id: one.value["details"]["args"]["to"] for one in paused["__interrupt__"]}
        assert sorted(waiting.values()) == topics
        state = run(Command(resume={key: {"action": "approve"} for key in waiting}))
    assert sorted(log) == topics
    assert state["answers"] == {to: f"{to} knows." for to in topics}
    assert state["usage"]["m"]["calls"] == 2 * len(topics)
    assert len(server.requests) == 2 * len(topics)


class Stuck:
    """An agent of LangGraph's own that works for a step and then hangs; it keeps no account of what it does."""

    def __init__(self) -> None:
        self.hangs, self.let_go, self.went_on = threading.Event(), threading.Event(), threading.Event()
        graph: Any = StateGraph(MessagesState)
        graph.add_node("say", lambda state: {"messages": [AIMessage("One moment.")]})
        graph.add_node("hang", self._hang)
        graph.add_node("act", self._act)
        graph.add_edge(START, "say")
        graph.add_edge("say", "hang")
        graph.add_edge("hang", "act")
        self.agent = graph.compile()

    def _act(self, state: Any) -> dict[str, Any]:
        self.went_on.set()
        return {}

    def _hang(self, state: Any) -> dict[str, Any]:
        self.hangs.set()
        self.let_go.wait(30)
        return {}


@pytest.mark.parametrize(("budget", "deadline"), [(Limits(seconds=0.5), 900), (Limits(), 0.5), (Limits(seconds=0), 1)])
def test_a_foreign_agent_that_hangs_is_left_behind_and_does_nothing_more(
    budget: Limits, deadline: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck, before = Stuck(), threading.active_count()

    def from_then_on(seconds: float, work: Callable[[], None]) -> None:
        outcome = begun(work)
        assert stuck.hangs.wait(60)  # how long it takes to come there is for the machine to say
        within(seconds, outcome.result)

    monkeypatch.setattr("threadloom.nodes.delegate.within", from_then_on)
    outcome = delegate(stuck.agent, [HumanMessage("x")], budget, deadline)
    no_time = budget.get("seconds") == 0
    assert outcome.failed == ("the budget left no seconds of work for it" if no_time else "no answer within 0.5 s")
    assert outcome.answer == ""
    assert [message.text for message in outcome.messages] == ([] if no_time else ["x", "One moment."])
    assert outcome.work["seconds"] >= (0 if no_time else 0.5)
    stuck.let_go.set()
    while threading.active_count() > before:
        threading.Event().wait(0.01)
    assert not stuck.went_on.is_set()


def test_an_agent_that_minds_its_budget_ends_by_itself(server: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "threadloom.nodes.delegate.RESERVE", 0.99
    )  # it is told 0.6 s, and has a minute to end by itself
    server.reply(Hang())
    entry = ModelEntry.model_validate({"model": "m", "base_url": server.url, "api_key": "none", "max_retries": 0})
    agent = build(models=Models({"m": entry}, {"default": ("m",)}), tools=[weather]).compile()
    outcome = delegate(agent, [HumanMessage("x")], Limits(seconds=60))
    assert (outcome.failed, outcome.stopped) == ("", "its time of 60 s is used up")
    assert outcome.answer == ""
    assert outcome.messages[-1].text.startswith("The run was stopped without an answer")
