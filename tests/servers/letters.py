"""A graph for the LangGraph server: it drafts a letter, has it signed in a subgraph that asks, and posts it."""

import asyncio
from typing import Annotated, Any

from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AnyMessage
from langgraph.config import get_stream_writer
from langgraph.graph import START, StateGraph, add_messages
from langgraph.types import interrupt
from typing_extensions import TypedDict

WAIT = "wait"
"""A letter about this waits until its run is cancelled."""


class Letter(TypedDict, total=False):
    messages: Annotated[list[AnyMessage], add_messages]
    topic: str
    signature: str
    posted: list[str]


def draft(state: Letter) -> Letter:
    get_stream_writer()({"drafting": state["topic"]})
    return {"messages": [FakeListChatModel(responses=[f"Dear reader, {state['topic']}"]).invoke("Write!")]}


async def wait(state: Letter) -> Letter:
    await asyncio.Event().wait()
    return {}


def ask(state: Letter) -> Letter:
    return {"signature": interrupt({"sign": state["topic"]})}


def post(state: Letter) -> Letter:
    return {"posted": [*state.get("posted", []), f"{state['topic']} ({state['signature']})"]}


def after_draft(state: Letter) -> str:
    return "wait" if state["topic"] == WAIT else "sign"


def build() -> StateGraph[Letter, Any, Letter, Letter]:
    sign = StateGraph(Letter).add_node(ask).add_edge(START, "ask").compile()
    letters = StateGraph(Letter).add_node(draft).add_node(wait).add_node("sign", sign).add_node(post)
    letters.add_edge(START, "draft").add_conditional_edges("draft", after_draft, ["wait", "sign"])
    letters.add_edge("wait", "sign").add_edge("sign", "post")
    return letters


graph: Any = build().compile(name="letters")
