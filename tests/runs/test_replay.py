"""A fork is given the answers that models gave before, as far as it asks the same; all else models are asked."""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import openai
import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.globals import get_llm_cache, set_llm_cache
from langchain_core.load import dumps
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI
from langgraph.graph import StateGraph
from pydantic import SecretStr
from sqlalchemy import func, select, update

from tests.checkpoints.chain import BEFORE, KEYS
from tests.programs import Program
from tests.runs.asked import State, asked, graph, novel, planned
from tests.runs.side import Side
from tests.servers.openai_server import OpenAIServer
from threadloom.checkpoints import SQLSaver
from threadloom.runs.calls import Counts
from threadloom.runs.errors import ThreadBusyError
from threadloom.runs.recorder import Recorder, digest_of
from threadloom.runs.runner import Runner
from threadloom.runs.timeline import timeline


@pytest.fixture(params=["sync", "async"])
def side(request: pytest.FixtureRequest, saver: SQLSaver, server: OpenAIServer) -> Iterator[Side]:
    novel(server)
    with asyncio.Runner() as loop:
        client = openai.DefaultAsyncHttpxClient() if request.param == "async" else None
        with Runner(saver, {"g": graph(server.url, client)}, prices={"m": (1.0, 1.0)}) as runner:
            yield Side(runner, loop if client else None)
        if client:
            loop.run(client.aclose())


@pytest.fixture
def runner(server: OpenAIServer) -> Iterator[Runner]:
    novel(server)
    with Runner("sqlite://", {"g": graph(server.url)}) as runner:
        yield runner


def _rows(saver: SQLSaver, thread_id: str = "t") -> int:
    table = saver.database.read(lambda session: session.tables.calls)
    query = select(func.count()).select_from(table).where(table.c.thread_id == thread_id)
    found: int = saver.database.read(lambda session: session.execute(query).scalar_one())
    return found


def test_what_an_edit_does_not_touch_is_replayed(side: Side, server: OpenAIServer) -> None:
    run, before = side.ran("g", {"topic": "tea"}, thread_id="t")
    same = ["always the same", "always the same", "look around", "look around"]
    assert asked(server)[:5] == ["a plan", *same]
    assert run.calls() == Counts(replayed=0, asked=7)
    assert side.ran("g", {"topic": "tea"}, thread_id="other")[0].calls().asked == 7  # who asks again is answered anew
    asked(server)

    origin = planned(side.runner.saver, "t")
    whole = side.fork("g", "t", origin, to="whole", replay=True)
    assert side.wait(whole).state == before.state
    assert (asked(server), whole.calls()) == ([], Counts(replayed=6, asked=0))

    edited = side.fork("g", "t", origin, {"topic": "milk"}, as_node="plan", to="edited", replay=True)
    after = side.wait(edited).state["said"]
    assert {name for name, text in after.items() if text != before.state["said"][name]} == {"write", "end"}
    new = asked(server)
    assert (len(new), new[1]) == (2, "write about milk")
    assert edited.calls() == Counts(replayed=4, asked=2)

    usage = side.runner.usage("model", thread_id="edited")
    assert usage["m"]["calls"] == 2
    assert usage["m"]["cost_usd"] == pytest.approx(36e-6)
    assert usage["m (replayed)"] == {"calls": 4, "input_tokens": 0, "output_tokens": 0, "cost_usd": 0.0}
    tasks = [task for step in timeline(side.runner.saver, "edited") for task in step.tasks if task.replayed]
    assert sorted(task.node for task in tasks) == ["again", "inner", "look", "look"]
    assert sum(inner.replayed for task in tasks for step in task.steps for inner in step.tasks) == 1

    again = side.fork("g", "edited", planned(side.runner.saver, "edited"), to="again", replay=True)
    assert side.wait(again).status == "done"  # from before the edit: its record has the answers given since
    assert again.calls().asked == 2
    assert list(side.runner.saver.verify()) == []


def test_without_replay_or_a_record_models_are_asked(runner: Runner, server: OpenAIServer) -> None:
    flow = runner.graph("g").copy(update={"checkpointer": runner.saver})
    flow.invoke({"topic": "tea"}, {"configurable": {"thread_id": "bare"}})  # nobody records what has no Runner
    runner.start("g", {"topic": "tea"}, thread_id="t").wait(60)
    asked(server)
    for thread, replay in (("bare", True), ("t", False)):
        run = runner.fork("g", thread, planned(runner.saver, thread), to=f"{thread} 2", replay=replay)
        assert run.wait(60).status == "done"
        assert run.calls() == Counts(0, 6)
        assert len(asked(server)) == 6
        assert ("replay" in run.record().details) == replay


