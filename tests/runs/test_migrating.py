"""A waiting run whose graph was changed goes on after its migration as if it had begun with today's graph."""

import operator
from collections import Counter
from dataclasses import replace
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.channels import DeltaChannel
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import task
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

from tests.programs import Program
from tests.runs.errand import CONFIG, GIVEN, Names, answered, errand, migrations, outcome, schema, undisturbed, waiting
from threadloom.checkpoints import SQLSaver
from threadloom.checkpoints.errors import StaleThreadError
from threadloom.runs.errors import MigrationError, UnknownThreadError
from threadloom.runs.migrating import Migrated, amigrate, migrate
from threadloom.runs.migrations import AddedKey, ChangedType, RemovedKey, RenamedKey, RenamedNode
from threadloom.runs.verdict import judge

ALL = Names("begin", "approve", "post", "aside", "office", "inner", "finish", "number", str, late=True)


def test_everything_renamed_and_the_answers_arrive(saver: SQLSaver) -> None:
    """On every database, plain and encrypted."""
    done: Counter[str] = Counter()
    errand(Names(), done).compile(checkpointer=saver).invoke(GIVEN, CONFIG)
    graph, before = errand(ALL, done).compile(checkpointer=saver), waiting(errand(Names()).compile(checkpointer=saver))
    assert not judge(saver, graph, "t").resumes
    migrated = migrate(saver, graph, "t", migrations(Names(), ALL))
    assert "node ask renamed to approve" in migrated.applied
    assert "office: key number converted" in migrated.applied
    assert {migrated.handles[handle]: asked for handle, asked in before.items()} == waiting(graph)
    answered(graph, waiting(graph))
    assert outcome(graph) == undisturbed(ALL, InMemorySaver())
    assert max(done.values()) == 1  # what a sibling has done is not done again
    assert [*saver.verify()] == []


@st.composite
def versions(draw: st.DrawFn) -> Names:
    places = draw(st.lists(st.sampled_from(["first", "ask", "send", "beside", "sub", "inner_ask", "end", "count"])))
    changed: Any = {place: f"new + {place}" for place in places}
    return replace(Names(), **changed, kind=draw(st.sampled_from([int, str])), late=draw(st.booleans()))


@settings(max_examples=8)
@given(chain=st.lists(versions(), min_size=1, max_size=3), early=st.integers(0, 3))
def test_any_changes_one_after_another_between_answers(chain: list[Names], early: int) -> None:
    done: Counter[str] = Counter()
    with SQLSaver("sqlite://") as saver:
        before = Names()
        graph = errand(before, done).compile(checkpointer=saver)
        graph.invoke(GIVEN, CONFIG)
        answered(graph, dict([*waiting(graph).items()][:early]))
        for after in chain:
            first = waiting(graph)
            graph = errand(after, done).compile(checkpointer=saver)
            migrated = migrate(saver, graph, "t", migrations(before, after))
            assert judge(saver, graph, "t").resumes
            assert {migrated.handles.get(handle, handle): asked for handle, asked in first.items()} == waiting(graph)
            assert migrate(saver, graph, "t", migrations(before, after)) == replace(migrated, applied=())
            before = after
        answered(graph, waiting(graph))
        assert outcome(graph) == undisturbed(before, InMemorySaver())
        assert max(done.values()) == 1


class Old(TypedDict, total=False):
    n: int
    scratch: str
    log: Annotated[list[str], operator.add]


class New(TypedDict, total=False):
    n: str
    tags: list[str]
    log: Annotated[list[str], operator.add]


def one(state: Any, name: str = "ask") -> Any:
    """A graph that asks and is done."""
    graph: Any = StateGraph(state)
    graph.add_node(name, lambda state: {"log": [f"{state.get('n')!r} {interrupt('?')}"]})
    graph.add_edge(START, name)
    return graph


@pytest.mark.parametrize("side", ["sync", "async"])
async def test_keys_are_added_converted_and_removed(side: str) -> None:
    what = [RenamedNode("ask", "approve"), AddedKey("tags", ["old"]), ChangedType("n", str), RemovedKey("scratch")]
    with SQLSaver("sqlite://") as saver:
        one(Old).compile(checkpointer=saver).invoke({"n": 3, "scratch": "x"}, CONFIG)
        graph = one(New, "approve").compile(checkpointer=saver)
        history = [*saver.list(CONFIG)]
        migrated = await amigrate(saver, graph, "t", what) if side == "async" else migrate(saver, graph, "t", what)
        assert migrated.applied == tuple(migration.line for migration in what)
        assert [*saver.list(CONFIG)][1:] == history
        head = saver.get_tuple(CONFIG)
        assert head
        assert head.parent_config == history[0].config
        metadata: Any = head.metadata
        assert (metadata["source"], metadata["migrated"]["applied"]) == ("update", [*migrated.applied])
        resume: Any = Command(resume=dict.fromkeys(migrated.handles.values(), "yes"))
        final = await graph.ainvoke(resume, CONFIG) if side == "async" else graph.invoke(resume, CONFIG)
        assert final == {"n": "3", "tags": ["old"], "log": ["'3' yes"]}


