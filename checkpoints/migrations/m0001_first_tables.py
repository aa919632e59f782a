"""The tables as they first were."""

from typing import Any

from alembic.operations import Operations
from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, Integer, LargeBinary
from sqlalchemy.dialects import mysql

from threadloom.checkpoints.dialects.types import Bytes, Name
from threadloom.checkpoints.migrations import Names

ENGINE: dict[str, Any] = {"mysql_engine": "InnoDB", "mariadb_engine": "InnoDB"}
DIGEST = LargeBinary(16).with_variant(mysql.VARBINARY(16), "mysql", "mariadb")
_INDEXES = {"checkpoints_newest": ["checkpoint_id", "thread_id", "ns"], "checkpoints_run": ["run_id"]}


def _place() -> list[Column[Any]]:
    return [Column("thread_id", Name(480), primary_key=True), Column("ns", Name(1600), primary_key=True)]


def _contents() -> list[Column[Any]]:
    return [Column("type", Name(128), nullable=False), Column("data", Bytes, nullable=False)]


def tables() -> dict[str, tuple[list[Column[Any]], dict[str, Any]]]:
    """Their columns and options."""
    return {
        "schema": ([Column("version", Integer, primary_key=True, autoincrement=False)], {}),
        "threads": (
            [Column("thread_id", Name(480), primary_key=True), Column("epoch", BigInteger, nullable=False)],
            {},
        ),
        "checkpoints": (
            [
                *_place(),
                Column("checkpoint_id", Name(128), primary_key=True),
                *(Column(name, Name(128)) for name in ("parent_id", "run_id", "source")),
                Column("step", Integer),
                Column("ts", Name(128), nullable=False),
                Column("channel_versions", JSON, nullable=False),
                Column("replayed", JSON, nullable=False),
                Column("metadata", Bytes, nullable=False),
                Column("checkpoint", Bytes, nullable=False),
            ],
            {},
        ),
        "values": (
            [
                *_place(),
                Column("channel", Name(480), primary_key=True),
                Column("version", Name(128), primary_key=True),
                *_contents(),
            ],
            {"sqlite_with_rowid": False},
        ),
        "writes": (
            [
                *_place(),
                Column("checkpoint_id", Name(128), primary_key=True),
                Column("task_id", Name(480), primary_key=True),
                Column("idx", Integer, primary_key=True, autoincrement=False),
                Column("task_path", Name(1600), nullable=False),
                Column("channel", Name(480), nullable=False),
                *_contents(),
            ],
            {"sqlite_with_rowid": False},
        ),
        "elements": (
            [
                Column("thread_id", Name(480), primary_key=True),
                Column("digest", DIGEST, primary_key=True),
                Column("inner", Boolean, nullable=False),
                Column("data", Bytes, nullable=False),
            ],
            {},
        ),
    }


def upgrade(op: Operations, names: Names) -> None:
    """Create them."""
    for name, (columns, options) in tables().items():
        indexes = _INDEXES if name == "checkpoints" else {}
        parts = [*columns, *(Index(names.of(index), *of) for index, of in indexes.items())]
        if not names.has(name):
            op.create_table(names.of(name), *parts, schema=names.schema, **ENGINE, **options)
