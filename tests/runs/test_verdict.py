"""Whether a stored run would go on is told before LangGraph drops what does not fit."""

import asyncio
from typing import Any

import pytest
from langgraph.func import entrypoint, task
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from pydantic import BaseModel
from typing_extensions import TypedDict

from tests.crash import voyage
from tests.runs.errand import CONFIG, GIVEN, Names, answered, errand, waiting
from threadloom.checkpoints import SQLSaver
from threadloom.runs.errors import UnknownThreadError
from threadloom.runs.fingerprint import fingerprint
from threadloom.runs.verdict import judge

JOIN = "node end waits for ask+beside+sub, and is started in another way now"
HOLDS = "key count holds a value of type int, and is str"
GONE = "is gone, and the run is to go on there"


class Plan(TypedDict, total=False):
    plan: str
    answer: str


def asking(name: str) -> Any:
    graph: Any = StateGraph(Plan)
    graph.add_node(name, lambda _: {"answer": interrupt("Shall I?")})
    graph.add_edge(START, name)
    return graph


def test_langgraph_drops_the_answer_when_the_asking_node_was_renamed_and_we_refuse() -> None:
    with SQLSaver("sqlite://") as saver:
        asking("ask").compile(checkpointer=saver).invoke({"plan": "sell"}, CONFIG)
        today = asking("approve").compile(checkpointer=saver)
        assert judge(saver, today, "t").problems == (f"node ask {GONE}",)
        # What LangGraph does, for as long as it does: no error, nothing next, and the answer is nowhere.
        assert today.get_state(CONFIG).next == ()
        assert today.invoke(Command(resume="yes"), CONFIG) == {"plan": "sell"}


@pytest.mark.parametrize(
    ("changed", "problems"),
    [
        ({}, []),
        ({"end": "finish"}, ["node end " + GONE]),  # a sibling that has finished leads there
        ({"ask": "approve"}, [f"node ask {GONE}", JOIN]),
        ({"send": "post"}, [f"node send {GONE}"]),
        ({"inner_ask": "inner"}, [f"sub: node inner_ask {GONE}"]),
        ({"joined": False}, [JOIN]),
        ({"late": True}, ["node ask is entered another way, so that what it did and asked is not found"]),
        ({"count": "number"}, ["key count is gone, and holds a value", "sub: key count is gone, and holds a value"]),
        ({"kind": str}, [HOLDS, f"sub: {HOLDS}"]),
        ({"first": "begin"}, []),  # it has run
        ({"kind": float}, []),  # an int is one
    ],
)
def test_what_stands_in_the_way_is_told(changed: dict[str, Any], problems: list[str]) -> None:
    with SQLSaver("sqlite://") as saver:
        errand(Names()).compile(checkpointer=saver).invoke(GIVEN, CONFIG)
        for before in (None, fingerprint(errand(Names()))):
            verdict = judge(saver, errand(Names(**changed)), "t", before)
            assert list(verdict.problems) == problems
            assert verdict.resumes is (not problems)
            assert set(verdict.nodes) == {"ask", "send", "beside", "sub"}
            assert bool(verdict.differences) is bool(before and changed)


def test_a_type_that_did_not_change_is_nobodys_problem() -> None:
    """State is often not what its annotations say; that is told only where it may be why a run would not go on."""
    with SQLSaver("sqlite://") as saver:
        graph = asking("ask")
        graph.compile(checkpointer=saver).invoke({"plan": 7}, CONFIG)
        assert judge(saver, graph, "t", fingerprint(graph)).resumes
        graph.add_node("later", lambda _: {})
        assert judge(saver, graph, "t", fingerprint(asking("ask"))).resumes
        assert judge(saver, graph, "t").problems == ("key plan holds a value of type int, and is str",)


def test_a_state_that_its_schema_refuses_is_told() -> None:
    class Strict(BaseModel):
        plan: str
        budget: int

    with SQLSaver("sqlite://") as saver:
        asking("ask").compile(checkpointer=saver).invoke({"plan": "sell"}, CONFIG)
        today: Any = StateGraph(Strict)
        today.add_node("ask", lambda _: {"plan": interrupt("Shall I?")})
        today.add_edge(START, "ask")
        (problem,) = judge(saver, today, "t").problems
        assert problem.startswith(
            "its state does not fit any more (ValidationError: 1 validation error for Strict budget"
        )


@pytest.mark.parametrize("side", ["sync", "async"])
def test_an_unchanged_graph_always_goes_on(side: str) -> None:
    """At every step of a run with sends, a subgraph, a loop and questions the verdict is LangGraph's own."""

    async def steps(graph: Any, given: Any) -> None:
        async for _ in graph.astream(given, CONFIG, durability="sync"):
            check(graph)

    def check(graph: Any) -> None:
        verdict = judge(saver, graph, "t")
        assert verdict.resumes, verdict.problems
        record = graph.get_state({"configurable": latest(saver)})
        assert {*record.next} <= {*verdict.nodes}
        seen.add(verdict.nodes)

    def latest(saver: SQLSaver) -> Any:
        found = saver.get_tuple(CONFIG)
        assert found
        return found.config["configurable"]

    seen: set[tuple[str, ...]] = set()
    with SQLSaver("sqlite://") as saver:
        graph = voyage.built().compile(checkpointer=saver)
        given: Any = voyage.START_INPUT
        while True:
            if side == "sync":
                for _ in graph.stream(given, CONFIG, durability="sync"):
                    check(graph)
            else:
                asyncio.run(steps(graph, given))
            check(graph)
            if not (asked := graph.get_state(CONFIG).interrupts):
                break
            given = Command(resume={question.id: "granted" for question in asked})
        verdict = judge(saver, graph, "t")
        assert (verdict.unfinished, verdict.nodes) == (False, ())
    assert len(seen) > 3


def test_a_functional_graph_goes_on_unless_what_it_asks_is_lost() -> None:
    @task
    def ask(text: str) -> str:
        return str(interrupt(text))

    @task
    def double(text: str) -> str:
        return text * 2

    with SQLSaver("sqlite://") as saver:

        @entrypoint(checkpointer=saver)
        def errands(text: str) -> str:
            return ask(double(text).result()).result()

        @entrypoint(checkpointer=saver)
        def chores(text: str) -> str:
            return ask(text).result()

        errands.invoke("x", CONFIG)
        assert judge(saver, errands, "t").resumes
        assert judge(saver, chores, "t").problems == ("what it asks belongs to none of the tasks that are next",)


def test_answers_given_so_far_are_not_in_the_way() -> None:
    with SQLSaver("sqlite://") as saver:
        graph = errand(Names()).compile(checkpointer=saver)
        graph.invoke(GIVEN, CONFIG)
        (handle, question), *_ = waiting(graph).items()
        answered(graph, {handle: question})
        assert judge(saver, graph, "t").resumes


def test_a_thread_that_is_not_there_is_refused() -> None:
    with SQLSaver("sqlite://") as saver, pytest.raises(UnknownThreadError, match="no thread 'nobody' in this database"):
        judge(saver, asking("ask"), "nobody")
