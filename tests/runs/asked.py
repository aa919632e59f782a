"""A graph whose nodes ask models, in parallel, in a subgraph and again, and a model that never says the same twice."""

import operator
from itertools import count
from typing import Annotated, Any

from langchain_openai import ChatOpenAI
from langgraph.graph import StateGraph
from langgraph.types import Send
from pydantic import SecretStr
from typing_extensions import TypedDict

from tests.servers.openai_server import OpenAIServer, Reply
from threadloom.checkpoints import SQLSaver


class State(TypedDict, total=False):
    topic: str
    said: Annotated[dict[str, str], operator.or_]


def novel(server: OpenAIServer) -> None:
    """Every answer has a number of its own and the end of what was asked."""
    numbers = count(1)
    server.scenario = lambda body: Reply(f"{next(numbers)} on {body['messages'][-1]['content']}")


def asked(server: OpenAIServer) -> list[str]:
    """What it was asked, in alphabetical order; afterwards it knows of none."""
    found = sorted(request.body["messages"][-1]["content"] for request in server.requests)
    server.requests.clear()
    return found


def graph(url: str, client: Any = None) -> Any:
    """plan → two looks and an inner graph beside a node on the topic → all of it together.

    Args:
        url: of the server.
        client: of an event loop, for nodes that are coroutines: the one that models share belongs to other loops.
    """
    chat = ChatOpenAI(model="m", base_url=url, api_key=SecretStr("k"), max_retries=0, http_async_client=client)

    def node(name: str, prompt: Any) -> Any:
        def ask(state: Any) -> dict[str, Any]:
            return {"said": {name.format(**state): chat.invoke(prompt(state)).text}}

        async def await_(state: Any) -> dict[str, Any]:
            return {"said": {name.format(**state): (await chat.ainvoke(prompt(state))).text}}

        return await_ if client else ask

    inner, built = StateGraph(State), StateGraph(State)
    inner.add_node("deep", node("deep", lambda state: "always the same"))
    inner.add_edge("__start__", "deep")
    built.add_node("plan", node("plan", lambda state: "a plan"))
    built.add_node("look", node("look {part}", lambda state: "look around"))
    built.add_node("inner", inner.compile())
    built.add_node("write", node("write", lambda state: f"write about {state['topic']}"))
    built.add_node("again", node("again", lambda state: "always the same"))
    built.add_node("end", node("end", lambda state: f"sum up {sorted(state['said'].values())}"))
    built.add_edge("__start__", "plan")
    ways = [*(Send("look", {"part": part}) for part in "ab"), "inner", "write"]
    built.add_conditional_edges("plan", lambda state: ways, ["look", "inner", "write"])
    built.add_edge(["look", "inner", "write"], "again").add_edge("again", "end")
    return built


def planned(saver: SQLSaver, thread_id: str) -> str:
    """The checkpoint after `plan`."""
    return next(moment.checkpoint_id for moment in saver.timeline(thread_id) if moment.step == 1)