def test_a_fork_in_the_thread_itself_waits_for_nobody(runner: Runner, server: OpenAIServer) -> None:
    run = runner.start("g", {"topic": "tea"}, thread_id="t")
    before, origin = run.wait(60).state, planned(runner.saver, "t")
    asked(server)
    for _ in range(2):
        again = runner.fork("g", "t", origin, replay=True)
        assert again.wait(60).state == before
        assert again.calls() == Counts(6, 0)
    latest = runner.runs(thread_id="t")[0]
    recorder = Recorder(runner.saver, replace(latest, run_id="another"), 0)
    asyncio.run(recorder.load())
    assert sum(map(len, recorder._left.values())) == 6  # each answer once, though three runs were given it
    third = runner.fork("g", "t", origin, {"said": {"by hand": "looked"}}, as_node="plan", replay=True)
    assert third.wait(60).status == "done"
    assert len(asked(server)) == 1  # the summary of it all
    runner.saver.database.write(runner.records.change, _with_status(runner, third.id))
    with pytest.raises(ThreadBusyError, match="is paused"):
        runner.fork("g", "t", origin)


def _with_status(runner: Runner, run_id: str) -> Any:
    return replace(runner.record(run_id), status="paused")


def test_the_record_goes_with_what_it_is_of(saver: SQLSaver, server: OpenAIServer) -> None:
    novel(server)
    with Runner(saver, {"g": graph(server.url)}) as runner:
        runner.start("g", {"topic": "tea"}, thread_id="t").wait(60)
        run = runner.start("g", {"topic": "milk"}, thread_id="t")
        assert run.wait(60).status == "done"
        saver.copy_thread("t", "copy")
        assert (_rows(saver), _rows(saver, "copy")) == (14, 0)
        saver.delete_for_runs([run.id])
        assert _rows(saver) == 7
        origin = planned(saver, "t")
        list(saver.prune(["t"], keep=3))
        assert 0 < _rows(saver) < 7
        list(saver.prune(["t"]))
        assert _rows(saver) == 0
        forked = runner.fork("g", "copy", origin, to="new")
        assert forked.wait(60).status == "done"
        assert _rows(saver, "new") == 6
        saver.delete_for_runs([forked.id])  # its first step began from a checkpoint that no run made
        assert _rows(saver, "new") == 0
        runner.fork("g", "copy", origin, to="newer").wait(60)
        assert _rows(saver, "newer") == 6
        saver.delete_thread("newer")
        assert _rows(saver, "newer") == 0


def test_a_record_outlives_a_change_of_keys(tmp_path: Any, server: OpenAIServer) -> None:
    novel(server)
    url = f"sqlite:///{tmp_path / 'runs.db'}"
    with SQLSaver(url, encryption=BEFORE) as saver, Runner(saver, {"g": graph(server.url)}) as runner:
        before = runner.start("g", {"topic": "tea"}, thread_id="t").wait(60).state
    with SQLSaver(url, encryption=KEYS) as saver, Runner(saver, {"g": graph(server.url)}) as runner:
        saver.rekey()
        run = runner.fork("g", "t", planned(saver, "t"), to="new", replay=True)
        assert (run.wait(60).state, run.calls()) == (before, Counts(6, 0))


