"""The graphs under the real LangGraph server, offline, driven by its SDK as Studio drives it."""

from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import pytest
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient

from tests.servers.langgraph_server import LangGraphServer
from threadloom.checkpoints import SQLSaver
from threadloom.threads import describe, history

QUESTION = "Do transformers need recurrence to translate well?"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LangGraphServer]:
    with LangGraphServer(tmp_path_factory.mktemp("studio")) as server:
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


async def test_schemas_are_there_for_studios_forms(client: LangGraphClient) -> None:
    [assistant] = await client.assistants.search(graph_id="research")
    schemas: Any = await client.assistants.get_schemas(assistant["assistant_id"])
    assert schemas["input_schema"]["required"] == ["question"]
    assert set(schemas["state_schema"]["properties"]) >= {"question", "plan", "papers", "report", "markdown"}
    assert schemas["output_schema"]["properties"]
    drawn: Any = await client.assistants.get_graph(assistant["assistant_id"], xray=1)
    assert {"plan", "search", "extract", "finish"} <= {node["id"] for node in drawn["nodes"]}


async def test_an_agent_runs_and_its_tokens_are_streamed(client: LangGraphClient) -> None:
    [assistant] = await client.assistants.search(graph_id="react")
    schemas: Any = await client.assistants.get_schemas(assistant["assistant_id"])
    assert schemas["input_schema"]["required"] == ["messages"]
    assert {"messages", "usage", "choices", "stopped"} <= schemas["state_schema"]["properties"].keys()
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
    assert [message["type"] for message in state["values"]["messages"]] == ["human", "ai", "tool", "ai"]
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
