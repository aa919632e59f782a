"""What a database tells about itself: sizes, timelines, and everything that could not be restored."""

import asyncio
import dataclasses
import random
from typing import Any

import ormsgpack
import pytest
from langchain_core.messages import HumanMessage
from sqlalchemy import delete, func, insert, select, update

from tests.checkpoints.chain import TABLES, config, put
from tests.checkpoints.counting import graph
from threadloom.checkpoints import SQLSaver, verify
from threadloom.checkpoints.codec import StrictSerializer
from threadloom.checkpoints.records import Body
from threadloom.checkpoints.session import Session
from threadloom.checkpoints.tables import SCHEMA_VERSION
from threadloom.checkpoints.tree import digest_of
from threadloom.checkpoints.verify import Problem


@dataclasses.dataclass
class Invoice:
    number: int


NAME = f"{Invoice.__module__}.Invoice"


def _messages(count: int, seed: int = 0) -> list[HumanMessage]:
    rng = random.Random(seed)
    return [HumanMessage("".join(rng.choices("abc ", k=500)), id=f"{seed}-{n}") for n in range(count)]


def _wider(saver: SQLSaver) -> Any:
    return saver.with_allowlist([(Invoice.__module__, "Invoice")])


def _do(saver: SQLSaver, statement: Any) -> Any:
    return saver._database.write(lambda session: session.execute(statement).rowcount)


def _packed(message: HumanMessage) -> bytes:
    return StrictSerializer().pack(message)


def _kinds(problems: list[Problem]) -> set[tuple[str, str, str]]:
    return {(problem.thread_id, problem.channel, problem.kind) for problem in problems}


def _bytes(session: Session, column: Any) -> int:
    return sum(len(data) for data in session.execute(select(column)).scalars())


def test_sizes_are_those_of_the_rows(saver: SQLSaver) -> None:
    at = put(saver, config("large"), {"messages": _messages(60), "n": 1})
    saver.put_writes(at, [("n", "x" * 50)], "task")
    put(saver, config("small"), {"n": 1})
    large, small = saver.sizes()
    assert (large.thread_id, small.thread_id) == ("large", "small")
    assert saver.sizes(limit=1) == [large]
    assert (small.writes, small.elements, large.channels) == (0, 0, ())
    assert large.values + small.values == saver._database.read(_bytes, TABLES.values.c.data)
    assert large.elements == saver._database.read(_bytes, TABLES.elements.c.data) > 60 * 500
    assert large.writes == saver._database.read(_bytes, TABLES.writes.c.data) > 50
    assert large.checkpoints + small.checkpoints == saver._database.read(_bytes, TABLES.checkpoints.c.body)
    assert large.total == large.checkpoints + large.values + large.writes + large.elements
    assert large.runs == 0
    assert saver.sizes("none") == []
    assert asyncio.run(saver.asizes("small")) == saver.sizes("small")


def test_what_channels_share_counts_once_for_the_thread_and_for_each_of_them(saver: SQLSaver) -> None:
    shared, mine = _messages(40, 1), _messages(40, 2)
    put(saver, config(), {"both": shared, "mine": [*shared, *mine]})
    put(saver, config(ns="sub"), {"both": shared, "n": 1})
    [size] = saver.sizes("t")
    by_name = {(channel.ns, channel.channel): channel for channel in size.channels}
    assert set(by_name) == {("", "both"), ("", "mine"), ("sub", "both"), ("sub", "n")}
    assert size.channels[0] is by_name["", "mine"]
    assert by_name["", "both"].alone == by_name["sub", "both"].alone == by_name["sub", "n"].elements == 0
    assert by_name["", "both"].elements == by_name["sub", "both"].elements > 40 * 500
    assert 40 * 500 < by_name["", "mine"].alone < size.elements < sum(c.elements for c in size.channels)
    assert by_name["", "mine"].alone + by_name["", "both"].elements == size.elements
    assert sum(channel.values for channel in size.channels) == size.values


def test_a_timeline_shows_what_the_history_shows_without_values(saver: SQLSaver) -> None:
    graph(saver).invoke({"count": 0}, config())
    _do(saver, update(TABLES.values).values(data=b"nonsense"))
    found = list(saver.timeline("t"))
    first = found[-1]
    assert [moment.step for moment in found] == list(range(10, -2, -1))
    assert [moment.nodes for moment in found[:3]] == [("even",), ("step",), ("even",)]
    assert (first.parent_id, first.source, first.nodes) == (None, "input", ())
    assert [moment.parent_id for moment in found[:-1]] == [moment.checkpoint_id for moment in found[1:]]
    assert sum(moment.bytes for moment in found) == saver.sizes("t")[0].checkpoints
    assert all(moment.created.utcoffset() is not None for moment in found)
    assert list(saver.timeline("t", before=found[4].checkpoint_id, limit=3)) == found[5:8]
    assert list(saver.timeline("t", "sub")) == list(saver.timeline("t", limit=0)) == []
    assert asyncio.run(_collected(saver)) == found


