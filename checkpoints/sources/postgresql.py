"""What langgraph-checkpoint-postgres stores: small plain values with the checkpoint, others by their version."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import ormsgpack
from langgraph.checkpoint.serde.types import TASKS
from sqlalchemy import Column, Connection, Integer, LargeBinary, MetaData, Table, Text, select, tuple_
from sqlalchemy.dialects.postgresql import JSONB

from threadloom.checkpoints.sources.source import Encoded, Snapshot, Source, StoredCheckpoint, as_dict, as_id, untyped
from threadloom.checkpoints.versions import next_version

# Ids have no type: the LangGraph server's tables have UUIDs where the saver's have text, and PostgreSQL finds out.
_metadata = MetaData()
_checkpoints = Table(
    "checkpoints",
    _metadata,
    Column("thread_id", primary_key=True),
    Column("checkpoint_ns", Text, primary_key=True),
    Column("checkpoint_id", primary_key=True),
    Column("parent_checkpoint_id"),
    Column("checkpoint", JSONB),
    Column("metadata", JSONB, key="notes"),
)
_blobs = Table(
    "checkpoint_blobs",
    _metadata,
    Column("thread_id", primary_key=True),
    Column("checkpoint_ns", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("type", Text),
    Column("blob", LargeBinary, key="data"),
)
_writes = Table(
    "checkpoint_writes",
    _metadata,
    Column("thread_id", primary_key=True),
    Column("checkpoint_ns", Text, primary_key=True),
    Column("checkpoint_id", primary_key=True),
    Column("task_id", primary_key=True),
    Column("idx", Integer, primary_key=True),
    Column("task_path", Text),
    Column("channel", Text),
    Column("type", Text),
    Column("blob", LargeBinary, key="data"),
)

Versions = Mapping[str, Any]


class PostgresSnapshot(Snapshot):
    """A thread in such a database."""

    tables = (_checkpoints, _blobs, _writes)

    def checkpoints(self) -> Iterator[StoredCheckpoint]:
        """Every checkpoint, its stored values as far as their versions are not those of the one before."""
        table = _checkpoints.c
        names = (table.checkpoint_ns, table.checkpoint_id, table.parent_checkpoint_id)
        columns = (*names, table.checkpoint, table.notes)
        before: tuple[str, Versions] = ("", {})
        for ns, checkpoint_id, parent_id, document, notes in self.stream(_checkpoints, *columns):
            known = before[1] if before[0] == ns else {}
            versions = as_dict(as_dict(document).get("channel_versions"))
            fresh = {c: v for c, v in versions.items() if known.get(c) != v or type(known.get(c)) is not type(v)}
            inline = {c: _plain(value) for c, value in as_dict(document.pop("channel_values", None)).items()}
            values = inline | self._blobs(ns, fresh) | self._sends(document, parent_id)
            before = ns, versions
            yield StoredCheckpoint(ns, str(checkpoint_id), as_id(parent_id), _plain(document), values, notes)

    def _blobs(self, ns: str, versions: Versions) -> dict[str, Encoded]:
        """The values with these versions that are stored by themselves; an empty channel has none."""
        table = _blobs.c
        wanted = tuple_(table.channel, table.version).in_([(c, str(v)) for c, v in versions.items()])
        query = select(table.channel, table.type, table.data).where(
            table.thread_id == untyped(self.thread_id), table.checkpoint_ns == ns, wanted
        )
        found = self.connection.execute(query) if versions else ()
        return {channel: (kind, data) for channel, kind, data in found if kind != "empty"}

    def _sends(self, document: dict[str, Any], parent_id: str | None) -> dict[str, Encoded]:
        """Before version 4 of the format what to send was a write on the parent; since then it is a channel's value."""
        if not parent_id or document.get("v", 0) not in range(4):
            return {}
        table = _writes.c
        mine, on_parent = table.thread_id == untyped(self.thread_id), table.checkpoint_id == untyped(parent_id)
        query = select(table.type, table.data).where(mine, on_parent, table.channel == TASKS)
        sends = self.connection.execute(query.order_by(self.task_path, table.task_id, table.idx)).all()
        if not sends:
            return {}
        versions = document["channel_versions"]
        try:
            versions[TASKS] = max(versions.values()) if versions else next_version(None)
        except TypeError as exc:
            raise ValueError(f"its versions cannot be compared ({exc})") from exc
        return {TASKS: _together([(kind, data) for kind, data in sends])}


class PostgresSource(Source):
    """A database of PostgresSaver or AsyncPostgresSaver."""

    package = "langgraph-checkpoint-postgres"
    kind = PostgresSnapshot

    def begin(self, connection: Connection) -> None:
        """REPEATABLE READ sees one moment; it takes effect with the first statement."""
        connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def _plain(value: Any) -> Encoded:
    return "json", json.dumps(value).encode()


def _together(values: list[Encoded]) -> Encoded:
    """Several values as one list."""
    kinds = {kind for kind, _ in values}
    if kinds == {"json"}:
        return "json", b"[" + b",".join(data for _, data in values) + b"]"
    if kinds != {"msgpack"}:
        raise ValueError(f"what to send is stored in several ways ({', '.join(sorted(kinds))})")
    read = [ormsgpack.unpackb(data, ext_hook=ormsgpack.Ext, option=ormsgpack.OPT_NON_STR_KEYS) for _, data in values]
    return "msgpack", ormsgpack.packb(read, option=ormsgpack.OPT_NON_STR_KEYS)
