"""The tables, declared once.

There are no foreign keys: LangGraph may store the writes of a step before the checkpoint that they belong to.

Lengths are bytes; they bind on MySQL only, where the columns of a key may have 3,072 together.
"""

from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, Integer, LargeBinary, MetaData, Table
from sqlalchemy.dialects import mysql

from threadloom.checkpoints.dialects.types import Bytes, Name

SCHEMA_VERSION = 1

metadata = MetaData()

# What MySQL and MariaDB keep tables in; another, if it is their default, may know no transactions.
ENGINE = "InnoDB"

schema = Table(
    "threadloom_schema",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    mysql_engine=ENGINE,
    mariadb_engine=ENGINE,
)

THREAD = Name(480)
NAMESPACE = Name(1600)
ID = Name(128)
CHANNEL = Name(480)
DIGEST = LargeBinary(16).with_variant(mysql.VARBINARY(16), "mysql", "mariadb")

# A thread that has elements or was written by a run. Its epoch, a random number, changes when elements are deleted.
threads = Table(
    "threadloom_threads",
    metadata,
    Column("thread_id", THREAD, primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    mysql_engine=ENGINE,
    mariadb_engine=ENGINE,
)

checkpoints = Table(
    "threadloom_checkpoints",
    metadata,
    Column("thread_id", THREAD, primary_key=True),
    Column("ns", NAMESPACE, primary_key=True),
    Column("checkpoint_id", ID, primary_key=True),
    Column("parent_id", ID),
    Column("run_id", ID),
    Column("source", ID),
    Column("step", Integer),
    Column("ts", ID, nullable=False),
    # {channel: version}; with the channel it is the key into the table of values.
    Column("channel_versions", JSON, nullable=False),
    # Channels whose value is not stored but rebuilt from the writes of ancestors (LangGraph's DeltaChannel).
    Column("replayed", JSON, nullable=False),
    Column("metadata", Bytes, nullable=False),
    # The rest of the checkpoint: everything but channel values and versions.
    Column("checkpoint", Bytes, nullable=False),
    Index("threadloom_checkpoints_newest", "checkpoint_id", "thread_id", "ns"),
    Index("threadloom_checkpoints_run", "run_id"),
    mysql_engine=ENGINE,
    mariadb_engine=ENGINE,
)

# A channel's value, stored once for each version of the channel. A channel without a row is empty at that version.
# Of what is long, the row has the top of a tree of elements only.
channel_values = Table(
    "threadloom_values",
    metadata,
    Column("thread_id", THREAD, primary_key=True),
    Column("ns", NAMESPACE, primary_key=True),
    Column("channel", CHANNEL, primary_key=True),
    Column("version", ID, primary_key=True),
    Column("type", ID, nullable=False),
    Column("data", Bytes, nullable=False),
    sqlite_with_rowid=False,
    mysql_engine=ENGINE,
    mariadb_engine=ENGINE,
)

writes = Table(
    "threadloom_writes",
    metadata,
    Column("thread_id", THREAD, primary_key=True),
    Column("ns", NAMESPACE, primary_key=True),
    Column("checkpoint_id", ID, primary_key=True),
    Column("task_id", CHANNEL, primary_key=True),
    Column("idx", Integer, primary_key=True, autoincrement=False),
    Column("task_path", NAMESPACE, nullable=False),
    Column("channel", CHANNEL, nullable=False),
    Column("type", ID, nullable=False),
    Column("data", Bytes, nullable=False),
    sqlite_with_rowid=False,
    mysql_engine=ENGINE,
    mariadb_engine=ENGINE,
)

# Parts of values and writes, each once in a thread under the digest of its bytes.
elements = Table(
    "threadloom_elements",
    metadata,
    Column("thread_id", THREAD, primary_key=True),
    Column("digest", DIGEST, primary_key=True),
    # Whether it refers to other elements: those are read to find out what is still in use.
    Column("inner", Boolean, nullable=False),
    Column("data", Bytes, nullable=False),
    mysql_engine=ENGINE,
    mariadb_engine=ENGINE,
)