def test_what_cannot_be_noted_keeps_no_run_from_its_end(
    runner: Runner, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted = Recorder._call
    monkeypatch.setattr(Recorder, "_call", lambda *given: _of_another_lease(noted(*given)))
    run = runner.start("g", {"topic": "tea"}, thread_id="t")
    assert run.wait(60).status == "done"
    assert (run.calls(), _rows(runner.saver)) == (Counts(0, 0), 0)  # a lease that is lost stores nothing


def _of_another_lease(call: Any) -> Any:
    return replace(call, fence=call.fence + 1)


@pytest.fixture
def cache() -> Iterator[InMemoryCache]:
    made = InMemoryCache()
    set_llm_cache(made)
    yield made
    set_llm_cache(None)


def test_the_cache_of_a_program_goes_on_as_ever(runner: Runner, server: OpenAIServer, cache: InMemoryCache) -> None:
    first = runner.start("g", {"topic": "tea"}, thread_id="t")
    assert first.wait(60).status == "done"
    assert get_llm_cache() is cache
    asked(server)
    second = runner.start("g", {"topic": "tea"}, thread_id="u")
    assert second.wait(60).state["said"]["plan"] == first.wait().state["said"]["plan"]
    assert [text[:6] for text in asked(server)] in ([], ["sum up"])  # the first run had two answers to one request
    assert second.calls().asked == 7  # what the cache gave is in the record as well
    cache.clear()
    assert runner.fork("g", "u", planned(runner.saver, "u"), to="v", replay=True).wait(60).state == second.wait().state
    assert asked(server) == []


@pytest.mark.thorough
def test_a_run_that_is_killed_is_given_the_same_again(program: Program, new_url: str, server: OpenAIServer) -> None:
    novel(server)
    ended = program("-m", "tests.runs.replaying", new_url, server.url, "6")
    assert ended.returncode == 0, ended.stderr
    first, *lives = map(json.loads, ended.stdout.splitlines())
    # Parallel tasks may share a commit, so one life may pass fewer boundaries than another, and miss the last.
    assert sum(life["killed"] for life in lives) >= max(4, len(lives) - 1)
    for life in lives:
        assert {name for name, text in life["said"].items() if text != first[name]} == {"write", "end"}, life
        assert life["calls"] == [4, 2], life
    requests = asked(server)  # what was under way when it was killed, among what the edit touched, is asked again
    assert (requests.count("look around"), requests.count("always the same")) == (2, 2)


def test_a_run_leaves_no_cache_behind(runner: Runner) -> None:
    assert get_llm_cache() is None
    runner.start("g", {"topic": "tea"}).wait(60)
    assert get_llm_cache() is None


def _digest(*messages: Any, model: str = "m") -> bytes:
    return digest_of(dumps(list(messages)), model)


def _turn(text: str, call: str, **more: Any) -> list[Any]:
    calls: list[Any] = [{"name": "look", "args": {"at": text}, "id": call, "type": "tool_call"}]
    return [HumanMessage("hi"), AIMessage(text, tool_calls=calls, **more), ToolMessage("nothing", tool_call_id=call)]


def test_requests_are_the_same_if_no_model_could_tell_them_apart() -> None:
    used = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    told = {"id": "x", "usage_metadata": used, "response_metadata": {"model_name": "m"}}
    assert _digest(*_turn("a", "call_1", **told)) == _digest(*_turn("a", "0f3c"))
    different: list[Callable[[], bytes]] = [
        lambda: _digest(*_turn("b", "call_1")),
        lambda: _digest(*_turn("a", "call_1"), model="n"),
        lambda: _digest(*_turn("a", "call_1")[:2]),
        lambda: digest_of("a", "m"),
        lambda: digest_of('["a"]', "m"),
        lambda: digest_of("[null]", "m"),
        lambda: digest_of("[" * 100_000, "m"),
    ]
    assert len({_digest(*_turn("a", "call_1")), *(one() for one in different)}) == len(different) + 1


def test_sizes_and_verification_look_at_what_runs_noted(runner: Runner) -> None:
    runner.start("g", {"topic": "tea"}, thread_id="t").wait(30)
    saver = runner.saver
    [size] = saver.sizes("t")
    calls, runs = saver.database.read(lambda session: (session.tables.calls, session.tables.runs))

    def length(of: Any) -> int:
        total = select(func.sum(func.length(of.c.body)))
        return int(saver.database.read(lambda session: session.execute(total).scalar()))

    assert size.runs == length(calls) + length(runs) > 1000
    assert list(saver.verify()) == []
    saver.database.write(lambda session: session.execute(update(calls).values(body=b"\xc1")))
    found = list(saver.verify())
    assert (len(found), {problem.kind for problem in found}) == (7, {"damaged"})
    assert all(problem.reason.startswith("calls ") and problem.checkpoint_id for problem in found)
    saver.delete_thread("t")
    assert (list(saver.verify()), saver.sizes(), _rows(saver)) == ([], [], 0)


def _streamed(client: Any, url: str, cache: bool | None) -> Any:
    """plan → a stream about the topic and one about nothing in particular."""
    chat = ChatOpenAI(model="m", base_url=url, api_key=SecretStr("k"), http_async_client=client, cache=cache)

    def tell(state: Any) -> dict[str, Any]:
        asked_for = (f"about {state['topic']}", "always the same")
        return {"said": {prompt: [piece.text for piece in chat.stream(prompt, model="m")] for prompt in asked_for}}

    async def atell(state: Any) -> dict[str, Any]:
        asked_for = (f"about {state['topic']}", "always the same")
        return {
            "said": {prompt: [piece.text async for piece in chat.astream(prompt, model="m")] for prompt in asked_for}
        }

    built = StateGraph(State)
    built.add_node("plan", lambda state: {"said": {}})
    built.add_node("tell", atell if client else tell)
    return built.add_edge("__start__", "plan").add_edge("plan", "tell")


@pytest.mark.parametrize("cache", [None, False])
def test_streams_are_recorded_and_replayed_in_one_piece(side: Side, server: OpenAIServer, cache: bool | None) -> None:
    """Unless the model is to use no cache: then it is asked again."""
    is_async, runner = side.loop is not None, side.runner
    client = openai.DefaultAsyncHttpxClient() if is_async else None
    runner._graphs["s"] = _streamed(client, server.url, cache)
    run, told = side.ran("s", {"topic": "tea"}, thread_id="t")
    assert (len(told.state["said"]["about tea"]) > 1, run.calls().asked) == (True, 2 if cache is None else 0)
    assert asked(server) == ["about tea", "always the same"]
    forked = side.fork("s", "t", planned(runner.saver, "t"), {"topic": "milk"}, as_node="plan", to="u", replay=True)
    said = side.wait(forked).state["said"]
    assert asked(server) == ["about milk", *(["always the same"] if cache is False else [])]
    if cache is None:
        assert forked.calls() == Counts(replayed=1, asked=1)
        assert said["always the same"] == ["".join(told.state["said"]["always the same"])]
        assert runner.usage("model")["m (replayed)"]["calls"] == 1
    if client and side.loop:
        side.loop.run(client.aclose())