async def _collected(saver: SQLSaver) -> list[Any]:
    return [moment async for moment in saver.atimeline("t")]


def test_a_long_timeline_is_read_in_pages(saver: SQLSaver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threadloom.checkpoints.timeline.PAGE", 3)
    at = config()
    for _ in range(7):
        at = put(saver, at)
    found = [moment.checkpoint_id for moment in saver.timeline("t")]
    assert found == sorted(found, reverse=True)
    assert len(set(found)) == 7
    assert [moment.checkpoint_id for moment in saver.timeline("t", limit=4)] == found[:4]


def test_what_is_whole_has_no_problems(saver: SQLSaver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "PAGE", 2)
    for thread in ("a", "b\0\1", "ä" * 100):
        at = put(saver, config(thread), {"messages": _messages(30), "empty": None, "raw": bytearray(b"x" * 5000)})
        put(saver, at, {"messages": _messages(31), "deep": {"list": [{"text": "x" * 9000}] * 20}})
        saver.put_writes(at, [("messages", _messages(5, 2)), ("empty", None)], "task")
    graph(saver).invoke({"count": 0}, config("run"))
    assert list(saver.verify()) == []
    assert list(saver.verify("none")) == []


def test_verify_names_every_value_of_a_class_that_is_not_allowed(saver: SQLSaver) -> None:
    wider = _wider(saver)
    at = put(wider, config(), {"bare": Invoice(1), "n": 1})
    put(wider, config(ns="sub"), {"deep": [*_messages(30), {"bill": Invoice(2), "text": "x" * 5000}]})
    wider.put_writes(at, [("written", [Invoice(3)] * 2)], "task")
    assert list(wider.verify()) == []
    problems = {problem.channel: problem for problem in saver.verify()}
    assert set(problems) == {"bare", "deep", "written"}
    assert {problem.type_name for problem in problems.values()} == {NAME}
    assert {problem.kind for problem in problems.values()} == {"unrestorable"}
    assert "allow-list" in problems["bare"].reason
    assert problems["deep"].ns == "sub"
    assert problems["bare"].checkpoint_id == problems["written"].checkpoint_id
    assert problems["bare"].checkpoint_id == at["configurable"]["checkpoint_id"]


def test_a_shared_value_is_named_with_the_oldest_checkpoint_that_has_it(saver: SQLSaver) -> None:
    wider = _wider(saver)
    first = put(wider, config(), {"bill": Invoice(1)})
    tuple_ = wider.get_tuple(first)
    second = tuple_.checkpoint | {"id": f"{tuple_.checkpoint['id']}-later", "channel_values": {"bill": Invoice(1)}}
    wider.put(first, second, {"source": "loop", "step": 1}, {})
    [problem] = saver.verify()
    assert problem.checkpoint_id == first["configurable"]["checkpoint_id"]


def test_verify_finds_an_element_that_was_deleted_by_hand(plain_saver: SQLSaver) -> None:
    put(plain_saver, config("whole"), {"messages": _messages(40)})
    at = put(plain_saver, config("torn"), {"messages": _messages(40), "other": _messages(40, 1)})
    put(plain_saver, at, {"messages": _messages(41)})
    lost = digest_of(_packed(_messages(40)[7]))
    assert (
        _do(
            plain_saver,
            delete(TABLES.elements).where(TABLES.elements.c.thread_id == "torn", TABLES.elements.c.digest == lost),
        )
        == 1
    )
    problems = list(plain_saver.verify())
    assert _kinds(problems) == {("torn", "messages", "missing")}
    assert len(problems) == 2  # both versions
    assert list(plain_saver.verify("whole")) == []


def test_what_is_below_a_missing_element_is_not_called_useless(plain_saver: SQLSaver) -> None:
    put(plain_saver, config(), {"messages": _messages(40)})
    assert _do(plain_saver, delete(TABLES.elements).where(TABLES.elements.c.inner)) > 1
    assert _kinds(list(plain_saver.verify())) == {("t", "messages", "missing")}


def test_verify_finds_flipped_bytes(plain_saver: SQLSaver) -> None:
    put(plain_saver, config("t"), {"messages": _messages(40), "n": 1})
    data = _packed(_messages(40)[7])
    digest, flipped = digest_of(data), data.replace(b"a", b"b", 1)
    assert _do(plain_saver, update(TABLES.elements).where(TABLES.elements.c.digest == digest).values(data=flipped)) == 1
    assert _kinds(list(plain_saver.verify())) == {("t", "messages", "damaged")}
    assert _do(plain_saver, update(TABLES.values).where(TABLES.values.c.channel == "n").values(data=b"\xc1")) == 1
    assert _kinds(list(plain_saver.verify())) == {("t", "messages", "damaged"), ("t", "n", "damaged")}


def test_verify_reads_the_checkpoint_itself(plain_saver: SQLSaver) -> None:
    put(plain_saver, config(), {"n": 1})
    _do(plain_saver, update(TABLES.checkpoints).values(body=Body({}, [], b"\xc1", ormsgpack.packb({})).pack()))
    [problem] = plain_saver.verify()
    assert (problem.kind, problem.channel) == ("damaged", "")
    assert "metadata" in problem.reason


def test_verify_finds_elements_to_which_nothing_refers(plain_saver: SQLSaver) -> None:
    at = put(plain_saver, config(), {"messages": _messages(40)})
    orphans = [{"thread_id": "t", "digest": digest_of(d), "inner": False, "data": d} for d in (b"\xa1a", b"\xa1b")]
    _do(plain_saver, insert(TABLES.elements).values(orphans))
    [problem] = plain_saver.verify()
    assert (problem.kind, problem.thread_id) == ("unreferenced", "t")
    assert "2 elements, 4 bytes" in problem.reason
    put(plain_saver, at, {"messages": _messages(3)})
    plain_saver.prune(["t"])
    assert list(plain_saver.verify()) == []


def test_verify_skips_nothing_between_pages(saver: SQLSaver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "PAGE", 1)
    wider, at = _wider(saver), config()
    for number in range(3):
        at = put(wider, at, {"bill": Invoice(number)})
    wider.put_writes(at, [("written", Invoice(number)) for number in range(3)], "task")
    found = [(problem.channel, problem.checkpoint_id) for problem in saver.verify()]
    moments = [moment.checkpoint_id for moment in saver.timeline("t")]
    assert sorted(found) == sorted([("bill", one) for one in moments] + [("written", moments[0])] * 3)


def test_what_is_pruned_while_verify_runs_is_no_problem(saver: SQLSaver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "PAGE", 1)
    at = put(_wider(saver), config(), {"bill": Invoice(1), "messages": _messages(40)})
    problems = saver.verify()
    assert next(problems).channel == "bill"  # all elements were looked at, the messages themselves were not
    put(saver, at, {"bill": None, "messages": _messages(40, 5)})
    saver.prune(["t"])
    assert list(problems) == []


@pytest.mark.parametrize("deleted", [False, True])
def test_what_is_stored_while_verify_runs_is_no_problem(saver: SQLSaver, deleted: bool) -> None:
    put(_wider(saver), config(), {"bill": Invoice(1)})
    problems = saver.verify()
    assert next(problems).channel == "bill"
    put(_wider(saver), config(ns="sub"), {"bill": Invoice(2), "messages": _messages(40)})
    assert next(problems).ns == "sub"  # the row of its messages was read, the elements were not
    if deleted:
        saver.delete_thread("t")
    assert list(problems) == []


def test_no_transaction_is_open_while_the_caller_thinks(saver: SQLSaver) -> None:
    at = put(_wider(saver), config(), {"bill": Invoice(1), "n": 1})
    for _ in saver.verify():
        put(saver, at, {"n": 2})  # SQLite in memory has one connection
    for moment in saver.timeline("t", limit=2):
        saver.put_writes(config(checkpoint_id=moment.checkpoint_id), [("n", 3)], "task")


def test_an_overview_says_what_the_database_is(saver: SQLSaver) -> None:
    at = put(saver, config("a"))
    put(saver, at)
    put(saver, config("b"))
    found = saver.overview()
    assert (found.schema_version, found.threads, found.checkpoints) == (SCHEMA_VERSION, 2, 3)
    assert found.database in ("sqlite", "postgresql", "mysql", "mariadb")
    assert (
        saver._database.read(lambda c: c.execute(select(func.count()).select_from(TABLES.threads)).scalar()) is not None
    )
