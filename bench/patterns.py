"""What a pattern adds to a step, beside the same graph wired with bare LangGraph.

Steps that do next to nothing; and those of an agent that asks a model over HTTP on this machine, in 5 ms an answer.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from operator import or_
from typing import Annotated, Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import Send
from pydantic import SecretStr
from typing_extensions import TypedDict

from bench.measure import Figure, interleaved, timed
from bench.peers import Peer
from bench.scale import Scale
from tests.servers.openai_server import OpenAIServer, Reply
from threadloom.graphs import parallel, react, sequential
from threadloom.nodes.branch import SECONDS, Branch
from threadloom.nodes.step import Step

STEP = "{}: a step"
OURS, BY_HAND = "threadloom", "bare LangGraph"
STEPS, BRANCHES = 8, 3
ANSWER = 0.005
"""Seconds that the model over HTTP takes, beside the protocol."""


class Given(TypedDict):
    text: str


class Taken(TypedDict):
    text: str


Pair = tuple[Any, Any, Any, int]
"""Ours and the one by hand, what both are given, and by how many steps their time is divided."""


def _chain() -> Pair:
    def step(state: Given) -> Taken:
        return {"text": state["text"]}

    graph = StateGraph(Given)
    names = [f"s{number}" for number in range(STEPS)]
    for name, before in zip(names, [START, *names], strict=False):
        graph.add_node(name, step)
        graph.add_edge(before, name)
    graph.add_edge(names[-1], END)
    ours = sequential.build([Step(step, name) for name in names], input=Given)
    return ours, graph, {"text": "green tea"}, STEPS


class Gathered(TypedDict):
    question: str
    parts: Annotated[dict[str, str], or_]
    answer: str


def _fan_out() -> Pair:
    def begin(state: Gathered) -> dict[str, Any]:
        return {"question": state["question"], "answer": ""}

    def work(state: Any, name: str) -> dict[str, Any]:
        # The same graph, so with a deadline: in the plainest way there is.
        return {"parts": {name: pool.submit(str, state["question"]).result(SECONDS)}}

    def join(state: Gathered) -> dict[str, Any]:
        return {"answer": "\n".join(state["parts"].values())}

    pool, graph = ThreadPoolExecutor(BRANCHES), StateGraph(Gathered)
    names = [f"b{number}" for number in range(BRANCHES)]
    graph.add_node("begin", begin)
    graph.add_node("join", join)
    graph.add_edge(START, "begin")
    for name in names:
        graph.add_node(name, partial(work, name=name))
        graph.add_edge("begin", name)
    graph.add_edge(names, "join")
    graph.add_edge("join", END)
    branches = [Branch(name, lambda question, _: question) for name in names]
    ours = parallel.build(branches=branches, compose=lambda _, parts, __: "\n".join(part["text"] for part in parts))
    return ours, graph, {"question": "green tea"}, 3


COUNTED = UsageMetadata(input_tokens=10, output_tokens=5, total_tokens=15)
"""As every server says it; who does not is estimated."""


class Looking(BaseChatModel):
    """A model that takes no time: it calls the tool so many times, then answers."""

    @property
    def _llm_type(self) -> str:
        return "looking"

    def bind_tools(self, tools: Any, **options: Any) -> Any:  # noqa: ARG002 - as in BaseChatModel
        """It knows its tool."""
        return self

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        done = sum(message.type == "tool" for message in messages)
        calls = [{"name": "look", "args": {"at": done}, "id": str(done)}] if done < STEPS else []
        said = AIMessage("" if calls else "Done.", tool_calls=calls, usage_metadata=COUNTED)
        return ChatResult(generations=[ChatGeneration(message=said)])


@tool
def look(at: int) -> str:
    """Look at something."""
    return str(at)


def _loop() -> Pair:
    return _agent(Looking())


def _agent(model: BaseChatModel) -> Pair:
    """The same graph: a step that makes a run ready, and a task for each call."""
    graph, given = _by_hand(model), {"messages": [{"role": "user", "content": "Look."}]}

    def to_calls(state: MessagesState) -> Any:
        last = state["messages"][-1]
        calls = last.tool_calls if isinstance(last, AIMessage) else []
        return [Send("tool", [call]) for call in calls] or END

    graph.add_node("begin", lambda _: {})
    graph.add_edge(START, "begin")
    graph.add_edge("begin", "model")
    graph.add_conditional_edges("model", to_calls, ["tool", END])
    return react.build(model=model, tools=[look]), graph, given, 2 * STEPS + 2


def _beside_the_plainest() -> Pair:
    """A graph that does less: a run of it begins with the model, and all calls of a message are one task."""
    ours, _, given, _ = _agent(Looking())
    graph = _by_hand(Looking())
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", tools_condition, {"tools": "tool", END: END})
    return ours, graph, given, 1


def _by_hand(model: BaseChatModel) -> Any:
    """The model and its tool; where the model goes on is left open."""
    tools, pool, graph = ToolNode([look]), ThreadPoolExecutor(1), StateGraph(MessagesState)
    bound = model.bind_tools([look])

    def think(state: MessagesState) -> dict[str, Any]:
        # As ours: neither model nor tool may hang.
        return {"messages": [pool.submit(copy_context().run, bound.invoke, state["messages"]).result(SECONDS)]}

    def act(state: Any) -> Any:
        return pool.submit(copy_context().run, tools.invoke, state).result(SECONDS)

    graph.add_node("model", think)
    graph.add_node("tool", act)
    graph.add_edge("tool", "model")
    return graph


def _answer(body: dict[str, Any]) -> Reply:
    """What the server's model says: as `Looking`, after a while."""
    time.sleep(ANSWER)
    done = sum(message["role"] == "tool" for message in body["messages"])
    return Reply(calls=(("look", {"at": done}),)) if done < STEPS else Reply("Done.")


PATTERNS: Mapping[str, Callable[[], Pair]] = {"sequential": _chain, "parallel": _fan_out, "agent loop": _loop}
OVER_HTTP = "agent loop over HTTP"
PLAINEST = "agent loop beside the plainest: a run"


def measure(peers: Sequence[Peer], scale: Scale) -> Iterator[Figure]:  # noqa: ARG001  # savers are not compared here
    """Runs of both in turn, each a thread of its own in memory, as milliseconds a step."""
    for name, pair in PATTERNS.items():
        yield beside(STEP.format(name), pair(), scale.runs * 10)
    yield beside(PLAINEST, _beside_the_plainest(), scale.runs * 10)
    with OpenAIServer() as server:
        server.scenario = _answer
        model = ChatOpenAI(model="local", base_url=server.url, api_key=SecretStr("none"))
        yield beside(STEP.format(OVER_HTTP), _agent(model), scale.runs * 4)


def beside(figure: str, pair: Pair, rounds: int) -> Figure:
    """The time of runs of both, by their steps, after one of each that does not count."""
    ours, by_hand, given, steps = pair
    runs = {OURS: _runs(ours, given, steps), BY_HAND: _runs(by_hand, given, steps)}
    for run in runs.values():
        run()
    return Figure(figure, "ms", interleaved(runs, rounds))


def _runs(graph: Any, given: Any, steps: int) -> Callable[[], float]:
    flow, threads = graph.compile(checkpointer=InMemorySaver()), iter(range(1_000_000))

    def run() -> None:
        flow.invoke(given, {"configurable": {"thread_id": str(next(threads))}})

    whole = timed(run)
    return lambda: whole() / steps
