"""The tables, declared once, in a MetaData of their own or of the program that uses the saver.

There are no foreign keys: LangGraph may store the writes of a step before the checkpoint that they belong to.

Lengths are bytes; they bind on MySQL only, where the columns of a key may have 3,072 together.
"""

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, MetaData, Table
from sqlalchemy.dialects import mysql

from threadloom.checkpoints.dialects.types import Bytes, Name

SCHEMA_VERSION = 4

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
            head is the latest checkpoint of the root graph. Whoever has a lease of it is the owner until a time of the
            database's clock (in ms since 1970), and the fence, a random number too, changes with the lease.
        checkpoints: the body holds everything but the values; see `records.Body`.
        values: a channel's value, once for each version of the channel. A channel without a row is empty at that
            version. Of what is long, the row has the top of a tree of elements only.
        writes: what tasks wrote after a checkpoint.
        keys: with which the contents are encrypted, if they are; see `keyring`.
        elements: parts of values and writes, each once in a thread under the digest of its bytes. `inner` tells
            whether it refers to other elements: those are read to find out what is still in use.
        runs: what was started in a thread, and what became of it; see `runs.record`. Times are the database's, in ms.
        effects: what runs did to the world; see `runs.ledger`.
        questions: what became of questions that runs asked, as numbered events; see `runs.inquiry`.
        calls: what models answered in runs, by the tasks that asked; see `runs.calls`.
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
            Column("fence", BigInteger),
            Column("owner", THREAD),
            Column("leased_until", BigInteger),
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
        self.runs = self._table(
            "runs",
            Column("thread_id", THREAD, primary_key=True),
            Column("run_id", ID, primary_key=True),
            Column("graph", CHANNEL, nullable=False),
            Column("status", ID, nullable=False),
            Column("wanted", ID),
            Column("request_key", CHANNEL),
            Column("created", BigInteger, nullable=False),
            Column("updated", BigInteger, nullable=False),
            Column("ended", BigInteger),
            Column("body", Bytes, nullable=False),
            Index(f"{prefix}threadloom_runs_id", "run_id", unique=True),
            Index(f"{prefix}threadloom_runs_request", "request_key", unique=True),
            Index(f"{prefix}threadloom_runs_created", "created", "run_id"),
            Index(f"{prefix}threadloom_runs_status", "status", "created", "run_id"),
        )
        self.effects = self._table(
            "effects",
            Column("thread_id", THREAD, primary_key=True),
            Column("scope", CHANNEL, primary_key=True),
            Column("key", CHANNEL, primary_key=True),
            Column("state", ID, nullable=False),
            Column("fence", BigInteger),
            Column("at", BigInteger, nullable=False),
            Column("body", Bytes, nullable=False),
        )
        self.questions = self._table(
            "questions",
            Column("thread_id", THREAD, primary_key=True),
            Column("run_id", ID, primary_key=True),
            Column("handle", CHANNEL, primary_key=True),
            Column("number", Integer, primary_key=True, autoincrement=False),
            Column("event", ID, nullable=False),
            Column("at", BigInteger, nullable=False),
            Column("body", Bytes, nullable=False),
        )
        self.calls = self._table(
            "calls",
            Column("thread_id", THREAD, primary_key=True),
            Column("task_id", CHANNEL, primary_key=True),
            Column("number", Integer, primary_key=True, autoincrement=False),
            Column("run_id", ID, nullable=False),
            Column("fence", BigInteger, nullable=False),
            Column("checkpoint_id", ID, nullable=False),
            Column("ns", NAMESPACE, nullable=False),
            Column("replayed", Boolean, nullable=False),
            Column("at", BigInteger, nullable=False),
            Column("body", Bytes, nullable=False),
        )

    @property
    def contents(self) -> tuple[Table, Table, Table, Table]:
        """Those that hold what a thread consists of."""
        return self.checkpoints, self.values, self.writes, self.elements

    @property
    def affairs(self) -> tuple[Table, Table, Table, Table]:
        """Those that hold what runs in a thread had to do with others; a copy of the thread has none of it."""
        return self.runs, self.effects, self.questions, self.calls

    @property
    def every(self) -> tuple[Table, ...]:
        """All of them."""
        return self.schema, self.threads, *self.contents, self.keys, *self.affairs

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

    A revision of yours that creates them also notes their version: `INSERT INTO threadloom_schema VALUES (4)`; open
    the store with the same schema and prefix, and `auto_setup=False`.

    Args:
        metadata: where to.
        schema, table_prefix: as for `SQLSaver`.
    """
    return Tables(metadata, schema=schema, prefix=table_prefix)