def test_what_was_not_started_yet_is_migrated_too() -> None:
    """A process that died after the input was stored; the input has keys as well."""
    with SQLSaver("sqlite://") as saver:
        old = one(Old).compile(checkpointer=saver, interrupt_before="*")
        old.invoke({"n": 3, "scratch": "x"}, CONFIG)
        saver.delete_for_runs([])
        first = [*saver.list(CONFIG)][-1]
        assert first.checkpoint["channel_values"]["__start__"] == {"n": 3, "scratch": "x"}
        begun: Any = {"configurable": {"thread_id": "begun", "checkpoint_ns": ""}}
        saver.put(begun, first.checkpoint, first.metadata, first.checkpoint["channel_versions"])
        graph = one(New).compile(checkpointer=saver)
        migrate(
            saver,
            graph,
            "begun",
            [RenamedKey("n", "m"), RenamedKey("m", "n"), ChangedType("n", str), RemovedKey("scratch")],
        )
        graph.invoke(None, begun)
        assert graph.invoke(Command(resume="yes"), begun) == {"n": "3", "log": ["'3' yes"]}


@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize(
    ("node", "inner"), [("memory", "ask"), ("kept", "ask"), ("memory", "query"), ("kept", "query")]
)
def test_subgraphs_with_a_memory_keep_it(node: str, inner: str, crash: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """What they store is under no task's id, so it is migrated in place; killed after that, the next one ends it."""

    def graph(node: str, inner: str) -> Any:
        outer: Any = StateGraph(Old)
        outer.add_node(node, one(Old, inner).compile(checkpointer=True))
        outer.add_edge(START, node)
        return outer.compile(checkpointer=saver)

    with SQLSaver("sqlite://") as saver:
        old = graph("memory", "ask")
        old.invoke({"n": 1}, CONFIG)
        old.invoke(Command(resume="one"), CONFIG)
        old.invoke({"n": 2}, CONFIG)
        (handle,) = waiting(old)
        new, what = graph(node, inner), [RenamedNode("memory", node), RenamedNode("ask", inner, within=node)]
        if crash:
            _die_before_the_root(saver, lambda: migrate(saver, new, "t", what), monkeypatch)
        migrated = migrate(saver, new, "t", what)
        handle = migrated.handles.get(handle, handle)
        assert [*waiting(new)] == [handle]
        final = new.invoke(Command(resume={handle: "two"}), CONFIG)
        assert final["log"] == undisturbed_memory(graph, saver)
        assert new.get_state(CONFIG).next == ()


def undisturbed_memory(graph: Any, saver: SQLSaver) -> list[str]:
    saver.delete_thread("t")
    same = graph("memory", "ask")
    same.invoke({"n": 1}, CONFIG)
    same.invoke(Command(resume="one"), CONFIG)
    same.invoke({"n": 2}, CONFIG)
    final: list[str] = same.invoke(Command(resume="two"), CONFIG)["log"]
    return final


def _die_before_the_root(saver: SQLSaver, act: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    put = saver.put

    def dying(config: Any, *rest: Any) -> Any:
        if not config["configurable"]["checkpoint_ns"]:
            raise KeyboardInterrupt
        return put(config, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(saver, "put", dying)
        try:
            act()
        except KeyboardInterrupt:
            return


def _head(saver: SQLSaver) -> str:
    """The id of the latest checkpoint."""
    return next(saver.list(CONFIG)).checkpoint["id"]


def test_delta_channels_are_made_whole() -> None:
    def log(old: list[str], new: Any) -> list[str]:
        return [*old, *(text for texts in new for text in texts)]

    def graph(key: str, ask: str) -> Any:
        graph: Any = StateGraph(schema({key: Annotated[list[str], DeltaChannel(log)]}))
        graph.add_node("first", lambda _: {key: ["first"]})
        graph.add_node("beside", lambda _: {key: ["beside"]})
        graph.add_node(ask, lambda _: {key: [interrupt("?")]})
        for start, end in ((START, "first"), ("first", "beside"), ("first", ask)):
            graph.add_edge(start, end)
        return graph.compile(checkpointer=saver)

    with SQLSaver("sqlite://") as saver:
        graph("log", "ask").invoke({"log": ["given"]}, CONFIG)
        assert migrate(saver, graph("log", "ask"), "t", []) == Migrated("t", _head(saver))
        what = [RenamedKey("log", "diary"), RenamedNode("ask", "query")]
        migrate(saver, graph("diary", "query"), "t", what)
        graph("diary", "query").invoke(Command(resume="yes"), CONFIG)
        values = graph("diary", "query").get_state(CONFIG).values
        assert sorted(values["diary"]) == ["beside", "first", "given", "yes"]


def test_a_thread_that_moved_on_meanwhile_is_left_alone(plain_saver: SQLSaver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is second, a run or another migration, is refused and can try again."""
    saver = plain_saver
    errand(Names()).compile(checkpointer=saver).invoke(GIVEN, CONFIG)
    graph, what = errand(ALL).compile(checkpointer=saver), migrations(Names(), ALL)
    put, first = saver.put, list[Migrated]()

    def late(config: Any, *rest: Any) -> Any:
        if not config["configurable"]["checkpoint_ns"]:
            monkeypatch.undo()
            first.append(migrate(saver, graph, "t", what))
        return put(config, *rest)

    monkeypatch.setattr(saver, "put", late)
    with pytest.raises(StaleThreadError):
        migrate(saver, graph, "t", what)
    assert migrate(saver, graph, "t", what) == replace(first[0], applied=())
    answered(graph, waiting(graph))
    assert outcome(graph) == undisturbed(ALL, InMemorySaver())


@pytest.mark.parametrize(
    ("names", "what", "reason"),
    [
        (replace(ALL, send="send"), [], "node (ask|beside|sub) is next, and would not be after these migrations"),
        (Names(count="number"), [], "key count is gone, and holds a value"),
        (Names(kind=bytes), [ChangedType("count", operator.neg)], "key count holds a value of type int, and is bytes"),
        (Names(kind=bytes), [ChangedType("count", len)], r"key count cannot be converted \(TypeError: object of type"),
        (Names(inner_ask="inner"), [RenamedNode("inner_ask", "other", within="sub")], "sub: node inner_ask is next"),
    ],
)
def test_migrations_that_do_not_do_change_nothing(names: Names, what: Any, reason: str) -> None:
    with SQLSaver("sqlite://") as saver:
        errand(Names()).compile(checkpointer=saver).invoke(GIVEN, CONFIG)
        before = [*saver.list(CONFIG)]
        with pytest.raises(MigrationError, match=reason):
            migrate(saver, errand(names), "t", what)
        assert [*saver.list(CONFIG)] == before


def test_what_cannot_be_moved_is_refused_and_not_done_twice() -> None:
    @task
    def pay() -> str:
        return "paid"

    def graph(name: str) -> Any:
        graph: Any = StateGraph(Old)
        graph.add_node(name, lambda _: {"log": [pay().result(), interrupt("?")]})
        graph.add_edge(START, name)
        return graph.compile(checkpointer=saver)

    with SQLSaver("sqlite://") as saver:
        graph("ask").invoke({"n": 1}, CONFIG)
        assert migrate(saver, graph("ask"), "t", []).applied == ()
        with pytest.raises(
            MigrationError, match="what a @task or an error handler wrote is stored, and cannot be moved"
        ):
            migrate(saver, graph("query"), "t", [RenamedNode("ask", "query")])
        with pytest.raises(UnknownThreadError, match="no thread 'nobody'"):
            migrate(saver, graph("ask"), "nobody", [])


def test_clocks_that_are_behind_do_not_hide_the_new_checkpoint() -> None:
    with SQLSaver("sqlite://") as saver:
        one(Old).compile(checkpointer=saver).invoke({"n": 1}, CONFIG)
        head = saver.get_tuple(CONFIG)
        assert head
        future = {**head.checkpoint, "id": "3ffffff0-0000-6000-8000-000000000000"}
        config: Any = {"configurable": {"thread_id": "future", "checkpoint_ns": ""}}
        saver.put(config, future, head.metadata, head.checkpoint["channel_versions"])  # type: ignore[arg-type]
        migrated = migrate(saver, one(New), "future", [ChangedType("n", str), RenamedNode("x", "y")])
        assert migrated == Migrated("future", migrated.checkpoint_id, ("key n converted",), {})
        assert one(New).compile(checkpointer=saver).get_state(config).values["n"] == "1"


def test_killed_anywhere_a_migration_has_happened_or_not(program: Program, url: str) -> None:
    assert _kills(program, url, every=11) > 3


@pytest.mark.crash
def test_killed_everywhere(program: Program, new_url: str) -> None:
    assert _kills(program, new_url, every=1) > 20


def _kills(program: Program, url: str, every: int) -> int:
    done = program("-m", "tests.runs.dying", url, str(every))
    assert (done.stderr, done.returncode) == ("", 0)
    return int(done.stdout)
