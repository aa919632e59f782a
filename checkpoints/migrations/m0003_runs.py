"""Threads can be leased; runs, what they did to the world, and what they asked are kept."""

from typing import Any

from alembic.operations import Operations
from sqlalchemy import BigInteger, Column, Integer

from threadloom.checkpoints.dialects.types import Bytes, Name
from threadloom.checkpoints.migrations import Names
from threadloom.checkpoints.migrations.m0001_first_tables import ENGINE

_INDEXES = {
    "runs_id": (["run_id"], True),
    "runs_request": (["request_key"], True),
    "runs_created": (["created", "run_id"], False),
    "runs_status": (["status", "created", "run_id"], False),
}


def upgrade(op: Operations, names: Names) -> None:
    """Add the columns and tables."""
    lease: list[Column[Any]] = [
        Column("fence", BigInteger),
        Column("owner", Name(480)),
        Column("leased_until", BigInteger),
    ]
    for column in lease:
        if column.name not in names.columns("threads"):
            op.add_column(names.of("threads"), column, schema=names.schema)
    for name, columns in _tables().items():
        if not names.has(name):
            op.create_table(names.of(name), *columns, schema=names.schema, **ENGINE)
    for name, (indexed, unique) in _INDEXES.items():
        if not names.has_index("runs", name):
            op.create_index(names.of(name), names.of("runs"), indexed, unique=unique, schema=names.schema)


def _tables() -> dict[str, list[Column[Any]]]:
    return {
        "runs": [
            *_key(thread_id=480, run_id=128),
            *_names(graph=480, status=128),
            Column("wanted", Name(128)),
            Column("request_key", Name(480)),
            *_times("created", "updated"),
            Column("ended", BigInteger),
            Column("body", Bytes, nullable=False),
        ],
        "effects": [
            *_key(thread_id=480, scope=480, key=480),
            *_names(state=128),
            Column("fence", BigInteger),
            *_times("at"),
            Column("body", Bytes, nullable=False),
        ],
        "questions": [
            *_key(thread_id=480, run_id=128, handle=480),
            Column("number", Integer, primary_key=True, autoincrement=False),
            *_names(event=128),
            *_times("at"),
            Column("body", Bytes, nullable=False),
        ],
    }


def _key(**lengths: int) -> list[Column[Any]]:
    return [Column(name, Name(length), primary_key=True) for name, length in lengths.items()]


def _names(**lengths: int) -> list[Column[Any]]:
    return [Column(name, Name(length), nullable=False) for name, length in lengths.items()]


def _times(*columns: str) -> list[Column[Any]]:
    return [Column(name, BigInteger, nullable=False) for name in columns]
