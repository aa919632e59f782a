"""The graphs under the real LangGraph server, offline, driven by its SDK as Studio drives it."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient

ROOT = Path(__file__).parent.parent
QUESTION = "Do transformers need recurrence to translate well?"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`langgraph dev` on a free port; the server takes another one when it is busy, so the printed URL counts."""
    folder = tmp_path_factory.mktemp("studio")
    config = json.loads((ROOT / "langgraph.json").read_text())
    config["dependencies"] = [str(ROOT)]
    config["graphs"] = {name: str(ROOT / path) for name, path in config["graphs"].items()}
    (folder / "langgraph.json").write_text(json.dumps(config))
    env = os.environ | {
        "LANGGRAPH_CLI_NO_ANALYTICS": "1",
        "LANGGRAPH_NO_VERSION_CHECK": "true",
        "LANGSMITH_TRACING": "false",
        "THREADLOOM_HOME": str(folder),
        "THREADLOOM_DISABLED": "europepmc,crossref,arxiv,openalex",
    }
    command = [str(Path(sys.executable).parent / "langgraph"), "dev", "--no-browser", "--no-reload", "--port", "21240"]
    log = folder / "log"
    with (
        log.open("w") as output,
        subprocess.Popen(command, cwd=folder, env=env, stdout=output, stderr=output) as process,
    ):
        try:
            yield _url(process, log)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def _url(process: subprocess.Popen[bytes], log: Path) -> str:
    for _ in range(600):
        if found := re.search(r"http://(?:127\.0\.0\.1|localhost):\d+", log.read_text()):
            return found.group()
        if process.poll() is not None:
            break
        time.sleep(0.1)
    pytest.fail(f"langgraph dev did not start:\n{log.read_text()}")


@pytest.fixture
async def client(server: str) -> AsyncIterator[LangGraphClient]:
    client = get_client(url=server)
    for _ in range(300):
        try:
            await client.assistants.search()
            break
        except Exception:  # noqa: BLE001  # not up yet: any error of the connection
            await asyncio.sleep(0.1)
    yield client
    await client.aclose()


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


async def test_run_pause_edit_resume_and_history(client: LangGraphClient) -> None:
    thread = await client.threads.create(thread_id=str(uuid4()))
    given: Any = {"question": QUESTION, "review": True}
    await client.runs.wait(thread["thread_id"], "research", input=given)
    state: Any = await client.threads.get_state(thread["thread_id"])
    assert state["next"] == ["review_papers"]
    [pause] = state["tasks"][0]["interrupts"]
    assert pause["value"]["kind"] == "papers"

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

    history = await client.threads.get_history(thread["thread_id"], limit=50)
    assert history[0]["next"] == []
    assert ["search"] in [sorted(set(step["next"])) for step in history]
