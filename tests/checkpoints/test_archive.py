"""A thread exported and imported is the same thread, wherever; a file that was cut or edited brings nothing."""

import hashlib
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import ormsgpack
import pytest
from hypothesis import given, settings

from tests.checkpoints.chain import KEYS, config, put
from tests.checkpoints.officials import converse, deltas, graph, listed, say
from tests.checkpoints.test_importing import MOVES, Point
from tests.programs import Program
from threadloom.checkpoints import SQLSaver
from threadloom.checkpoints.archive import HEADER, Archive
from threadloom.checkpoints.errors import DatabaseBusyError, InvalidRequestError, NotAnArchiveError, ThreadExistsError
from threadloom.checkpoints.importing import is_unfinished
from threadloom.checkpoints.rewriting import Rewriting


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "t.thread"


@pytest.fixture
def plain() -> Iterator[SQLSaver]:
    with SQLSaver("sqlite://") as saver:
        yield saver


def test_there_and_back_is_the_same_on_every_database(saver: SQLSaver, plain: SQLSaver, file: Path) -> None:
    converse(graph(plain))
    put(plain, config("t", "nul\0 é"), {"x": ["long" * 500, {"a": b"\0" * 3000}]})
    exported = plain.export_thread("t", file)
    assert (exported.checkpoints, file.stat().st_mode & 0o777) == (len(listed(plain)), 0o600)
    imported = saver.import_thread(file)
    assert (imported.status, imported.checkpoints, imported.writes) == ("imported", *exported[1:3])
    assert listed(saver) == listed(plain)
    assert list(saver.verify()) == []
    saver.export_thread("t", file.with_name("again"))
    assert file.with_name("again").read_bytes() == file.read_bytes()
    assert graph(saver).get_state(config()) == graph(plain).get_state(config())
    with pytest.raises(ThreadExistsError, match="'t' is in the database already"):
        saver.import_thread(file)
    assert saver.import_thread(file, "other").thread_id == "other"
    say(graph(saver), "hello", "other")
    assert saver.names("") == ["other", "t"]
    assert listed(saver) == listed(plain)


@given(MOVES)
@settings(max_examples=8)
def test_any_history_is_the_same_through_encrypted_and_plain(moves: list[tuple[str, Any]]) -> None:
    with (
        TemporaryDirectory() as folder,
        SQLSaver("sqlite://") as first,
        SQLSaver("sqlite://", encryption=KEYS) as second,
    ):
        compiled = graph(first)
        say(compiled, "hello")
        for move, argument in moves:
            if move == "say":
                say(compiled, argument)
            elif move in ("update", "fork"):
                history = list(compiled.get_state_history(config()))
                at = history[argument % len(history)].config
                compiled.update_state(at, {"notes": [move], "turn": argument}, as_node="plan")
        paths = [Path(folder) / name for name in "abc"]
        first.export_thread("t", paths[0])
        assert second.import_thread(paths[0], "moved").status == "imported"
        second.export_thread("moved", paths[1])
        first.delete_thread("t")
        assert first.import_thread(paths[1], "t").status == "imported"
        first.export_thread("t", paths[2])
        assert paths[2].read_bytes() == paths[0].read_bytes()


def test_delta_channels_come_along(saver: SQLSaver, plain: SQLSaver, file: Path) -> None:
    for turn in range(5):
        deltas(plain).invoke({"last": str(turn), "seldom": [f"in{turn}"]}, config())
    plain.export_thread("t", file)
    saver.import_thread(file)
    histories = [[s.values for s in deltas(each).get_state_history(config())] for each in (saver, plain)]
    assert histories[0] == histories[1]


def test_every_cut_and_every_changed_byte_is_refused_before_anything_is_stored(plain: SQLSaver, file: Path) -> None:
    put(plain, config(), {"a": [1, 2, 3]})
    plain.export_thread("t", file)
    whole = file.read_bytes()
    other = file.with_name("other")
    with SQLSaver("sqlite://") as target:
        for at in range(len(whole)):
            for data in (whole[:at], whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]):
                other.write_bytes(data)
                with pytest.raises(NotAnArchiveError, match="other cannot be imported: it"):
                    target.import_thread(other)
        for data in (whole + b"\0", HEADER.replace(b"1", b"2") + whole[len(HEADER) :]):
            other.write_bytes(data)
            with pytest.raises(NotAnArchiveError):
                target.import_thread(other)
        assert target.names("") == []


def sealed(records: list[Any]) -> bytes:
    """A file with these records whose checksum is right."""
    packed = [ormsgpack.packb(record) for record in records]
    data = HEADER + zlib.compress(b"".join(len(each).to_bytes(4) + each for each in packed))
    return data + hashlib.sha256(data).digest()


CHECKPOINT = ["checkpoints", "", "1", None, None, "loop", 1, "2026-01-01T00:00:00+00:00", b"\x01"]


