"""Pruning: what stays reads back as it was, nothing unreferenced is left, and a dry run tells beforehand."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langgraph.checkpoint.base import empty_checkpoint
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from tests.checkpoints.chain import KEYS, config, put
from tests.checkpoints.test_sharing import unsound
from threadloom.checkpoints import Encryption, SQLSaver, pruning, retention
from threadloom.checkpoints.errors import InvalidRequestError, ThreadDeletedError, UnrestorableValueError
from threadloom.checkpoints.pruning import Pruned

DAY = timedelta(days=1)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SOUND = {"missing": 0, "unused": 0}


@pytest.fixture(autouse=True)
def _small_transactions() -> Iterator[None]:
    with (
        mock.patch.multiple(pruning, BATCH=3, PAGE=4, SHARE=10**6),
        mock.patch.object(retention, "PAGE", 2),
    ):
        yield


def store(saver: SQLSaver, thread: str, ns: str, parent: str | None, number: int, delta: dict[str, bool]) -> str:
    """Store a checkpoint one day after the one before, with writes; `delta` channels are stored or else replayed."""
    checkpoint = empty_checkpoint()
    checkpoint["id"], checkpoint["ts"] = f"{number:05}", (NOON + number * DAY).isoformat()
    values: dict[str, Any] = {"n": number, "long": [f"{n} " * 60 for n in range(number % 7, number % 7 + 3)]}
    values |= {channel: f"snapshot {number}" for channel, whole in delta.items() if whole}
    checkpoint["channel_values"] = values
    checkpoint["channel_versions"] = dict.fromkeys(values.keys() | delta.keys(), f"{number}")
    notes: Any = {"source": "update", "step": number, "run_id": f"run-{number % 3}"}
    notes |= {"counters_since_delta_snapshot": dict.fromkeys(delta, (1, 1))}
    at = config(thread, ns, **({"checkpoint_id": parent} if parent else {}))
    new = saver.put(at, checkpoint, notes, checkpoint["channel_versions"])
    saver.put_writes(new, [(channel, [f"{channel} {number} " * 12]) for channel in [*delta, "n"]], f"task-{number}")
    return checkpoint["id"]


def everything(saver: SQLSaver) -> dict[tuple[str, ...], Any]:
    """All that can be read of each checkpoint, what is rebuilt included."""
    found: dict[tuple[str, ...], Any] = {}
    for item in saver.list(None):
        place = item.config["configurable"]
        counters: Any = item.metadata.get("counters_since_delta_snapshot", {})
        replayed = sorted(set(counters) - item.checkpoint["channel_values"].keys())
        history = saver.get_delta_channel_history(config=item.config, channels=replayed)
        key = (place["thread_id"], place["checkpoint_ns"], place["checkpoint_id"])
        found[key] = item.checkpoint["channel_values"], item.metadata, item.pending_writes, history
    return found


def total(saver: SQLSaver) -> int:
    return sum(size.total for size in saver.sizes(limit=100))


def kept_by(model: dict[tuple[str, ...], Any], thread: str, keep: int, until: int | None) -> set[tuple[str, ...]]:
    """What has to stay of a thread, without what it is rebuilt from."""
    kept = set()
    for _, keys in itertools.groupby(sorted(key for key in model if key[0] == thread), key=lambda key: key[1]):
        newest_first = sorted(keys, reverse=True)
        kept |= {k for rank, k in enumerate(newest_first) if rank < keep or (until is not None and int(k[2]) >= until)}
    return kept


PLACES = st.tuples(st.sampled_from("tu"), st.sampled_from(["", "", "n"]))
OPERATIONS = st.one_of(
    *[st.tuples(st.just("put"), PLACES, st.sampled_from([0, 0, 0, 1, 4]), st.booleans(), st.booleans())] * 4,
    st.tuples(st.just("prune"), st.sampled_from("tu"), st.integers(1, 4), st.none() | st.integers(0, 40)),
    st.tuples(st.just("delete older"), st.sampled_from("tu"), st.integers(0, 40)),
    st.tuples(st.just("copy")),
    st.tuples(st.just("delete run"), st.integers(0, 2)),
    st.tuples(st.just("stray"), PLACES, st.integers(0, 40)),
)


class Model:
    """A saver beside what it must hold."""

    def __init__(self, saver: SQLSaver) -> None:
        self.saver = saver
        self.number = 0
        self.known: dict[tuple[str, ...], Any] = {}
        self.ids: set[tuple[str, ...]] = set()

    def run(self, operation: tuple[Any, ...]) -> None:
        if operation[0] == "put":
            self._put(*operation[1:])
            return
        self._learn()
        match operation:
            case ("prune", thread, keep, until):
                self._pruned(thread, keep, until)
            case ("delete older", thread, until):
                self._deleted(thread, until)
            case ("copy",):
                self.saver.delete_thread("v")
                self.saver.copy_thread("t", "v")
            case ("delete run", run):
                self.saver.delete_for_runs([f"run-{run}"])
                found = everything(self.saver)
                assert {k for k in self.known if int(k[2]) % 3 != run} <= found.keys()
            case ("stray", (thread, ns), number) if (thread, ns, f"{number:05}") not in self.ids:
                with self._refused_if_deleted(thread):
                    at = config(thread, ns, checkpoint_id=f"{number:05}")
                    self.saver.put_writes(at, [("n", "stray " * 30)], "late")
        if operation[0] not in ("copy", "stray"):  # these add something
            self._learn()
        assert self.saver._database.read(unsound) == SOUND

    def _put(self, place: tuple[str, str], back: int, often: bool, seldom: bool) -> None:
        past = sorted(key[2] for key in self.ids if key[:2] == place)
        parent = past[-1 - back % len(past)] if past else None
        with self._refused_if_deleted(place[0]):
            new = store(self.saver, *place, parent, self.number, {"often": often, "seldom": seldom and often})
            self.ids.add((*place, new))
        self.number += 1

    @contextmanager
    def _refused_if_deleted(self, thread: str) -> Iterator[None]:
        try:
            yield
        except ThreadDeletedError:
            assert not any(key[0] == thread for key in self.ids)

    def _learn(self) -> None:
        """Look at all that is there; what was there before is as it was."""
        found = everything(self.saver)
        assert all(self.known.get(key, read) == read for key, read in found.items())
        self.known, self.ids = found, set(found)

    def _pruned(self, thread: str, keep: int, until: int | None) -> None:
        older_than = None if until is None else NOON + until * DAY
        how: Any = {"keep": keep, "older_than": older_than}
        foreseen = self.saver.prune([thread], **how, dry_run=True)
        before, size = everything(self.saver), total(self.saver)
        assert self.saver.prune([thread], **how) == foreseen
        [pruned] = foreseen
        found = everything(self.saver)
        assert size - total(self.saver) == pruned.bytes
        assert len(before) - len(found) == pruned.checkpoints
        assert kept_by(before, thread, keep, until) <= found.keys()
        assert self.saver.prune([thread], **how) == [Pruned(thread)]

    def _deleted(self, thread: str, until: int) -> None:
        roots = [int(k[2]) for k in self.known if k[:2] == (thread, "")]
        how: Any = {"strategy": "delete", "older_than": NOON + until * DAY}
        foreseen = self.saver.prune([thread], **how, dry_run=True)
        assert self.saver.prune([thread], **how) == foreseen
        gone = bool(roots) and max(roots) < until
        left = sum(k[0] == thread for k in everything(self.saver))
        assert left == (0 if gone else sum(k[0] == thread for k in self.known))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(operations=st.lists(OPERATIONS, min_size=8, max_size=25))
def test_any_sequence_leaves_what_can_be_read(encryption: Encryption | None, operations: list[tuple[Any, ...]]) -> None:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    with SQLSaver(engine, encryption=encryption) as saver:
        model = Model(saver)
        for operation in operations:
            model.run(operation)
    engine.dispose()


# Two channels, stored together now and then and one of them more often; forks, subgraphs, strays.
STORY: list[tuple[Any, ...]] = [
    *(("put", ("t", ns), 0, n % 3 == 0, n % 5 == 0) for n in range(10) for ns in ("", "n")),
    ("put", ("t", ""), 4, False, False),
    ("stray", ("t", ""), 2),
    ("copy",),
    ("prune", "t", 3, 16),
    ("stray", ("t", ""), 2),
    ("put", ("t", ""), 1, False, False),
    ("delete run", 1),
    ("prune", "t", 1, None),
    ("delete older", "t", 10),
    ("delete older", "t", 99),
]


@pytest.mark.thorough
def test_a_story_on_every_database(saver: SQLSaver) -> None:
    model = Model(saver)
    for operation in STORY:
        model.run(operation)
    assert {key[0] for key in model.known} == {"v"}
    assert list(saver.verify()) == []


def line(saver: SQLSaver, length: int, stored: Callable[[int], dict[str, bool]]) -> None:
    parent = None
    for number in range(length):
        parent = store(saver, "t", "", parent, number, stored(number))


def test_an_ancestor_that_stays_for_one_channel_has_the_others_too(saver: SQLSaver) -> None:
    # 10 has `often` from 9 and `seldom` from 5, and so 5 stays, which has `often` from 4, which has `seldom` from 3.
    line(saver, 11, lambda n: {"often": n in (3, 4, 9), "seldom": n in (3, 5)})
    before = everything(saver)
    saver.prune(["t"])
    found = everything(saver)
    assert sorted(int(key[2]) for key in found) == [3, 4, 5, 6, 7, 8, 9, 10]
    assert all(before[key] == read for key, read in found.items())


class KilledError(Exception):
    pass


def test_killed_between_two_transactions_it_leaves_what_can_be_read_and_the_next_one_finishes(saver: SQLSaver) -> None:
    line(saver, 20, lambda n: {"often": n % 4 == 0})
    before = everything(saver)
    locked = pruning._Thread.locked
    for last in [*range(1, 13), 99]:
        calls = itertools.count(1)

        def mortal(*args: Any, calls: Any = calls, last: int = last) -> Any:
            if next(calls) > last:
                raise KilledError
            return locked(*args)

        with mock.patch.object(pruning._Thread, "locked", mortal), suppress(KilledError):
            saver.prune(["t"], keep=2)
        assert all(before[key] == read for key, read in everything(saver).items())
        assert saver._database.read(unsound)["missing"] == 0
    assert sorted(int(key[2]) for key in everything(saver)) == [16, 17, 18, 19]
    assert saver._database.read(unsound) == SOUND
    assert list(saver.verify()) == []


@pytest.mark.thorough
def test_whoever_stores_between_two_transactions_finds_all_that_he_needs(saver: SQLSaver) -> None:
    """Forks from checkpoints that are doomed, and values that were in no use a moment ago."""
    line(saver, 20, lambda n: {"often": n % 6 == 0})
    write, numbers = saver._database.write, itertools.count(21)
    past = iter(["00017", "00015", "00009"])
    read: dict[tuple[str, ...], Any] = {}
    forks = []

    def with_a_guest(*args: Any, **kwargs: Any) -> Any:
        result = write(*args, **kwargs)
        there = {key[2] for key in everything(saver)}
        if parent := next((each for each in past if each in there), None):
            forks.append(parent)
        store(saver, "t", "", parent, next(numbers), {"often": parent is None})
        read.update(everything(saver))
        return result

    with mock.patch.object(saver._database, "write", with_a_guest):
        saver.prune(["t"])
    assert forks
    found = everything(saver)
    assert len(found) > 3
    assert all(read[key] == item for key, item in found.items())
    assert saver._database.read(unsound)["missing"] == 0
    saver.prune(["t"])
    assert saver._database.read(unsound) == SOUND


@pytest.mark.parametrize("keep", [1, 3])
async def test_the_asynchronous_side_prunes_all_threads_alike(saver: SQLSaver, keep: int) -> None:
    for thread in ("a", "b"):
        for number in range(9):
            store(saver, thread, "", f"{number - 1:05}" if number else None, number, {})
    seen: list[Pruned] = []
    foreseen = await saver.aprune(None, keep=keep, dry_run=True)
    assert await saver.aprune(None, keep=keep, progress=seen.append) == foreseen == seen
    assert [(each.thread_id, each.checkpoints, each.writes) for each in seen] == [
        ("a", 9 - keep, 9 - keep),
        ("b", 9 - keep, 9 - keep),
    ]
    assert [len(list(saver.list(config(thread)))) for thread in ("a", "b")] == [keep, keep]
    await saver.acompact()
    assert len(everything(saver)) == 2 * keep


def test_a_thread_that_does_not_exist_leaves_no_trace(saver: SQLSaver) -> None:
    deleting: dict[str, Any] = {"strategy": "delete"}
    every: list[dict[str, Any]] = [{}, {"dry_run": True}, deleting, deleting | {"older_than": NOON}]
    for how in every:
        assert saver.prune(["none"], **how) == [Pruned("none")]
    assert saver.prune(None) == []


@pytest.mark.parametrize("how", [{"keep": 0}, {"keep": -1}, {"keep": 2, "strategy": "delete"}, {"strategy": "all"}])
def test_options_that_make_no_sense_are_refused(url: str, how: Any) -> None:
    with SQLSaver(url) as saver, pytest.raises(InvalidRequestError):
        saver.prune(["t"], **how)


def test_what_refers_to_elements_and_is_damaged_costs_no_elements(plain_saver: SQLSaver) -> None:
    line(plain_saver, 3, lambda _: {})
    table = plain_saver._tables.values
    before = plain_saver.sizes()[0].elements
    plain_saver._database.write(
        lambda session: session.execute(table.update().where(table.c.type == "tree").values(data=b"\xc7\xff"))
    )
    with pytest.raises(UnrestorableValueError, match=r"thread 't'.* damaged"):
        plain_saver.prune(["t"])
    assert plain_saver.sizes()[0].elements == before


def test_a_file_shrinks(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    for encryption in (None, KEYS):
        path = path.with_suffix(f".{encryption is None}")
        with SQLSaver(f"sqlite:///{path}", encryption=encryption) as saver:
            at = put(saver, config(), {"x": b"\0" * 3_000_000})
            put(saver, at, {"x": 1})
            saver.prune(["t"])
            saver.compact()
            assert path.stat().st_size < 200_000
            assert Path(f"{path}-wal").stat().st_size == 0


def test_a_file_of_an_older_release_shrinks_too(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE other (a)")
    for _ in range(2):
        with SQLSaver(engine) as saver:
            put(saver, config(), {"x": b"\0" * 3_000_000})
            saver.delete_thread("t")
            saver.compact()
            assert path.stat().st_size < 200_000
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA auto_vacuum").scalar() == 2
    engine.dispose()
