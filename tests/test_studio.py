"""The graphs under the real LangGraph server, offline, driven by its SDK as Studio drives it."""

from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import pytest
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient

from tests.servers.langgraph_server import ROOT, LangGraphServer
from tests.servers.smtp_server import SmtpServer
from threadloom.catalogue import GRAPHS
from threadloom.checkpoints import SQLSaver
from threadloom.threads import describe, history

QUESTION = "Do transformers need recurrence to translate well?"
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("studio")]  # with one server between them


@pytest.fixture(scope="module")
def mail() -> Iterator[SmtpServer]:
    with SmtpServer() as server:
        yield server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, mail: SmtpServer) -> Iterator[LangGraphServer]:
    settings: dict[str, Any] = {
        "THREADLOOM_MAIL_FROM": "desk@example.org",
        "THREADLOOM_MAIL_SERVER": f"smtp://127.0.0.1:{mail.port}",
        "THREADLOOM_READ_DATABASE": f"sqlite:///{ROOT / 'examples' / 'office.sqlite'}",
        "THREADLOOM_CALENDARS__OFFICE": str(ROOT / "examples" / "office.ics"),
        "THREADLOOM_WEB_SEARCH": "off",
    }
    with LangGraphServer(tmp_path_factory.mktemp("studio"), **settings) as server:
        yield server


@pytest.fixture
async def client(server: LangGraphServer) -> AsyncIterator[LangGraphClient]:
    async with get_client(url=server.url) as client:
        yield client


@pytest.fixture
def saver(server: LangGraphServer) -> Iterator[SQLSaver]:
    """The database that the command line opens where the server runs."""
    with SQLSaver(f"sqlite:///{server.folder}/threadloom.db") as saver:
        yield saver


ANGRY = "I was charged twice and nobody answers. This is a disgrace!"
RUNS: dict[str, tuple[str, dict[str, Any], list[tuple[str, Any]], str]] = {
    "routing": (ANGRY, {}, [("escalation", {"action": "reply"})], "I am sorry"),
    "parallel": ("Which orders are late on 2026-01-08?", {}, [], "From calendar"),
    "sequential": (
        "How effective are mRNA vaccines?",
        {"to": ["ann@example.org"]},
        [("draft", {"action": "edit", "args": {"subject": "Vaccines"}})],
        "Sent to ann@example.org",
    ),
    "supervisor": ("How do CRISPR guides find their target?", {}, [], "RNA"),
    "handoff": ("Zebras stole my hat.", {}, [("reply", {"text": "We look for it."})], "We look for it."),
    "debate": ("Does raising the minimum wage reduce employment?", {}, [], "## How it was decided"),
}
"""Graph to what it is asked, its other inputs, the questions it asks with the answers, and part of its result."""


@pytest.mark.parametrize("name", GRAPHS)
async def test_schemas_and_picture_are_there(client: LangGraphClient, name: str) -> None:
    [assistant] = await client.assistants.search(graph_id=name)
    schemas: Any = await client.assistants.get_schemas(assistant["assistant_id"])
    assert schemas["input_schema"]["required"][0] == GRAPHS[name].text
    assert schemas["output_schema"]["properties"]
    assert {GRAPHS[name].text, "finished_at"} <= schemas["state_schema"]["properties"].keys()
    drawn: Any = await client.assistants.get_graph(assistant["assistant_id"], xray=1)
    ends = {edge[side] for edge in drawn["edges"] for side in ("source", "target")}
    assert ends == {node["id"] for node in drawn["nodes"]} > {"__start__", "__end__"}