@pytest.mark.parametrize(
    "records",
    [
        [],
        [{}],
        [{"thread_id": 7}],
        [{"thread_id": "t"}],
        [{"thread_id": "t"}, {"thread_id": "t"}],
        [{"thread_id": "t"}, ["threads", "t"]],
        [{"thread_id": "t"}, CHECKPOINT[:-1]],
        [{"thread_id": "t"}, [*CHECKPOINT[:6], 2**40, *CHECKPOINT[7:]]],
        [{"thread_id": "t"}, [*CHECKPOINT[:6], True, *CHECKPOINT[7:]]],
        [{"thread_id": "t"}, ["elements", b"\0" * 16, False, b"\xc1"], CHECKPOINT],
        [{"thread_id": "t"}, CHECKPOINT],
        [{"thread_id": "t"}, ["values", "", "a", "1", "tree", b"\xc7"], CHECKPOINT],
        [{"thread_id": "t"}, ["values", "", "a", "1", "pickle", b"cos\nsystem\n"], CHECKPOINT],
        [
            {"thread_id": "t"},
            ["values", "", "a", "1", "json", b'{"lc": 2, "type": "constructor", "id": ["os"]}'],
            CHECKPOINT,
        ],
    ],
)
@pytest.mark.parametrize("encryption", [None, KEYS], ids=["plain", "encrypted"])
def test_a_hostile_file_with_a_right_checksum_brings_nothing(records: list[Any], encryption: Any, file: Path) -> None:
    file.write_bytes(sealed(records))
    with SQLSaver("sqlite://", encryption=encryption) as saver:
        try:
            assert saver.import_thread(file).status == "failed"
        except NotAnArchiveError as error:
            assert str(error).startswith(f"{file} cannot be imported: ")  # noqa: PT017  # either will do
        assert (saver.names(""), saver.sizes()) == ([], [])


def test_a_record_that_claims_to_be_huge_is_refused(file: Path) -> None:
    data = HEADER + zlib.compress(b"\xff\xff\xff\xff" + b"\0" * 100)
    file.write_bytes(data + hashlib.sha256(data).digest())
    with pytest.raises(NotAnArchiveError, match="claims to have"):
        Archive(file)


def test_classes_that_are_not_allowed_are_named(file: Path) -> None:
    with SQLSaver("sqlite://", allow=[Point]) as source, SQLSaver("sqlite://") as target:
        put(source, config(), {"odd": [Point(1)], "even": 2})
        source.export_thread("t", file)
        failed = target.import_thread(file)
        [problem] = failed.problems
        assert (failed.status, problem.thread_id, problem.channel) == ("failed", "t", "odd")
        assert problem.type_name == f"{Point.__module__}.Point"
        assert target.names("") == []
        wider = cast("SQLSaver", target.with_allowlist([(Point.__module__, "Point")]))
        assert wider.import_thread(file).status == "imported"


def test_a_thread_that_goes_on_meanwhile_is_exported_whole_and_one_that_is_pruned_is_not(
    saver: SQLSaver, plain: SQLSaver, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(graph(saver), "hello")
    before, renewed = listed(saver), Rewriting.renewed

    def once(meanwhile: Callable[[], object]) -> None:
        turns = iter([meanwhile])

        def turning(*arguments: Any) -> Any:
            next(turns, lambda: None)()
            return renewed(*arguments)

        monkeypatch.setattr(Rewriting, "renewed", turning)  # what is called between two pages

    once(lambda: say(graph(saver), "more"))
    saver.export_thread("t", file)
    monkeypatch.undo()
    assert plain.import_thread(file).status == "imported"
    assert {place: found[0]["channel_values"] for place, found in listed(plain).items()} == {
        place: found[0]["channel_values"] for place, found in before.items()
    }
    say(graph(plain), "more")
    once(lambda: saver.prune(["t"]))
    with pytest.raises(DatabaseBusyError, match="was deleted while it was exported"):
        saver.export_thread("t", file.with_name("pruned"))
    assert [each.name for each in file.parent.glob("*pruned*")] == []


def test_nothing_half_is_left_where_a_file_cannot_be_written(plain: SQLSaver, file: Path) -> None:
    put(plain, config(), {"a": 1})
    with pytest.raises(InvalidRequestError, match="no thread 'nobody'"):
        plain.export_thread("nobody", file)
    with pytest.raises(OSError, match="No such file"):
        plain.export_thread("t", file.parent / "no" / "folder")
    file.write_text("mine")
    with pytest.raises(InvalidRequestError, match="is there already"):
        plain.export_thread("t", file)
    assert [each.name for each in file.parent.iterdir()] == ["t.thread"]
    assert file.read_text() == "mine"


KILLED = """
import os, sys
from itertools import count
from pathlib import Path
from threadloom.checkpoints import SQLSaver, restoring
restoring.BATCH = 20
seen, insert = count(1), restoring._insert
def killing(*arguments):
    insert(*arguments)
    if next(seen) == int(sys.argv[3]):
        os.kill(os.getpid(), 9)
restoring._insert = killing
with SQLSaver(sys.argv[1]) as saver:
    if sys.argv[3] == "0":
        saver.copy_thread = lambda *_: os.kill(os.getpid(), 9)
    saver.import_thread(Path(sys.argv[2]))
"""


def test_a_killed_import_leaves_no_thread_and_the_next_one_brings_it(
    program: Program, new_url: str, plain: SQLSaver, file: Path
) -> None:
    converse(graph(plain))
    plain.export_thread("t", file)
    for at in ("2", "0"):
        done = program("-c", KILLED, new_url, str(file), at)
        assert done.returncode == -9
    with SQLSaver(new_url) as saver:
        assert listed(saver) == {}
        assert all(is_unfinished(name) for name in saver.names(""))
        assert saver.names("")
        assert saver.import_thread(file).status == "imported"
        assert (saver.names(""), listed(saver)) == (["t"], listed(plain))


def test_the_asynchronous_side(empty_url: Callable[[], str], file: Path) -> None:
    async def there_and_back() -> None:
        async with SQLSaver(empty_url()) as saver:
            put(saver, config(), {"a": [1]})
            await saver.aexport_thread("t", file)
            assert (await saver.aimport_thread(file, "u")).status == "imported"
            assert await saver.anames("") == ["t", "u"]

    import asyncio

    asyncio.run(there_and_back())
