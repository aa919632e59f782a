"""The tables, declared once, in a MetaData of their own or of the program that uses the saver.

There are no foreign keys: LangGraph may store the writes of a step before the checkpoint that they belong to.

Lengths are bytes; they bind on MySQL only, where the columns of a key may have 3,072 together.
"""

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, MetaData, Table
from sqlalchemy.dialects import mysql

from threadloom.checkpoints.dialects.types import Bytes, Name

SCHEMA_VERSION = 2

# What MySQL and MariaDB keep tables in; another, if it is their default, may know no transactions.
ENGINE = "InnoDB"

THREAD = Name(480)
NAMESPACE = Name(1600)
ID = Name(128)
CHANNEL = Name(480)
DIGEST = LargeBinary(16).with_variant(mysql.VARBINARY(16), "mysql", "mariadb")


class Tables:
    """The tables of one store.

    Args:
        metadata: where to declare them: that of a program whose migrations are to include them.
        schema: the schema of the database they are in; None for the connection's own.
        prefix: what their names begin with, so that several stores fit into one schema.

    Attributes:
        prefix: as it was given.
        schema: one row, the version of the tables.
        threads: a thread that was written to. Its epoch, a random number, changes when anything of it is deleted; its
            head is the latest checkpoint of the root graph.
        checkpoints: the body holds everything but the values; see `records.Body`.
        values: a channel's value, once for each version of the channel. A channel without a row is empty at that
            version. Of what is long, the row has the top of a tree of elements only.
        writes: what tasks wrote after a checkpoint.
        keys: with which the contents are encrypted, if they are; see `keyring`.
        elements: parts of values and writes, each once in a thread under the digest of its bytes. `inner` tells
            whether it refers to other elements: those are read to find out what is still in use.
    """

    def __init__(self, metadata: MetaData | None = None, *, schema: str | None = None, prefix: str = "") -> None:
        self._metadata = MetaData() if metadata is None else metadata
        self._schema, self.prefix = schema, prefix
        self.schema = self._table("schema", Column("version", Integer, primary_key=True, autoincrement=False))
        self.threads = self._table(
            "threads",
            Column("thread_id", THREAD, primary_key=True),
            Column("epoch", BigInteger, nullable=False),
            Column("head", ID),
        )
        self.checkpoints = self._table(
            "checkpoints",
            Column("thread_id", THREAD, primary_key=True),
            Column("ns", NAMESPACE, primary_key=True),
            Column("checkpoint_id", ID, primary_key=True),
            Column("parent_id", ID),
            Column("run_id", ID),
            Column("source", ID),
            Column("step", Integer),
            Column("ts", ID, nullable=False),
            Column("body", Bytes, nullable=False),
            Index(f"{prefix}threadloom_checkpoints_newest", "checkpoint_id", "thread_id", "ns"),
            Index(f"{prefix}threadloom_checkpoints_run", "run_id"),
        )
        self.values = self._table(
            "values",
            Column("thread_id", THREAD, primary_key=True),
            Column("ns", NAMESPACE, primary_key=True),
            Column("channel", CHANNEL, primary_key=True),
            Column("version", ID, primary_key=True),
            Column("type", ID, nullable=False),
            Column("data", Bytes, nullable=False),
            sqlite_with_rowid=False,
        )
        self.writes = self._table(
            "writes",
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
        )
        self.elements = self._table(
            "elements",
            Column("thread_id", THREAD, primary_key=True),
            Column("digest", DIGEST, primary_key=True),
            Column("inner", Boolean, nullable=False),
            Column("data", Bytes, nullable=False),
        )

        self.keys = self._table("keys", Column("key_id", ID, primary_key=True), Column("proof", Bytes, nullable=False))

    @property
    def contents(self) -> tuple[Table, Table, Table, Table]:
        """Those that hold what a thread consists of."""
        return self.checkpoints, self.values, self.writes, self.elements

    @property
    def every(self) -> tuple[Table, ...]:
        """All of them."""
        return self.schema, self.threads, *self.contents, self.keys

    def _table(self, name: str, *parts: Any, **options: Any) -> Table:
        return Table(
            f"{self.prefix}threadloom_{name}",
            self._metadata,
            *parts,
            schema=self._schema,
            mysql_engine=ENGINE,
            mariadb_engine=ENGINE,
            **options,
        )


def tables_in(metadata: MetaData, *, schema: str | None = None, table_prefix: str = "") -> Tables:
    """Declare the tables of a store in a MetaData of yours, for your own Alembic migrations to create and alter.

    A revision of yours that creates them also notes their version: `INSERT INTO threadloom_schema VALUES (2)`; open
    the store with the same schema and prefix, and `auto_setup=False`.

    Args:
        metadata: where to.
        schema, table_prefix: as for `SQLSaver`.
    """
    return Tables(metadata, schema=schema, prefix=table_prefix)
