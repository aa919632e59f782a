"""LangGraph's own savers on databases of their own, and graphs that use what a saver has to keep."""

import operator
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, Any

from langchain_core.messages import AnyMessage
from langgraph.channels.delta import DeltaChannel
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Command, Send, interrupt
from typing_extensions import TypedDict

from tests import services
from tests.checkpoints.chain import config

KINDS = ("sqlite", "postgresql")


@contextmanager
def official(kind: str, folder: Path) -> Iterator[tuple[BaseCheckpointSaver[str], str]]:
    """An official saver of this kind, and where its database is."""
    if kind == "sqlite":
        path = folder / "official.sqlite"
        with closing(sqlite3.connect(path, check_same_thread=False)) as connection:
            saver = SqliteSaver(connection)
            saver.setup()
            yield saver, str(path)
        return
    with services.database(kind) as url, PostgresSaver.from_conn_string(url) as postgres:
        postgres.setup()
        yield postgres, url


class State(TypedDict, total=False):
    messages: Annotated[list[AnyMessage], add_messages]
    notes: Annotated[list[str], operator.add]
    turn: int
    share: float
    raw: bytes
    tags: set[str]
    nothing: None
    empty: list[str]


def _plan(state: State) -> dict[str, Any]:
    turn = state.get("turn", 0) + 1
    return {"turn": turn, "share": turn / 3, "raw": b"\0\xff", "tags": {"x", str(turn)}, "nothing": None, "empty": []}


def _fan_out(state: State) -> list[Send]:
    return [Send("work", {"notes": [f"{state['turn']}.{number}"]}) for number in range(3)]


def _work(state: State) -> dict[str, Any]:
    return {"notes": [f"did {state['notes'][0]}"]}


def _ask(state: State) -> dict[str, Any]:
    question = str(state["messages"][-1].content)
    answer = interrupt({"question": question}) if question.endswith("?") else "as you like"
    return {"messages": [("ai", f"{answer}, after {len(state['notes'])} notes")]}


def graph(saver: BaseCheckpointSaver[Any]) -> Any:
    """Chat, fan-out by Send, and a subgraph that asks when the last message does."""
    inner = StateGraph(State).add_node("ask", _ask).add_edge(START, "ask").compile()
    outer = StateGraph(State)
    outer.add_node("plan", _plan)
    outer.add_node("work", _work)
    outer.add_node("join", lambda state: {"notes": ["joined"]})
    outer.add_node("inner", inner)
    outer.add_edge(START, "plan")
    outer.add_conditional_edges("plan", _fan_out, ["work"])
    outer.add_edge("work", "join")
    outer.add_edge("join", "inner")
    outer.add_edge("inner", END)
    return outer.compile(checkpointer=saver)


def say(compiled: Any, text: str, thread: str = "t") -> Any:
    return compiled.invoke({"messages": [("user", text)]}, config(thread))


def converse(compiled: Any, thread: str = "t") -> None:
    """Turns, an answered question, an update, a fork in the past, and a question that is still open."""
    say(compiled, "hello", thread)
    say(compiled, "really?", thread)
    compiled.invoke(Command(resume="yes"), config(thread))
    compiled.update_state(config(thread), {"notes": ["by hand"]}, as_node="join")
    old = list(compiled.get_state_history(config(thread)))[5].config
    compiled.update_state(old, {"notes": ["fork"]}, as_node="join")
    compiled.invoke(None, config(thread))
    say(compiled, "and then?", thread)


def _extend(old: list[str], new: Any) -> list[str]:
    return [*old, *(item for items in new for item in items)]


class Deltas(TypedDict, total=False):
    often: Annotated[list[str], DeltaChannel(_extend, snapshot_frequency=3)]
    seldom: Annotated[list[str], DeltaChannel(_extend, snapshot_frequency=50)]
    last: str


def _step(name: str) -> Any:
    return lambda state: {"often": [name + state["last"]], "seldom": [name]}


def deltas(saver: BaseCheckpointSaver[Any]) -> Any:
    """Two nodes that write to DeltaChannels at once; the one channel is written whole often, the other never."""
    built = StateGraph(Deltas)
    for name in ("left", "right"):
        built.add_node(name, _step(name))
        built.add_edge(START, name)
    return built.compile(checkpointer=saver)


def listed(saver: BaseCheckpointSaver[Any], thread: str | None = "t") -> dict[tuple[str, str, str], Any]:
    """All that a saver lists, by thread, namespace and checkpoint."""
    place = None if thread is None else {"configurable": {"thread_id": thread}}
    found = {}
    for item in saver.list(place):  # type: ignore[arg-type]  # a plain dict will do
        at = item.config["configurable"]
        parent = (item.parent_config or {}).get("configurable", {}).get("checkpoint_id")
        found[at["thread_id"], at["checkpoint_ns"], at["checkpoint_id"]] = (
            item.checkpoint,
            item.metadata,
            parent,
            item.pending_writes,
        )
    return found
