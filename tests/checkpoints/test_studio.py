"""The checkpointer under a real LangGraph server, driven by its SDK as Studio drives it, on every database."""

import asyncio
import shutil
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from langgraph.types import Command
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient

from tests import services
from tests.checkpoints.chain import config, put
from tests.servers import letters
from tests.servers.langgraph_server import LangGraphServer
from threadloom.checkpoints import SQLSaver
from threadloom.checkpoints.errors import MissingKeyError, UnsavableValueError
from threadloom.checkpoints.studio import create_checkpointer

# With one server of each kind.
pytestmark = [pytest.mark.slow, pytest.mark.thorough, pytest.mark.xdist_group("store in studio")]

GRAPH = {"letters": Path(letters.__file__)}


@dataclass
class Stamp:
    cents: int


@pytest.fixture(scope="module", params=["sqlite", *services.SERVERS])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The URL of a server and that of its database; without THREADLOOM_DB it is an SQLite file where it runs."""
    folder = tmp_path_factory.mktemp("studio")
    if request.param == "sqlite":
        with LangGraphServer(folder, GRAPH) as server:
            yield server.url, f"sqlite:///{folder}/threadloom.db"
    else:
        with services.database(request.param) as url, LangGraphServer(folder, GRAPH, THREADLOOM_DB=url) as server:
            yield server.url, url


@pytest.fixture
async def client(server: tuple[str, str]) -> AsyncIterator[LangGraphClient]:
    async with get_client(url=server[0]) as client:
        yield client


@pytest.fixture
def saver(server: tuple[str, str]) -> Iterator[SQLSaver]:
    """The database of the server as another program sees it."""
    with SQLSaver(server[1]) as saver:
        yield saver


async def drafted(client: LangGraphClient, topic: str = "spring") -> str:
    """A new thread that waits for a signature."""
    thread = await client.threads.create()
    await client.runs.wait(thread["thread_id"], "letters", input={"topic": topic})
    return thread["thread_id"]


async def signed(client: LangGraphClient, thread: str, name: str = "Ann") -> Any:
    return await client.runs.wait(thread, "letters", command={"resume": name})


async def hanging(client: LangGraphClient, thread: str) -> str:
    """The id of a run that has stored two steps and waits in its third."""
    run_id = ""
    given = {"topic": letters.WAIT}
    async for part in client.runs.stream(thread, "letters", input=given, stream_mode=["tasks"], durability="sync"):
        run_id = part.data["run_id"] if part.event == "metadata" else run_id
        if part.event == "tasks" and part.data["name"] == "wait":
            break
    return run_id


async def history(client: LangGraphClient, thread: str, **wanted: Any) -> list[Any]:
    return [*await client.threads.get_history(thread, limit=wanted.pop("limit", 100), **wanted)]


async def test_run_ask_edit_answer(client: LangGraphClient, saver: SQLSaver) -> None:
    thread = await drafted(client)
    state: Any = await client.threads.get_state(thread, subgraphs=True)
    assert state["next"] == ["sign"]
    assert [task["interrupts"][0]["value"] for task in state["tasks"]] == [{"sign": "spring"}]
    inner = state["tasks"][0]["state"]
    assert (inner["next"], inner["values"]["topic"]) == (["ask"], "spring")
    assert inner["checkpoint"]["checkpoint_ns"].startswith("sign:")

    await client.threads.update_state(thread, {"topic": "summer"})
    result = await signed(client, thread)
    assert result["posted"] == ["summer (Ann)"]
    stored = saver.get_tuple(config(thread))
    assert stored
    [message] = stored.checkpoint["channel_values"]["messages"]
    assert (message.content, message.id) == ("Dear reader, spring", result["messages"][0]["id"])
    assert stored.metadata["graph_id"] == "letters"  # type: ignore[typeddict-item]  # the server adds it


async def test_history_by_limit_metadata_and_what_is_older(client: LangGraphClient) -> None:
    thread = await drafted(client)
    await client.threads.update_state(thread, {"topic": "summer"})
    await signed(client, thread)
    steps = await history(client, thread)
    assert [step["metadata"]["step"] for step in steps] == [4, 3, 2, 1, 0, -1]
    assert [step["values"].get("topic") for step in steps] == ["summer"] * 3 + ["spring"] * 2 + [None]
    assert await history(client, thread, limit=2) == steps[:2]
    assert await history(client, thread, metadata={"source": "update"}) == [steps[2]]
    assert await history(client, thread, metadata={"source": "nobody"}) == []

    middle = steps[2]["checkpoint"]
    by_id = {"limit": 100, "before": middle["checkpoint_id"]}
    assert await client.http.get(f"/threads/{thread}/history", params=by_id) == steps[3:]
    assert await history(client, thread, before=middle) == steps[3:]
    assert await history(client, thread, before={"configurable": middle}) == steps[3:]
    assert await history(client, thread, before=middle, limit=1, metadata={"source": "input"}) == steps[-1:]


async def test_every_stream_mode(client: LangGraphClient) -> None:
    thread = await client.threads.create()
    modes: Any = ["values", "updates", "messages", "messages-tuple", "custom", "debug", "tasks", "checkpoints"]
    parts: dict[str, list[Any]] = {}
    streamed = client.runs.stream(
        thread["thread_id"], "letters", input={"topic": "spring"}, stream_mode=modes, stream_subgraphs=True
    )
    async for part in streamed:
        parts.setdefault(part.event, []).append(part.data)
    assert {"values", "updates", "messages", "custom", "debug", "tasks", "checkpoints"} <= parts.keys()
    assert "error" not in parts
    assert "".join(message["content"] for message, _ in parts["messages"]) == "Dear reader, spring"
    assert parts["custom"] == [{"drafting": "spring"}]
    assert parts["values"][-1]["messages"][0]["content"] == "Dear reader, spring"
    assert any(event.startswith("checkpoints|sign:") for event in parts)


async def test_fork_and_replay(client: LangGraphClient) -> None:
    thread = await drafted(client)
    await signed(client, thread)
    steps = await history(client, thread)
    [waiting] = [step for step in steps if step["next"] == ["sign"]]

    forked = await client.threads.update_state(thread, {"topic": "autumn"}, checkpoint=waiting["checkpoint"])
    await client.runs.wait(thread, "letters", checkpoint=forked["checkpoint"])
    assert (await signed(client, thread, "Bob"))["posted"] == ["autumn (Bob)"]

    await client.runs.wait(thread, "letters", checkpoint_id=waiting["checkpoint"]["checkpoint_id"])
    assert (await signed(client, thread, "Cid"))["posted"] == ["spring (Cid)"]
    assert steps == [step for step in await history(client, thread) if step in steps]


async def test_a_copy_goes_its_own_way(client: LangGraphClient) -> None:
    thread = await drafted(client)
    copied: Any = await client.threads.copy(thread)  # type: ignore[func-returns-value]  # it returns the new thread
    copy = copied["thread_id"]
    before = await history(client, thread)
    assert [step["values"] for step in await history(client, copy)] == [step["values"] for step in before]
    assert (await signed(client, copy))["posted"] == ["spring (Ann)"]
    assert await history(client, thread) == before
    assert (await signed(client, thread, "Bob"))["posted"] == ["spring (Bob)"]


async def test_a_rollback_leaves_nothing_of_the_run(client: LangGraphClient, saver: SQLSaver) -> None:
    thread = await drafted(client)
    await signed(client, thread)
    before = await history(client, thread)
    run_id = await hanging(client, thread)
    assert list(saver.list(config(thread), filter={"run_id": run_id}))

    await client.runs.wait(thread, "letters", input={"topic": "summer"}, multitask_strategy="rollback")
    assert (await signed(client, thread))["posted"] == ["spring (Ann)", "summer (Ann)"]
    assert list(saver.list(config(thread), filter={"run_id": run_id})) == []
    after = await history(client, thread)
    assert after[-len(before) :] == before
    assert letters.WAIT not in {step["values"].get("topic") for step in after}
    assert list(saver.verify(thread)) == []


async def test_an_interrupted_run_keeps_what_it_stored(client: LangGraphClient) -> None:
    thread: str = (await client.threads.create())["thread_id"]
    await hanging(client, thread)
    await client.runs.wait(thread, "letters", input={"topic": "summer"}, multitask_strategy="interrupt")
    result = await signed(client, thread)
    assert [message["content"] for message in result["messages"]] == ["Dear reader, wait", "Dear reader, summer"]
    assert result["posted"] == ["summer (Ann)"]


async def test_runs_that_come_at_once_follow_one_another(client: LangGraphClient) -> None:
    thread: str = (await client.threads.create())["thread_id"]
    topics = ["spring", "summer", "autumn"]
    runs = [client.runs.wait(thread, "letters", input={"topic": topic}) for topic in topics]
    await asyncio.gather(*runs)
    state: Any = await client.threads.get_state(thread)
    assert sorted(message["content"] for message in state["values"]["messages"]) == sorted(
        f"Dear reader, {topic}" for topic in topics
    )


async def test_a_deleted_thread_is_gone(client: LangGraphClient, saver: SQLSaver) -> None:
    thread = await drafted(client)
    assert saver.sizes(thread)
    await client.threads.delete(thread)
    assert saver.get_tuple(config(thread)) is None
    assert saver.sizes(thread) == []


async def test_begun_outside_finished_inside(client: LangGraphClient, saver: SQLSaver) -> None:
    graph, thread = letters.build().compile(checkpointer=saver), str(uuid4())
    graph.invoke({"topic": "spring"}, config(thread))
    await client.threads.create(thread_id=thread, graph_id="letters", if_exists="do_nothing")
    state: Any = await client.threads.get_state(thread)
    assert state["tasks"][0]["interrupts"][0]["value"] == {"sign": "spring"}
    assert (await signed(client, thread))["posted"] == ["spring (Ann)"]
    # And outside again: nothing that this saver remembers is taken for the latest.
    assert graph.get_state(config(thread)).values["posted"] == ["spring (Ann)"]
    graph.invoke({"topic": "summer"}, config(thread))
    assert (await signed(client, thread))["posted"] == ["spring (Ann)", "summer (Ann)"]


async def test_begun_inside_finished_outside(client: LangGraphClient, saver: SQLSaver) -> None:
    thread = await drafted(client)
    graph = letters.build().compile(checkpointer=saver)
    asked: Any = graph.get_state(config(thread), subgraphs=True)
    assert [item.value for item in asked.interrupts] == [{"sign": "spring"}]
    graph.invoke(Command(resume="Ann"), config(thread))
    state: Any = await client.threads.get_state(thread)
    assert (state["values"]["posted"], state["next"]) == (["spring (Ann)"], [])
    assert len(await history(client, thread)) == len(list(graph.get_state_history(config(thread))))


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
async def test_restarted_with_and_without_its_own_rows(tmp_path: Path, how: signal.Signals) -> None:
    """Where the server keeps which threads there are is a cache: what is in them is in the database."""
    server = LangGraphServer(tmp_path, GRAPH, jobs=2)  # one of them is for the run that hangs
    with server:
        async with get_client(url=server.url) as client:
            thread = await drafted(client)
            cut_off: str = (await client.threads.create())["thread_id"]
            await hanging(client, cut_off)
        if how == signal.SIGKILL:
            server.stop(how)
    if how == signal.SIGKILL:
        shutil.rmtree(tmp_path / ".langgraph_api", ignore_errors=True)
    else:
        assert not (tmp_path / "threadloom.db-wal").exists(), "the database was not closed"
    with server:
        async with get_client(url=server.url) as client:
            for found in (thread, cut_off):
                await client.threads.create(thread_id=found, graph_id="letters", if_exists="do_nothing")
            assert (await signed(client, thread))["posted"] == ["spring (Ann)"]
            state: Any = await client.threads.get_state(cut_off)
            assert (state["next"], state["values"]["topic"]) == (["wait"], letters.WAIT)
            given: Any = {"topic": "summer"}
            await client.runs.wait(cut_off, "letters", input=given, multitask_strategy="rollback")
            assert (await signed(client, cut_off))["posted"] == ["summer (Ann)"]


async def test_runs_in_event_loops_of_their_own(tmp_path: Path) -> None:
    """Each loop opens the database while the server watches for blocking calls."""
    with LangGraphServer(tmp_path, GRAPH, jobs=4, BG_JOB_ISOLATED_LOOPS="true") as server:
        async with get_client(url=server.url) as client:
            threads = await asyncio.gather(*(drafted(client) for _ in range(4)))
            results = await asyncio.gather(*(signed(client, thread) for thread in threads))
    assert [result["posted"] for result in results] == [["spring (Ann)"]] * 4


async def test_a_saver_ends_with_its_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THREADLOOM_DB", f"sqlite:///{tmp_path}/other.db")
    before = set(threading.enumerate())
    async with create_checkpointer() as saver:
        put(saver, config())
        assert await saver.aget_tuple(config())
        workers = {thread for thread in threading.enumerate() if thread.name.startswith("threadloom")} - before
        assert workers
    assert not any(worker.is_alive() for worker in workers)
    assert (tmp_path / "other.db").exists()
    assert not (tmp_path / "other.db-wal").exists()


async def test_a_factory_of_ones_own_passes_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THREADLOOM_DB", f"sqlite:///{tmp_path}/own.db")
    for factory in (create_checkpointer, partial(create_checkpointer, allow=[Stamp])):
        async with factory() as saver:
            if factory is create_checkpointer:
                with pytest.raises(UnsavableValueError, match=r"allow=\[Stamp\]"):
                    put(saver, config(), {"stamp": Stamp(90)})
            else:
                put(saver, config(), {"stamp": Stamp(90)})


async def test_keys_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THREADLOOM_DB", f"sqlite:///{tmp_path}/studio.db")
    monkeypatch.setenv("THREADLOOM_ENCRYPTION_KEYS", f"new={'1' * 64}")
    async with create_checkpointer() as saver:
        put(saver, config(), {"a": 1})
        assert saver.overview().keys == ("new",)
    monkeypatch.delenv("THREADLOOM_ENCRYPTION_KEYS")
    (tmp_path / "keys").write_text(f"new={'1' * 64}")
    monkeypatch.setenv("THREADLOOM_ENCRYPTION_KEYS_FILE", str(tmp_path / "keys"))
    async with create_checkpointer() as saver:
        assert saver.get_tuple(config())
    monkeypatch.delenv("THREADLOOM_ENCRYPTION_KEYS_FILE")
    async with create_checkpointer() as saver:
        with pytest.raises(MissingKeyError):
            saver.get_tuple(config())
