"""The tables, declared once.

There are no foreign keys: LangGraph may store the writes of a step before the checkpoint that they belong to.
"""

from sqlalchemy import JSON, Column, Index, Integer, LargeBinary, MetaData, Table, Text

SCHEMA_VERSION = 1

metadata = MetaData()

schema = Table("threadloom_schema", metadata, Column("version", Integer, primary_key=True, autoincrement=False))

checkpoints = Table(
    "threadloom_checkpoints",
    metadata,
    Column("thread_id", Text, primary_key=True),
    Column("ns", Text, primary_key=True),
    Column("checkpoint_id", Text, primary_key=True),
    Column("parent_id", Text),
    Column("run_id", Text),
    Column("source", Text),
    Column("step", Integer),
    Column("ts", Text, nullable=False),
    # {channel: version}; with the channel it is the key into the table of values.
    Column("channel_versions", JSON, nullable=False),
    # Channels whose value is not stored but rebuilt from the writes of ancestors (LangGraph's DeltaChannel).
    Column("replayed", JSON, nullable=False),
    Column("metadata", LargeBinary, nullable=False),
    # The rest of the checkpoint: everything but channel values and versions.
    Column("checkpoint", LargeBinary, nullable=False),
    Index("threadloom_checkpoints_newest", "checkpoint_id", "thread_id", "ns"),
    Index("threadloom_checkpoints_run", "run_id"),
)

# A channel's value, stored once for each version of the channel. A channel without a row is empty at that version.
channel_values = Table(
    "threadloom_values",
    metadata,
    Column("thread_id", Text, primary_key=True),
    Column("ns", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("type", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

writes = Table(
    "threadloom_writes",
    metadata,
    Column("thread_id", Text, primary_key=True),
    Column("ns", Text, primary_key=True),
    Column("checkpoint_id", Text, primary_key=True),
    Column("task_id", Text, primary_key=True),
    Column("idx", Integer, primary_key=True, autoincrement=False),
    Column("task_path", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
)
