"""What langgraph-checkpoint-sqlite stores: each checkpoint whole, with all its values, as one document."""

import json
from collections.abc import Iterator
from typing import Any

import ormsgpack
from sqlalchemy import Column, Connection, Integer, LargeBinary, MetaData, Table, Text

from threadloom.checkpoints.sources.source import Encoded, Snapshot, Source, StoredCheckpoint, as_dict, as_id

_metadata = MetaData()
_checkpoints = Table(
    "checkpoints",
    _metadata,
    Column("thread_id", primary_key=True),
    Column("checkpoint_ns", Text, primary_key=True),
    Column("checkpoint_id", primary_key=True),
    Column("parent_checkpoint_id"),
    Column("type", Text),
    Column("checkpoint", LargeBinary),
    Column("metadata", LargeBinary, key="notes"),
)
_writes = Table(
    "writes",
    _metadata,
    Column("thread_id", primary_key=True),
    Column("checkpoint_ns", Text, primary_key=True),
    Column("checkpoint_id", primary_key=True),
    Column("task_id", primary_key=True),
    Column("idx", Integer, primary_key=True),
    Column("task_path", Text),
    Column("channel", Text),
    Column("type", Text),
    Column("value", LargeBinary, key="data"),
)


class SqliteSnapshot(Snapshot):
    """A thread in such a file."""

    tables = (_checkpoints, _writes)

    def checkpoints(self) -> Iterator[StoredCheckpoint]:
        """Every checkpoint with all its values."""
        table = _checkpoints.c
        names = (table.checkpoint_ns, table.checkpoint_id, table.parent_checkpoint_id)
        columns = (*names, table.type, table.checkpoint, table.notes)
        for ns, checkpoint_id, parent_id, kind, data, notes in self.stream(_checkpoints, *columns):
            document = _opened(kind, data)
            found = as_dict(document.pop("channel_values", None))
            values = {channel: _closed(kind, value) for channel, value in found.items()}
            metadata = {} if notes is None else json.loads(notes)
            rest = _closed(kind, document)
            yield StoredCheckpoint(ns, str(checkpoint_id), as_id(parent_id), rest, values, metadata)


class SqliteSource(Source):
    """A file of SqliteSaver or AsyncSqliteSaver."""

    package = "langgraph-checkpoint-sqlite"
    kind = SqliteSnapshot

    def begin(self, connection: Connection) -> None:
        """Python's sqlite3 begins none for reading; what follows sees what was committed at its first statement."""
        connection.exec_driver_sql("BEGIN")


def _opened(kind: str | None, data: Any) -> dict[str, Any]:
    """The document, with whatever is no plain data in it still encoded."""
    try:
        if kind == "msgpack":
            found = ormsgpack.unpackb(data, ext_hook=ormsgpack.Ext, option=ormsgpack.OPT_NON_STR_KEYS)
        elif kind == "json":
            found = json.loads(data)
        else:
            raise ValueError(f"it was stored as {kind!r}, by another serializer than LangGraph's default one")
    except (TypeError, RecursionError) as exc:
        raise ValueError(f"the stored bytes cannot be read ({exc})") from exc
    return as_dict(found)


def _closed(kind: str, part: Any) -> Encoded:
    if kind == "json":
        return kind, json.dumps(part).encode()
    try:
        return kind, ormsgpack.packb(part, option=ormsgpack.OPT_NON_STR_KEYS)
    except TypeError as exc:
        raise ValueError(f"the stored bytes cannot be read ({exc})") from exc
