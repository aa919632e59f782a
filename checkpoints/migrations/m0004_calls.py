"""What models answered in runs is kept."""

from alembic.operations import Operations
from sqlalchemy import BigInteger, Boolean, Column, Integer

from threadloom.checkpoints.dialects.types import Bytes, Name
from threadloom.checkpoints.migrations import Names
from threadloom.checkpoints.migrations.m0001_first_tables import ENGINE


def upgrade(op: Operations, names: Names) -> None:
    """Add the table."""
    if names.has("calls"):
        return
    op.create_table(
        names.of("calls"),
        Column("thread_id", Name(480), primary_key=True),
        Column("task_id", Name(480), primary_key=True),
        Column("number", Integer, primary_key=True, autoincrement=False),
        Column("run_id", Name(128), nullable=False),
        Column("fence", BigInteger, nullable=False),
        Column("checkpoint_id", Name(128), nullable=False),
        Column("ns", Name(1600), nullable=False),
        Column("replayed", Boolean, nullable=False),
        Column("at", BigInteger, nullable=False),
        Column("body", Bytes, nullable=False),
        schema=names.schema,
        **ENGINE,
    )
