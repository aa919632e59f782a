"""What did not succeed at once is in the timeline: attempts under a retry policy, and calls that failed on the way."""

import operator
import threading
from collections.abc import Callable, Iterator
from typing import Annotated, Any
from uuid import uuid4

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.outputs import ChatResult
from langchain_core.tools import tool
from langgraph.graph import START, StateGraph
from langgraph.types import RetryPolicy, Send, interrupt
from typing_extensions import TypedDict

from threadloom.runs.attempts import LONGEST, MOST, Attempts, task_of
from threadloom.runs.runner import Runner
from threadloom.runs.timeline import Step, Task, timeline


class State(TypedDict, total=False):
    name: str
    log: Annotated[list[str], operator.add]


class Silent(BaseChatModel):
    """A model whose error quotes a key."""

    @property
    def _llm_type(self) -> str:
        return "silent"

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        raise ConnectionError("refused for sk-secret")


@tool
def look(where: str) -> str:
    """Fails."""
    raise PermissionError(where)


class World:
    """What fails how often, by name, and what is done before that."""

    def __init__(self) -> None:
        self.left: dict[str, int] = {}
        self.before: Callable[[str], object] = lambda name: None

    def attempt(self, name: str) -> None:
        self.before(name)
        if self.left.get(name, 0):
            self.left[name] -= 1
            raise TimeoutError(f"{name} is slow")


POLICY = RetryPolicy(initial_interval=0, jitter=False, max_attempts=3, retry_on=TimeoutError)


def graph(world: World) -> Any:
    """In one step two that are sent, and a subgraph; then one that does without its model and its tool, and asks."""

    def work(state: State) -> State:
        world.attempt(state["name"])
        return {"log": [state["name"]]}

    async def awork(state: State) -> Any:
        return work({**state, "name": "inner"})

    def make_do(_: State) -> State:
        for call in (lambda: Silent().invoke("hello"), lambda: look.invoke({"where": "there"})):
            with pytest.raises(OSError, match=r"refused|there"):
                call()
        return {"log": [interrupt("?")]}

    inner: Any = StateGraph(State)
    inner.add_node("inner", awork, retry_policy=POLICY).add_edge(START, "inner")
    built: Any = StateGraph(State)
    built.add_node("work", work, retry_policy=POLICY).add_node("sub", inner.compile()).add_node("make_do", make_do)
    sends = [Send("work", {"name": name}) for name in ("one", "two")]
    built.add_conditional_edges(START, lambda _: [*sends, Send("sub", {"name": "sub"})], ["work", "sub"])
    return built.add_edge(["work", "sub"], "make_do")


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def runner(empty_url: Callable[[], str], world: World) -> Iterator[Runner]:
    with Runner(empty_url(), {"g": lambda: graph(world)}) as made:
        yield made


def tasks(runner: Runner) -> dict[str, Task]:
    """The tasks of thread t by node, those that were sent by what they logged, subgraphs included."""
    found: dict[str, Task] = {}

    def note(steps: Iterator[Step] | tuple[Step, ...]) -> None:
        for step in steps:
            for task in step.tasks:
                found[f"{task.node}{len([name for name in found if name.startswith(task.node)])}"] = task
                note(task.steps)

    note(timeline(runner.saver, "t"))
    return found


def test_attempts_and_calls_that_failed_are_told_of_their_tasks(runner: Runner, world: World) -> None:
    world.left = {"one": 2, "inner": 1}
    run = runner.start("g", {"name": "x"}, thread_id="t")
    assert run.wait(60).status == "waiting"
    assert run.resume("yes").wait(60).status == "done"
    found = tasks(runner)
    one, two, sub, inner = (found[name] for name in ("work0", "work1", "sub0", "inner0"))
    assert (one.tried, one.error, one.retried) == (3, "TimeoutError: one is slow", True)
    assert (two.tried, two.error, two.retried) == (1, "", False)
    assert (sub.tried, inner.tried, inner.error) == (1, 2, "TimeoutError: inner is slow")
    made = found["make_do0"]
    assert (made.tried, made.error) == (1, "")  # that it asked, and was run again for the answer, is no failure
    assert (made.failed_calls, made.call_error) == (4, "PermissionError")
    assert "sk-secret" not in repr(run.record().details)
    [together] = [step for step in timeline(runner.saver, "t") if len(step.tasks) == 3]
    assert together.retries == 2


def test_attempts_are_counted_on_over_resumes(runner: Runner, world: World) -> None:
    world.left = {"one": 3}
    run = runner.start("g", {"name": "x"}, thread_id="t")
    assert run.wait(60).error == "TimeoutError: one is slow"
    [failed] = [task for task in tasks(runner).values() if "is slow" in task.error]  # a sibling may be cancelled
    assert (failed.tried, failed.retried) == (3, False)
    world.left = {"one": 1}
    assert run.resume().wait(60).status == "waiting"
    [failed] = [task for task in tasks(runner).values() if "is slow" in task.error]
    assert (failed.tried, failed.retried) == (5, True)


def test_what_failed_is_kept_when_the_process_dies_later(runner: Runner, world: World) -> None:
    reached, go = threading.Event(), threading.Event()

    def hold(name: str) -> None:
        if name == "one" and not world.left["one"]:
            reached.set()
            assert go.wait(60)

    world.left, world.before = {"one": 1}, hold
    run = runner.start("g", {"name": "x"}, thread_id="t")
    assert reached.wait(60)
    while "attempts" not in run.record().details:
        threading.Event().wait(0.05)  # for a heartbeat
    runner.let_go()
    with Runner(runner.saver, {"g": lambda: graph(World())}) as other:
        [recovered] = other.recover()
        assert recovered.wait(60).status == "waiting"
    go.set()
    [failed] = [task for task in tasks(runner).values() if "is slow" in task.error]
    assert (failed.tried, failed.retried) == (2, True)


def test_what_is_kept_of_a_run_is_bounded() -> None:
    attempts = Attempts({})
    for number in range(MOST + 10):
        attempts._count(f"{number}", times=1)
    assert (len(attempts.failed), "10" in attempts.failed, "9" in attempts.failed) == (MOST, True, False)
    assert (attempts.news(), attempts.news()) == (True, False)
    run_id = uuid4()
    attempts.on_chain_start(
        {}, {}, run_id=run_id, tags=["graph:step:1"], metadata={"langgraph_checkpoint_ns": "n:long"}
    )
    attempts.on_chain_error(ValueError("x" * 1000), run_id=run_id)
    assert len(attempts.failed["long"]["error"]) == LONGEST
    assert [task_of(ns) for ns in ("", "a:1", "a:1|b:2", "a:1|b:2|1")] == ["", "1", "2", "2"]