@pytest.mark.parametrize("name", RUNS)
async def test_a_run_is_streamed_asks_and_comes_to_its_end(
    client: LangGraphClient, saver: SQLSaver, name: str, mail: SmtpServer
) -> None:
    typed, more, questions, end = RUNS[name]
    thread = (await client.threads.create(thread_id=str(uuid4())))["thread_id"]
    modes: set[str] = set()
    going: dict[str, Any] = {"input": {**GRAPHS[name].given(typed), **more}}
    for kind, answer in [*questions, ("", None)]:
        async for part in client.runs.stream(
            thread, name, stream_mode=["updates", "custom", "messages-tuple"], **going
        ):
            assert part.event != "error", part.data
            modes.add(part.event)
        state: Any = await client.threads.get_state(thread)
        asked = [pause["value"]["kind"] for task in state["tasks"] for pause in task["interrupts"]]
        assert asked == ([kind] if kind else [])
        seen = describe(saver, thread)
        assert (seen.graph, seen.status, seen.question) == (name, "waiting" if kind else "done", typed)
        going = {"command": {"resume": answer}}
    assert {"updates", "messages" if name in {"sequential", "debate"} else "custom"} <= modes
    assert end in describe(saver, thread).answer
    if name == "sequential":
        assert b"Subject: Vaccines" in mail.script.deliveries[-1].data


async def test_an_agent_runs_and_its_tokens_are_streamed(client: LangGraphClient) -> None:
    thread = await client.threads.create(thread_id=str(uuid4()))
    given: Any = {"messages": [{"role": "user", "content": QUESTION}]}
    said = [
        part.data
        async for part in client.runs.stream(
            thread["thread_id"], "react", input=given, stream_mode=["messages-tuple", "custom"]
        )
    ]
    assert {"tool_started", "tool_ended"} <= {part["event"] for part in said if "event" in part}
    state: Any = await client.threads.get_state(thread["thread_id"])
    first, call, *results, last = [message["type"] for message in state["values"]["messages"]]
    assert (first, call, set(results), last) == ("human", "ai", {"tool"}, "ai")
    assert "no language model" in state["values"]["messages"][-1]["content"]


async def test_run_pause_edit_resume_and_history(client: LangGraphClient, saver: SQLSaver) -> None:
    thread = await client.threads.create(thread_id=str(uuid4()))
    given: Any = {"question": QUESTION, "review": True}
    await client.runs.wait(thread["thread_id"], "research", input=given)
    state: Any = await client.threads.get_state(thread["thread_id"])
    assert state["next"] == ["review_papers"]
    [pause] = state["tasks"][0]["interrupts"]
    assert pause["value"]["kind"] == "papers"
    seen = describe(saver, thread["thread_id"])
    assert (seen.graph, seen.status, seen.question) == ("research", "waiting", QUESTION)
    assert [question["kind"] for question in seen.pending] == ["papers"]

    await client.threads.update_state(thread["thread_id"], {"style": "ieee"})
    state = await client.threads.get_state(thread["thread_id"])
    assert (state["values"]["style"], state["next"]) == ("ieee", ["review_papers"])

    refused = await client.runs.wait(thread["thread_id"], "research", command={"resume": {"drop": ["doi:none"]}})
    [again] = (await client.threads.get_state(thread["thread_id"]))["tasks"][0]["interrupts"]
    assert "doi:none" in again["value"]["refused"], refused

    await client.runs.wait(thread["thread_id"], "research", command={"resume": {"drop": []}})
    [pause] = (await client.threads.get_state(thread["thread_id"]))["tasks"][0]["interrupts"]
    assert pause["value"]["kind"] == "report"
    result: Any = await client.runs.wait(thread["thread_id"], "research", command={"resume": {"approve": True}})
    assert result["finished_at"]
    assert result["references"][0]["text"] in result["markdown"]

    steps = await client.threads.get_history(thread["thread_id"], limit=50)
    assert steps[0]["next"] == []
    assert ["search"] in [sorted(set(step["next"])) for step in steps]
    seen = describe(saver, thread["thread_id"])
    assert seen.status == "done"
    assert [step.id for step in history(saver, seen)] == [step["checkpoint"]["checkpoint_id"] for step in steps]
