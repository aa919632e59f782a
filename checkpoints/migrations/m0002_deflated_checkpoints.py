"""Checkpoints keep all but their keys in one deflated column; threads know their head; encryption notes its keys."""

import secrets
import zlib
from typing import Any

import ormsgpack
from alembic.operations import Operations
from sqlalchemy import JSON, Column, Connection, MetaData, Table, func, insert, select, tuple_, update
from sqlalchemy.sql.expression import bindparam

from threadloom.checkpoints.dialects.types import Bytes, Name
from threadloom.checkpoints.migrations import Names
from threadloom.checkpoints.migrations.m0001_first_tables import ENGINE

PAGE = 500  # rows
KEY = ("thread_id", "ns", "checkpoint_id")
OLD = ("channel_versions", "replayed", "metadata", "checkpoint")


def upgrade(op: Operations, names: Names) -> None:
    """Convert what is there."""
    connection = op.get_bind()
    if not names.has("keys"):
        op.create_table(
            names.of("keys"),
            Column("key_id", Name(128), primary_key=True),
            Column("proof", Bytes, nullable=False),
            schema=names.schema,
            **ENGINE,
        )
    if "head" not in names.columns("threads"):
        op.add_column(names.of("threads"), Column("head", Name(128)), schema=names.schema)
    if "body" not in names.columns("checkpoints"):
        op.add_column(names.of("checkpoints"), Column("body", Bytes), schema=names.schema)
    _fill_bodies(connection, names)
    _fill_heads(connection, names)
    with op.batch_alter_table(names.of("checkpoints"), schema=names.schema) as checkpoints:
        for name in OLD:
            if name in names.columns("checkpoints"):
                checkpoints.drop_column(name)
        checkpoints.alter_column("body", nullable=False, existing_type=Bytes)


def _checkpoints(names: Names) -> Table:
    keys: list[Column[Any]] = [Column(name, Name(1600), primary_key=True) for name in KEY]
    versions = [Column(name, JSON) for name in OLD[:2]]
    return Table(
        names.of("checkpoints"),
        MetaData(),
        *keys,
        *versions,
        Column("metadata", Bytes),
        Column("checkpoint", Bytes),
        Column("body", Bytes),
        schema=names.schema,
    )


def _fill_bodies(connection: Connection, names: Names) -> None:
    if not set(OLD) <= names.columns("checkpoints"):
        return  # it was done before
    table = _checkpoints(names)
    key = [table.c[name] for name in KEY]
    query = select(*key, *(table.c[name] for name in OLD)).where(table.c.body.is_(None)).order_by(*key).limit(PAGE)
    change = update(table).where(*(column == bindparam(f"old_{column.name}") for column in key))
    after: Any = None
    while rows := connection.execute(query if after is None else query.where(tuple_(*key) > after)).all():
        bodies = [
            {f"old_{name}": getattr(row, name) for name in KEY}
            | {"new_body": _deflated([row.channel_versions, row.replayed, row.metadata, row.checkpoint])}
            for row in rows
        ]
        connection.execute(change.values(body=bindparam("new_body")), bodies)
        after = tuple(rows[-1][:3])


def _deflated(parts: list[Any]) -> bytes:
    squeezing = zlib.compressobj(1, zlib.DEFLATED, -10, 2)
    return squeezing.compress(ormsgpack.packb(parts)) + squeezing.flush()


def _fill_heads(connection: Connection, names: Names) -> None:
    checkpoints = _checkpoints(names)
    threads = Table(
        names.of("threads"),
        MetaData(),
        Column("thread_id", Name(480)),
        Column("epoch"),
        Column("head", Name(128)),
        schema=names.schema,
    )
    known = select(threads.c.thread_id)
    unknown = select(checkpoints.c.thread_id).where(checkpoints.c.thread_id.not_in(known)).distinct()
    for thread_id in connection.execute(unknown).scalars().all():
        connection.execute(insert(threads).values(thread_id=thread_id, epoch=secrets.randbits(62)))
    latest = select(func.max(checkpoints.c.checkpoint_id)).where(
        checkpoints.c.thread_id == threads.c.thread_id, checkpoints.c.ns == ""
    )
    connection.execute(update(threads).values(head=latest.scalar_subquery()))
