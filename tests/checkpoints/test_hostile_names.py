"""Hostile ids, names, metadata and filters: what InMemorySaver does, or a typed error and nothing stored.

Ids, namespaces, channels and task ids come from URLs, file names and models; metadata and filters from whoever calls.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple, empty_checkpoint
from langgraph.checkpoint.memory import InMemorySaver

from tests.checkpoints.chain import config
from threadloom.checkpoints import Encryption, SQLSaver
from threadloom.checkpoints.errors import CheckpointError, ThreadExistsError

# Names that some database, collation, driver or format string takes for another one, or for code.
NAMES = [
    *("a", "A", "a ", " a", "a\t", "á", "a\u0301", "Å", "Å", "ß", "ss", "ﬁ", "fi", "İ", "ı", "𝒶", "a\u200b", "\ufeffa"),
    *("", " ", "\0", "a\0", "a\0b", "\1", "\1\1", "\1\2", "\x7f", "\r\n", "\U0010ffff", "\ud800", "a\udfff"),
    *("'", '"', "`", "\\", "\\'", "''", "%", "%s", "%(a)s", "_", ":a", "?", "$1", "{}", "{0}", "$.a", "a.b", "a[0]"),
    *("'; DROP TABLE threadloom_writes; --", "' OR '1'='1", "\\x41", "0", "1", "01", "1e0", "null", "NaN", "true", "|"),
    *("x" * 480, "x" * 481, "x" * 1600, "x" * 5000, "é" * 240, "é" * 241, "🧵" * 400, "../../etc/passwd", "-1"),
]
ANY = st.sampled_from(NAMES) | st.text(st.characters(), max_size=6)
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | ANY
NOTES = st.dictionaries(
    ANY | st.sampled_from(["source", "step", "run_id", "thread_id", "writes"]),
    st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(ANY, inner, max_size=2)),
    max_size=3,
)
CALLS = st.one_of(
    st.tuples(st.just("put"), ANY, ANY, ANY, NOTES),
    st.tuples(st.just("write"), ANY, ANY, ANY, ANY),
    st.tuples(st.just("copy"), ANY, ANY),
    st.tuples(st.just("delete"), ANY),
    st.tuples(st.just("delete run"), ANY),
    st.tuples(st.just("prune"), ANY),
)
CHECKPOINTS = ("1", "2", "3")


class Model(InMemorySaver):
    """InMemorySaver with the methods that it lacks."""

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        self.delete_thread(target_thread_id)
        for kept in (self.writes, self.blobs):
            kept |= {(target_thread_id, *key[1:]): v for key, v in [*kept.items()] if key[0] == source_thread_id}
        self.storage[target_thread_id] |= {ns: {**found} for ns, found in self.storage[source_thread_id].items()}

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        for found in [*self.list(None)]:
            if found.metadata.get("run_id") in run_ids:
                self._drop(found)

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        for found in [
            item for thread_id in thread_ids for item in self.list({"configurable": {"thread_id": thread_id}})
        ]:
            thread_id, ns, checkpoint_id = _key(found)
            if checkpoint_id != max(self.storage[thread_id][ns]):
                self._drop(found)

    def _drop(self, found: CheckpointTuple) -> None:
        thread_id, ns, checkpoint_id = _key(found)
        del self.storage[thread_id][ns][checkpoint_id]
        self.writes.pop((thread_id, ns, checkpoint_id), None)


def _key(found: CheckpointTuple) -> tuple[str, str, str]:
    place = found.config["configurable"]
    return place["thread_id"], place["checkpoint_ns"], place["checkpoint_id"]


def _call(saver: BaseCheckpointSaver[str], number: int, call: tuple[Any, ...]) -> None:
    match call:
        case ("put", thread, ns, channel, notes):
            checkpoint = empty_checkpoint()
            checkpoint["id"], checkpoint["ts"] = CHECKPOINTS[number % len(CHECKPOINTS)], "2026-01-02T03:04:05+00:00"
            checkpoint["channel_values"], checkpoint["channel_versions"] = {channel: channel}, {channel: f"{number}"}
            saver.put(config(thread, ns), checkpoint, {**notes}, {channel: f"{number}"})  # type: ignore[typeddict-item]  # hostile
        case ("write", thread, ns, channel, task):
            at = config(thread, ns, checkpoint_id=CHECKPOINTS[number % len(CHECKPOINTS)])
            saver.put_writes(at, [(channel, channel), (task, number)], task, channel)
        case ("copy", source, target):
            saver.copy_thread(source, target)
        case ("delete", thread):
            saver.delete_thread(thread)
        case ("delete run", run):
            saver.delete_for_runs([run])
        case ("prune", thread):
            saver.prune([thread])


def _refused(saver: SQLSaver, number: int, call: tuple[Any, ...]) -> CheckpointError | None:
    try:
        _call(saver, number, call)
    except CheckpointError as exc:
        return exc
    return None


def _everything(saver: BaseCheckpointSaver[str], **how: Any) -> list[Any]:
    found = sorted(saver.list(None, **how), key=_key)
    return [(_key(f), f.checkpoint["channel_values"], f.metadata, f.parent_config, f.pending_writes) for f in found]


def _storable(call: Any, kind: str) -> bool:
    """Whether a database of this kind has to take it: all text but lone surrogates, and on MySQL what is not long."""
    if isinstance(call, dict):
        return all(_storable(part, kind) for item in call.items() for part in item)
    if isinstance(call, list | tuple):
        return all(_storable(part, kind) for part in call)
    data = call.encode(errors="surrogatepass") if isinstance(call, str) else b""
    return not SURROGATE.search(data) and (kind != "mysql" or len(data) <= 128)


SURROGATE = re.compile(rb"\xed[\xa0-\xbf]")


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(calls=st.lists(CALLS, max_size=8), wanted=NOTES, where=st.tuples(ANY, ANY))
def test_hostile_names_do_what_they_do_in_memory(
    empty_url: Callable[[], str],
    encryption: Encryption | None,
    calls: list[tuple[Any, ...]],
    wanted: dict[str, Any],
    where: tuple[str, str],
) -> None:
    with SQLSaver(empty_url(), encryption=encryption) as ours:
        kind, model = ours.overview().database, Model()
        for number, call in enumerate(calls):
            exists = call[0] == "copy" and any(model.list({"configurable": {"thread_id": call[2]}}))
            refused = _refused(ours, number, call)
            if refused is None:
                assert not exists
                _call(model, number, call)
            else:
                assert _everything(ours) == _everything(model)
                assert not _storable(call, kind) or (exists and isinstance(refused, ThreadExistsError))
        assert _everything(ours) == _everything(model)
        for look in (
            lambda saver: _everything(saver, filter=wanted),
            lambda saver: [_key(f) for f in saver.list(config(*where), filter=wanted)],
            lambda saver: saver.get_tuple(config(*where)),
        ):
            _alike(look, ours, model, storable=_storable((wanted, where), kind))
        assert list(ours.verify()) == []


def _alike(look: Callable[[Any], Any], ours: SQLSaver, model: Model, *, storable: bool) -> None:
    try:
        assert look(ours) == look(model)
    except CheckpointError:
        assert not storable
